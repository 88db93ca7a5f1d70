"""Templates of real codes and small frames for the tests that label with them."""

import numpy as np
from ase import Atoms
from ase.spacegroup import crystal

CP2K = """\
&GLOBAL
  PRINT_LEVEL LOW
&END GLOBAL
&FORCE_EVAL
  METHOD QS
  &DFT
    BASIS_SET_FILE_NAME BASIS_MOLOPT
    POTENTIAL_FILE_NAME GTH_POTENTIALS
    &MGRID
      CUTOFF {cutoff}
      REL_CUTOFF 40
    &END
    &SCF
      EPS_SCF 1E-6
      MAX_SCF {steps}
      &OT
        MINIMIZER DIIS
        PRECONDITIONER FULL_KINETIC
      &END
    &END
    &XC
      &XC_FUNCTIONAL PADE
      &END
    &END
  &END
  &SUBSYS
{kinds}  &END
&END
"""
KIND = """\
    &KIND {symbol}
      BASIS_SET {basis}
      POTENTIAL GTH-PADE-q{electrons}
    &END
"""
PW = """\
&CONTROL
/
&SYSTEM
  ecutwfc = {cutoff}, ecutrho = {density}
  occupations = 'smearing', degauss = 0.01
/
&ELECTRONS
  conv_thr = 1.0d-7
  electron_maxstep = {steps}
/
ATOMIC_SPECIES
  Si 28.086 Si.pz-vbc.UPF
  O 15.999 O.pz-rrkjus.UPF
K_POINTS gamma
"""


def cp2k_template(path, cutoff=200, steps=30, hydrogen="DZVP-MOLOPT-SR-GTH", **electrons):
    """Write a template of CP2K for the elements of ``electrons`` (element=number of valence electrons)."""
    bases = {"H": hydrogen}
    kinds = ""
    for symbol, number in electrons.items():
        kinds += KIND.format(symbol=symbol, electrons=number, basis=bases.get(symbol, "SZV-MOLOPT-SR-GTH"))
    path.write_text(CP2K.format(cutoff=cutoff, steps=steps, kinds=kinds))
    return str(path)


def pw_template(path, cutoff=20, density=120, steps=50):
    """Write a template of pw.x for silica."""
    path.write_text(PW.format(cutoff=cutoff, density=density, steps=steps))
    return str(path)


def hydrogen(length=0.75):
    """Return a hydrogen molecule in a small triclinic cell."""
    cell = [[4.4, 0, 0], [0.3, 4.4, 0], [0, -0.2, 5.0]]
    return Atoms("H2", positions=[[2, 2, 2], [2.1, 2, 2 + length]], cell=cell, pbc=True)


def cristobalite(seed=None):
    """Return the cell of α-cristobalite with 12 atoms, rattled unless ``seed`` is None."""
    basis = [(0.3003, 0.3003, 0.0), (0.2392, 0.1044, 0.1787)]
    atoms = crystal(["Si", "O"], basis, spacegroup=92, cellpar=[4.971, 4.971, 6.928, 90, 90, 90])
    frame = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)
    if seed is not None:
        frame.positions += np.random.default_rng(seed).normal(0, 0.05, frame.positions.shape)
    return frame
