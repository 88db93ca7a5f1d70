// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair_gapglass.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../gap/error.h"
#include "../gap/potential.h"
#include "atom.h"
#include "comm.h"
#include "elements.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"

using namespace LAMMPS_NS;

namespace {

constexpr int centres_per_call = 256;  // enough for full blocks of the kernels, few enough for the caches

bool is_mass_of(double mass, int element) {
  return std::abs(mass - gapglass_lammps::masses[element]) < 0.01 * gapglass_lammps::masses[element];
}

}  // namespace

PairGapglass::PairGapglass(LAMMPS *lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 0;  // the potential stays in its own file, so a restart needs pair_style and pair_coeff again
  one_coeff = 1;
  manybody_flag = 1;
  no_virial_fdotr_compute = 1;  // compute() adds the virial itself
  centroidstressflag = CENTROID_NOTAVAIL;
}

PairGapglass::~PairGapglass() {
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

void PairGapglass::settings(int narg, char **arg) {
  check_units();
  variance_file.clear();
  if (narg == 2 && strcmp(arg[0], "variance") == 0)
    variance_file = arg[1];
  else if (narg)
    error->all(FLERR, "pair_style gapglass takes nothing, or: variance and the file with the factors of the variance");
}

void PairGapglass::check_units() {
  if (strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR, "pair_style gapglass needs units metal, these are units {}", update->unit_style);
}

void PairGapglass::coeff(int narg, char **arg) {
  read_elements(narg, arg);
  read_potential(arg[2]);

  const int ntypes = atom->ntypes;
  species.assign(ntypes + 1, -1);
  for (int type = 1; type <= ntypes; type++) {
    if (!number[type]) continue;
    species[type] = potential->species(number[type]);
    if (species[type] < 0) {
      std::string known;
      for (int element : potential->elements()) known += std::string(" ") + gapglass_lammps::symbols[element];
      error->all(FLERR, "the potential {} has no {}, which pair_coeff names for atom type {}; its elements are{}", arg[2],
                 arg[2 + type], type, known);
    }
  }

  if (!allocated) {
    allocated = 1;
    memory->create(setflag, ntypes + 1, ntypes + 1, "pair:setflag");
    memory->create(cutsq, ntypes + 1, ntypes + 1, "pair:cutsq");
  }
  for (int i = 1; i <= ntypes; i++)
    for (int j = i; j <= ntypes; j++) setflag[i][j] = number[i] && number[j];
}

// Atomic numbers of the atom types from the arguments of pair_coeff.
void PairGapglass::read_elements(int narg, char **arg) {
  const int ntypes = atom->ntypes;
  if (narg < 3 || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0)
    error->all(FLERR, "pair_coeff of pair_style gapglass is: * * FILE, then one element per atom type");
  if (narg != 3 + ntypes)
    error->all(FLERR, "pair_coeff of pair_style gapglass needs one element for each of the {} atom types, {} are given",
               ntypes, narg - 3);
  const bool hybrid = force->pair_match("^hybrid", 0) != nullptr;
  number.assign(ntypes + 1, 0);
  for (int type = 1; type <= ntypes; type++) {
    const char *name = arg[2 + type];
    if (strcmp(name, "NULL") == 0) {
      if (!hybrid)
        error->all(FLERR, "NULL for atom type {} leaves it to another style, which needs pair_style hybrid/overlay", type);
      continue;
    }
    number[type] = gapglass_lammps::atomic_number(name);
    if (!number[type]) error->all(FLERR, "{} for atom type {} is the symbol of no element", name, type);
  }
  if (std::count(number.begin() + 1, number.end(), 0) == ntypes)
    error->all(FLERR, "pair_coeff of pair_style gapglass names no element, only NULL");
}

// Every rank reads the files itself: they have some MB, and nothing has to be packed and sent.
void PairGapglass::read_potential(const std::string &path) {
  std::string problem;
  evaluator.reset();  // that of an earlier pair_coeff belongs to the potential that goes now
  try {
    potential = std::make_unique<gapglass::Potential>(gapglass::Potential::read(path));
    if (!variance_file.empty()) potential->read_variance(variance_file);
    evaluator = std::make_unique<gapglass::Evaluator>(*potential);
  } catch (const gapglass::Error &refused) {
    problem = refused.what();
  }
  fail_together(problem);
  cutoff = potential->cutoff();

  // Ranks on different machines may have different SIMD levels, and then their last digits differ.
  char level[16] = {0};
  strncpy(level, evaluator->level().c_str(), sizeof(level) - 1);
  MPI_Bcast(level, sizeof(level), MPI_CHAR, 0, world);
  int differs = evaluator->level() != level, any = 0;
  MPI_Allreduce(&differs, &any, 1, MPI_INT, MPI_MAX, world);
  if (comm->me == 0) {
    if (any)
      error->warning(FLERR, "the ranks use different SIMD levels; set GAPGLASS_SIMD for numbers that can be repeated");
    utils::logmesg(lmp, "pair_style gapglass: {}, cutoff {:.6g} A, SIMD level {}, sources {}\n", path, cutoff, level,
                   gapglass::source_digest());
  }
}

// Ends the run on all ranks with the message of the first one that has a problem; each rank passes its own, or nothing.
void PairGapglass::fail_together(const std::string &problem) {
  int mine = problem.empty() ? comm->nprocs : comm->me, first = 0;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, world);
  if (first == comm->nprocs) return;
  int length = static_cast<int>(problem.size());
  MPI_Bcast(&length, 1, MPI_INT, first, world);
  std::string text = problem;
  text.resize(length);
  MPI_Bcast(&text[0], length, MPI_CHAR, first, world);
  error->all(FLERR, "pair_style gapglass: {}", text);
}

void PairGapglass::init_style() {
  check_units();
  if (!force->newton_pair) error->all(FLERR, "pair_style gapglass needs newton on for pairs");
  // Neighbours over bonds with factor 0 are missing from LAMMPS' list, and the energy would be another one in silence.
  if (atom->molecular != Atom::ATOMIC && atom->nbonds > 0)
    for (int k = 1; k <= 3; k++)
      if (force->special_lj[k] == 0.0)
        error->all(FLERR, "pair_style gapglass needs every neighbour: give special_bonds lj/coul 1.0 1.0 1.0");
  check_masses();
  neighbor->add_request(this, NeighConst::REQ_FULL);
}

// Elements in the wrong order give energies without any sign of it. Masses tell: no type of a mass may be named another
// element of the potential while no type with this mass is named the element that it belongs to.
void PairGapglass::check_masses() {
  if (!atom->mass || atom->rmass_flag) return;
  for (int type = 1; type <= atom->ntypes; type++) {
    if (!number[type] || !atom->mass_setflag[type] || is_mass_of(atom->mass[type], number[type])) continue;
    for (int element : potential->elements()) {
      if (!is_mass_of(atom->mass[type], element)) continue;
      bool named = false;
      for (int other = 1; other <= atom->ntypes; other++)
        named = named || (number[other] == element && is_mass_of(atom->mass[other], element));
      if (!named)
        error->all(FLERR, "atom type {} has the mass of {}, {:.6g}, but pair_coeff names it {}; mend the order of the elements",
                   type, gapglass_lammps::symbols[element], atom->mass[type], gapglass_lammps::symbols[number[type]]);
    }
  }
}

double PairGapglass::init_one(int i, int j) {
  if (!setflag[i][j]) error->all(FLERR, "All pair coeffs are not set");
  return cutoff;
}

void PairGapglass::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  if (variance_flag) {
    variance.assign(std::max(atom->nlocal, 1), 0.0);
    variance_step = update->ntimestep;
  }
  for (int begin = 0; begin < list->inum; begin += centres_per_call) {
    gather(begin, std::min(begin + centres_per_call, list->inum));
    const int centres = static_cast<int>(chunk.centre.size());
    if (!centres) continue;
    chunk.energies.resize(centres);
    chunk.gradients.resize(chunk.vectors.size());
    if (variance_flag) chunk.variances.resize(centres);

    gapglass::Environments environments;
    environments.centres = centres;
    environments.species = chunk.species.data();
    environments.first = chunk.first.data();
    environments.vectors = chunk.vectors.data();
    environments.neighbour_species = chunk.neighbour_species.data();
    gapglass::Results results;
    results.energies = chunk.energies.data();
    results.gradients = chunk.gradients.data();
    if (variance_flag) results.variances = chunk.variances.data();
    try {
      evaluator->compute(environments, results);
    } catch (const gapglass::Error &refused) {
      error->one(FLERR, "pair_style gapglass, step {}: {}", update->ntimestep, refused.what());
    }
    scatter();
  }
}

// Fills the chunk with the atoms list->ilist[begin ... end - 1] and their neighbours within the cutoff.
void PairGapglass::gather(int begin, int end) {
  double **x = atom->x;
  const int *type = atom->type;
  const double cutoff_squared = cutoff * cutoff;
  chunk.centre.clear();
  chunk.species.clear();
  chunk.first.assign(1, 0);
  size_t most = 0;
  for (int ii = begin; ii < end; ii++) most += list->numneigh[list->ilist[ii]];
  chunk.neighbour.resize(most);
  chunk.neighbour_species.resize(most);
  chunk.vectors.resize(3 * most);
  size_t n = 0;
  for (int ii = begin; ii < end; ii++) {
    const int i = list->ilist[ii];
    if (species[type[i]] < 0) continue;
    for (int jj = 0; jj < list->numneigh[i]; jj++) {
      const int j = list->firstneigh[i][jj] & NEIGHMASK;
      const double dx = x[j][0] - x[i][0], dy = x[j][1] - x[i][1], dz = x[j][2] - x[i][2];
      // Every neighbour is written, and the next one overwrites it if it does not count: a branch that nobody can
      // predict would cost more. A distance that is not a number has to reach the evaluator, which refuses it.
      chunk.neighbour[n] = j;
      chunk.neighbour_species[n] = species[type[j]];
      chunk.vectors[3 * n] = dx;
      chunk.vectors[3 * n + 1] = dy;
      chunk.vectors[3 * n + 2] = dz;
      n += (species[type[j]] >= 0) & !(dx * dx + dy * dy + dz * dz >= cutoff_squared);
    }
    chunk.centre.push_back(i);
    chunk.species.push_back(species[type[i]]);
    chunk.first.push_back(static_cast<int>(n));
  }
  chunk.neighbour.resize(n);
  chunk.neighbour_species.resize(n);
  chunk.vectors.resize(3 * n);
}

// Adds the chunk's energies, forces and virials to LAMMPS' arrays. What ghost atoms receive, LAMMPS sends to their owners.
void PairGapglass::scatter() {
  double **f = atom->f;
  for (size_t c = 0; c < chunk.centre.size(); c++) {
    const int i = chunk.centre[c];
    if (eflag_global) eng_vdwl += chunk.energies[c];
    if (eflag_atom) eatom[i] += chunk.energies[c];
    if (variance_flag) variance[i] = chunk.variances[c];
    for (int n = chunk.first[c]; n < chunk.first[c + 1]; n++) {
      const int j = chunk.neighbour[n];
      const double *g = &chunk.gradients[3 * n], *r = &chunk.vectors[3 * n];
      for (int k = 0; k < 3; k++) {
        f[i][k] += g[k];
        f[j][k] -= g[k];
      }
      if (!vflag_either) continue;
      // xx yy zz xy xz yz; of an atom's own part, which need not be symmetric, the symmetric half.
      const double v[6] = {-r[0] * g[0],
                           -r[1] * g[1],
                           -r[2] * g[2],
                           -0.5 * (r[0] * g[1] + r[1] * g[0]),
                           -0.5 * (r[0] * g[2] + r[2] * g[0]),
                           -0.5 * (r[1] * g[2] + r[2] * g[1])};
      for (int k = 0; k < 6; k++) {
        if (vflag_global) virial[k] += v[k];
        if (vflag_atom) {
          vatom[i][k] += 0.5 * v[k];
          vatom[j][k] += 0.5 * v[k];
        }
      }
    }
  }
}

void *PairGapglass::extract(const char *name, int &dimensions) {
  dimensions = 0;
  if (strcmp(name, "variance_flag") == 0 && !variance_file.empty()) return &variance_flag;
  return nullptr;
}

// Null for a step without variances, on which fix pair then stops rather than to repeat those of an earlier step.
void *PairGapglass::extract_peratom(const char *name, int &columns) {
  columns = 0;
  if (strcmp(name, "variance") == 0 && variance_step == update->ntimestep) return variance.data();
  return nullptr;
}

double PairGapglass::memory_usage() {
  double bytes = Pair::memory_usage() + variance.capacity() * sizeof(double);
  bytes += (chunk.centre.capacity() + chunk.species.capacity() + chunk.first.capacity() + chunk.neighbour.capacity() +
            chunk.neighbour_species.capacity()) * sizeof(int);
  bytes += (chunk.vectors.capacity() + chunk.energies.capacity() + chunk.gradients.capacity() +
            chunk.variances.capacity()) * sizeof(double);
  return bytes;
}
