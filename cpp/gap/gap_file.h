// What stands in a gap.xml, before anything is made of it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "spline.h"

namespace gapglass {

struct GapTerm {
  std::string where;       // file and label, for messages
  std::string descriptor;  // its text
  int covariance_type;     // 1 squared exponential, 2 dot product
  double delta;
  double zeta = 0;                    // covariance type 2
  double theta = 0;                   // covariance type 1
  int dimensions;
  std::vector<double> points;         // [sparse points][dimensions]
  std::vector<double> alpha, cutoff;  // [sparse points]
};

struct GapFile {
  std::string label;
  std::map<int, double> e0;  // atomic number -> eV, zero included
  std::vector<GapTerm> terms;
  std::map<std::pair<int, int>, Spline> core;  // atomic numbers, the smaller one first -> eV, a pair counted once
};

// Reads gap.xml and its separate files of sparse points, which lie beside it. Throws Error for a file that is cut,
// contradicts itself or has parts that the engine does not implement.
GapFile read_gap_file(const std::string& path);

// MD5 of a text as 32 hexadecimal digits (RFC 1321); gap_fit writes that of the separate files into gap.xml.
std::string md5(const std::string& text);

}  // namespace gapglass
