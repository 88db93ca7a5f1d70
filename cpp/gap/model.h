// What the evaluator works with: everything of a potential in tables.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aligned.h"
#include "descriptor.h"
#include "kernels.h"
#include "spline.h"
#include "table.h"

namespace gapglass {

// A many-body term and the arrays that its view points to.
struct Term {
  ManyBody descriptor;
  std::vector<int> block_of, block_first, block_size, column, pair_first, pair_second;
  std::vector<TableView> tables;
  Aligned central, weight, sparse, coefficient, harmonic_norm;
  double delta = 0;            // eV
  std::vector<double> scale;  // [sparse points], delta² sparseCutoff: k_m = scale (q . s_m)^zeta
  TermView view{};
};

// A distance_2b term; only the variance asks for its sparse points.
struct TwoBody {
  int first = 0, second = 0;  // species, the smaller one first
  double cutoff = 0, width = 0, delta = 0, theta = 0;
  std::vector<double> points, alpha, sparse_cutoff;
};

// Terms in the order of the file.
struct TermOrder {
  bool many_body;
  int index;
};

// The variance of the local energy of one species of atoms is k_** - |prior k|² + |posterior k|².
struct VarianceFactors {
  int points = 0, prior_rows = 0, posterior_rows = 0;  // rows are padded
  Aligned prior, posterior;
};

struct Model {
  std::string path, label;
  std::vector<int> elements;
  std::vector<double> e0;  // of each species
  double cutoff = 0;
  std::vector<std::unique_ptr<Term>> terms;
  std::vector<TwoBody> two_body;
  std::vector<TermOrder> order;
  std::vector<std::unique_ptr<Table>> pair_table;  // [species][species], null without a two-body term
  std::vector<Spline> core;                        // [species][species]
  bool has_core = false;
  std::vector<VarianceFactors> variance;  // of each species; empty before they are read
};

// f_c(r): 1 up to cutoff - width, then a cosine to 0.
double cosine_cutoff(double r, double cutoff, double width);

}  // namespace gapglass
