// SPDX-License-Identifier: GPL-2.0-or-later
// pair_style gapglass: energies, forces and virials of a Gaussian approximation potential in LAMMPS.
//
//   pair_style gapglass                       or   pair_style gapglass variance FILE
//   pair_coeff * * gap.xml Te O               one element per atom type; NULL for types of other styles (pair_style hybrid)
//   fix v all pair 100 gapglass variance 1    f_v: predictive variance of an atom's energy, eV², every 100 steps
//
// It derives from LAMMPS' class Pair, hence the licence (LICENSE beside this file). The engine in cpp/gap is under MIT.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../gap/evaluator.h"
#include "pair.h"

namespace LAMMPS_NS {

class PairGapglass : public Pair {
 public:
  explicit PairGapglass(LAMMPS *lmp);
  ~PairGapglass() override;

  void settings(int narg, char **arg) override;
  void coeff(int narg, char **arg) override;
  void init_style() override;
  double init_one(int i, int j) override;
  void compute(int eflag, int vflag) override;
  void *extract(const char *name, int &dimensions) override;
  void *extract_peratom(const char *name, int &columns) override;
  double memory_usage() override;

 private:
  // Neighbours within the cutoff of some of LAMMPS' atoms, in the form that the evaluator takes.
  struct Chunk {
    std::vector<int> centre, species, first, neighbour, neighbour_species;
    std::vector<double> vectors, energies, gradients, variances;
  };

  void read_elements(int narg, char **arg);
  void read_potential(const std::string &path);
  void check_masses();
  void check_units();
  void gather(int begin, int end);
  void scatter();
  void fail_together(const std::string &problem);

  std::unique_ptr<gapglass::Potential> potential;
  std::unique_ptr<gapglass::Evaluator> evaluator;
  std::string variance_file;
  std::vector<int> number;   // atomic number of every atom type, from 1; 0 for NULL
  std::vector<int> species;  // the same as the potential's species; -1 for NULL
  double cutoff = 0.0;       // Å
  int variance_flag = 0;     // set by fix pair for the steps on which it wants variances
  bigint variance_step = -1; // step that the variances belong to
  std::vector<double> variance;  // of every owned atom, eV²
  Chunk chunk;
};

}  // namespace LAMMPS_NS
