// The many-body descriptors: from the text in the file to tables of their radial functions.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "table.h"

namespace gapglass {

// The words of a descriptor, `soap cutoff=4.5 species_Z={8 52}`: its name and for each key a list of values. Every key
// has to be asked for, otherwise `finish` throws Error: an unknown key could change what the descriptor means.
class Arguments {
 public:
  Arguments(const std::string& text, const std::string& where);

  const std::string& name() const { return name_; }
  bool has(const std::string& key) const { return values_.count(key) != 0; }
  std::string word(const std::string& key, const std::string& standard = "") const;
  double number(const std::string& key) const;
  double number(const std::string& key, double standard) const;
  int whole(const std::string& key, int lowest, int highest) const;
  std::vector<double> list(const std::string& key, std::size_t size) const;
  std::vector<int> species() const;  // atomic numbers species_Z, of which n_species says how many there are
  void ignore(const std::string& key) const { asked_[key] = true; }
  // Throws Error unless the key is absent or has this value.
  void require(const std::string& key, const std::string& value) const;
  void finish() const;
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  const std::vector<std::string>& values(const std::string& key) const;

  std::string name_, where_;
  std::map<std::string, std::vector<std::string>> values_;
  mutable std::map<std::string, bool> asked_;
};

struct ManyBody {
  int centre = 0;                        // atomic number
  std::vector<int> species;              // atomic numbers of the neighbours that count, one block each
  std::vector<int> n_max;                // radial functions of each block
  std::vector<std::shared_ptr<const Table>> tables;  // one for each block
  bool separable = false;
  int l_max = 0;
  std::vector<std::vector<double>> central;  // [block][n]: what the centre adds to l = 0
  std::vector<std::pair<int, int>> pairs;    // of functions, counted through all blocks
  std::vector<double> weight;                // [pair][l_max + 1]
  double smallest_norm = 0;
  double cutoff = 0;
  int dimensions = 0;  // of a sparse point in the file, which may have components that are always zero
};

// Tables that several terms share, by the text of what they depend on.
using TableCache = std::map<std::string, std::shared_ptr<const Table>>;

// doi:10.1103/PhysRevB.100.024112, basis poly3gauss.
ManyBody soap_turbo(const Arguments& a, TableCache& cache);
// doi:10.1103/PhysRevB.87.184115, Gaussian basis.
ManyBody soap(const Arguments& a, TableCache& cache);

}  // namespace gapglass
