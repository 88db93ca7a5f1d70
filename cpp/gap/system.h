// A whole structure: neighbour list, energies, forces and virials in one call.
#pragma once

#include "evaluator.h"

namespace gapglass {

// Neighbours of every atom within a cutoff, periodic images included, for any cell and any choice of periodic axes.
struct Neighbours {
  std::vector<int> first;       // [atoms + 1]
  std::vector<int> index;       // [pairs]
  std::vector<double> vectors;  // [pairs][3], Å
};

// positions [atoms][3] Å; cell [3][3], rows are the cell vectors, Å; periodic [3].
Neighbours find_neighbours(int atoms, const double* positions, const double* cell, const bool* periodic, double cutoff);

struct SystemResults {
  std::vector<double> energies;   // [atoms], eV
  std::vector<double> forces;     // [atoms][3], eV/Å
  std::vector<double> virials;    // [atoms][3][3], eV: - sum of r_ij (x) dE/dr_ij, half to either atom of a pair
  std::vector<double> variances;  // [atoms], eV²; empty unless asked for
};

// Adds the covariances of a structure's labels to `rows`.
void add_rows(Evaluator& evaluator, const Potential& potential, int atoms, const double* positions,
              const int* atomic_numbers, const double* cell, const bool* periodic, const Rows& rows);

// Descriptors of a many-body term, [atoms of its species in their order][components].
std::vector<double> descriptors(Evaluator& evaluator, const Potential& potential, int term, int atoms,
                                const double* positions, const int* atomic_numbers, const double* cell,
                                const bool* periodic);

SystemResults evaluate(Evaluator& evaluator, const Potential& potential, int atoms, const double* positions,
                       const int* atomic_numbers, const double* cell, const bool* periodic, bool variances = false);

}  // namespace gapglass
