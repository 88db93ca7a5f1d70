// Energies of atoms and their derivatives with respect to the vectors to their neighbours.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "potential.h"

namespace gapglass {

// Atoms (centres) and their neighbours. A neighbour that is not closer than the potential's cutoff is allowed and
// counts nothing; every one that is closer has to be there, each periodic image once.
struct Environments {
  int centres = 0;
  const int* species = nullptr;            // [centres], index into Potential::elements()
  const int* first = nullptr;              // [centres + 1], neighbours of centre i are first[i] ... first[i + 1] - 1
  const double* vectors = nullptr;         // [first[centres]][3], from the centre to the neighbour, Å
  const int* neighbour_species = nullptr;  // [first[centres]]
};

// What is computed; a null pointer leaves a quantity out.
struct Results {
  double* energies = nullptr;   // [centres], eV, e0 included
  double* gradients = nullptr;  // [first[centres]][3], dE_i / d vector, eV/Å
  double* variances = nullptr;  // [centres], eV², predictive variance of the local energy; needs has_variance()
};

// Covariances of the labels of a structure with the sparse points: what a fit needs. Columns are the sparse points of all
// terms in the order of the file. Arrays are added to.
struct Rows {
  double* energy = nullptr;  // [columns]; energies of isolated atoms are no part of it
  double* forces = nullptr;  // [3 atoms][columns], of the forces; null for the energy alone
  double* virial = nullptr;  // [6][columns], of - sum of r (x) dE/dr in the order xx yy zz yz xz xy
};

// SIMD levels that this build has and this machine runs, best first: "avx512", "avx2", "plain".
std::vector<std::string> simd_levels();

// The best level, or the one that the environment variable GAPGLASS_SIMD names; throws Error when it is not there.
std::string simd_level();

// Digest of the C++ sources that this library was compiled from (16 hexadecimal digits).
const char* source_digest();

// Holds scratch memory: one evaluator per thread.
class Evaluator {
 public:
  explicit Evaluator(const Potential& potential, const std::string& level = simd_level());
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;

  // Adds nothing to what the arrays hold: it overwrites them. Best with some hundred centres a call. Throws Error for
  // a distance that is not a number or so short that a potential has no meaning there (below 0.05 Å).
  void compute(const Environments& environments, const Results& results);

  // `centre_atoms` [centres] and `neighbour_atoms` [first[centres]] number the atoms whose forces the rows belong to.
  void rows(const Environments& environments, const int* centre_atoms, const int* neighbour_atoms, const Rows& rows);

  // Descriptors of the centres of a many-body term, which are those of its species: [centres of the species][components].
  // `term` counts the many-body terms in the order of the file.
  std::vector<double> descriptors(const Environments& environments, int term);

  const std::string& level() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gapglass
