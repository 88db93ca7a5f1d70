"""Templates and files of the codes for the tests of this folder; no code needs to be installed."""

BASIS = """\
# a basis set and its twin
H  SMALL-BASIS SMALL-q1
 1
 2 0 1 2 1 1
   11.478000339908  0.024916243200 -0.012512421400 0.024510918200
    3.700758562763  0.079825490000 -0.056449071100 0.058140794100
O  SMALL-BASIS
 1
 2 0 1 2 2 1
   10.389228018317  0.126240722900  0.069215797900 -0.061302037200
"""
POTENTIALS = """\
H GTH-PBE-q1 GTH-PBE
    1
     0.20000000    2    -4.17890044     0.72446331
    0
O GTH-PBE-q6 GTH-PBE
    2    4
     0.24455430    2   -16.66721480     2.48731132
    2
     0.22095592    1    18.33745811
     0.21133247    0
"""
CP2K = """\
&GLOBAL
  PROJECT mine
  PRINT_LEVEL LOW
&END GLOBAL
&FORCE_EVAL
  METHOD QS
  &DFT
    BASIS_SET_FILE_NAME BASIS
    POTENTIAL_FILE_NAME POTENTIALS
    &MGRID
      CUTOFF 320       ! Ry
      REL_CUTOFF 45
    &END
    &QS
      EPS_DEFAULT 1E-10
    &END
    &SCF
      EPS_SCF 5E-6
      MAX_SCF 40
      SCF_GUESS ATOMIC
      &OT
        MINIMIZER DIIS
      &END
      &OUTER_SCF
        EPS_SCF 5E-6
        MAX_SCF 5
      &END
    &END
    &XC
      &XC_FUNCTIONAL PBE
      &END
    &END
  &END
  &SUBSYS
    &CELL
      ABC 5 5 5
    &END
    &KIND H
      BASIS_SET SMALL-BASIS
      POTENTIAL GTH-PBE-q1
    &END
    &KIND O
      BASIS_SET SMALL-BASIS
      POTENTIAL GTH-PBE-q6
    &END
  &END
&END
"""
PW = """\
&CONTROL
  calculation = 'scf', prefix = 'mine', outdir = '/tmp/of/mine/', pseudo_dir = './pseudo/'
/
&SYSTEM
  ecutwfc = 30.0, occupations = 'smearing', degauss = 1.0d-2   ! Ry
  nat = 1, ntyp = 2, ibrav = 0 /
&ELECTRONS
  conv_thr = 1.0d-8
  mixing_beta = 0.4
/
ATOMIC_SPECIES
  H1 1.008 H.upf
  O  15.999 O.upf   ! PAW
K_POINTS automatic
  2 2 2 0 0 0
"""
INCAR = """\
SYSTEM = glass
ENCUT = 400 ; EDIFF = 1E-6   # eV
ISMEAR = 0; SIGMA = 0.05
ALGO = Normal
NCORE = 4
"""
KPOINTS = "comment\n0\nGamma\n1 1 1\n0 0 0\n"


def potcar(symbol):
    """Return the beginning of a POTCAR."""
    return f"  PAW_PBE {symbol} 08Apr2002\n 6.0\n   TITEL  = PAW_PBE {symbol} 08Apr2002\n numbers\n End of Dataset\n"


def cp2k_section(folder, text=CP2K, **more):
    """Write a template with basis sets and potentials beside it; return the section ``labels``."""
    (folder / "BASIS").write_text(BASIS)
    (folder / "POTENTIALS").write_text(POTENTIALS)
    (folder / "cp2k.inp").write_text(text)
    return {"engine": "cp2k", "template": str(folder / "cp2k.inp"), "version": "2023.1"} | more


def espresso_section(folder, text=PW, **more):
    """Write a template with pseudopotentials beside it; return the section ``labels``."""
    (folder / "pseudo").mkdir(exist_ok=True)
    for symbol in "HO":
        (folder / "pseudo" / f"{symbol}.upf").write_text(f"pseudopotential of {symbol}")
    (folder / "pw.in").write_text(text)
    return {"engine": "espresso", "template": str(folder / "pw.in"), "version": "6.7MaX"} | more


def vasp_section(folder, incar=INCAR, **more):
    """Write the files of the user; return the section ``labels``."""
    (folder / "INCAR").write_text(incar)
    (folder / "KPOINTS").write_text(KPOINTS)
    for symbol in ("Te", "O"):
        (folder / f"POTCAR_{symbol}").write_text(potcar(symbol))
    potcars = {symbol: str(folder / f"POTCAR_{symbol}") for symbol in ("Te", "O")}
    files = {"incar": str(folder / "INCAR"), "kpoints": str(folder / "KPOINTS"), "potcars": potcars}
    return {"engine": "vasp"} | files | more
