"""Small writers of files of VASP and Quantum ESPRESSO in their documented layouts, for tests of the readers."""

from dataclasses import dataclass

import numpy as np
from ase import units

VOIGT = [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0)]


@dataclass
class Step:
    """One step: Å, eV, eV/Å; pressure is the tensor in kB."""

    symbols: list
    scaled: np.ndarray
    cell: np.ndarray
    energy: float
    forces: np.ndarray
    pressure: np.ndarray
    temperature: float

    @property
    def positions(self):
        return self.scaled @ self.cell

    @property
    def kinetic(self):
        """Kinetic energy (eV) of the temperature, with three degrees of freedom less than coordinates."""
        return 1.5 * (len(self.symbols) - 1) * units.kB * self.temperature


def types(symbols):
    """Return the species and their numbers, in the order of the atoms, which are sorted by species."""
    names = list(dict.fromkeys(symbols))
    return names, [symbols.count(name) for name in names]


def rows(numbers, form="{:14.8f}"):
    return "".join("".join(form.format(value) for value in row) + "\n" for row in numbers)


def outcar(steps, nelm=60, iterations=3):
    """Return the text of an OUTCAR of an MD run."""
    names, counts = types(steps[0].symbols)
    text = " vasp.6.3.2 27Jun22 complex\n\n"
    for name in names:
        text += f"   VRHFIN ={name}: s2p4\n   LEXCH  = PE\n   TITEL  = PAW_PBE {name} 08Apr2002\n"
    text += f"   number of dos      NEDOS =    301   number of ions     NIONS = {len(steps[0].symbols):6d}\n"
    text += "   ions per type =            " + "".join(f"{n:4d}" for n in counts[:10]) + "\n\n"
    text += f"   ENCUT  =  400.0 eV  29.40 Ry\n   NELM   = {nelm:6d};   NELMIN=  4\n   EDIFF  = 0.1E-05\n"
    text += f"   NSW    = {len(steps):6d}    number of steps for IOM\n   IBRION =      0    ionic relax\n"
    text += "   POTIM  = 2.0000    time-step\n   ISMEAR =     0;   SIGMA  =   0.05  broadening in eV\n"
    for number, step in enumerate(steps, 1):
        text += _outcar_step(number, step, iterations)
    return text + " General timing and accounting informations for this job:\n"


def _outcar_step(number, step, iterations):
    text = ""
    for iteration in range(1, iterations + 1):
        text += f"--------------------------------------- Iteration {number:6d}({iteration:4d})  -------\n"
        text += f"  free energy    TOTEN  = {step.energy:18.8f} eV\n"
    external = np.trace(step.pressure) / 3
    stress = "".join(f"{step.pressure[i, j]:12.5f}" for i, j in VOIGT)
    text += "  FORCE on cell =-STRESS in cart. coord.  units (eV):\n"
    text += f"  in kB  {stress}\n  external pressure = {external:11.2f} kB  Pullay stress =        0.00 kB\n"
    text += f" VOLUME and BASIS-vectors are now :\n  volume of cell : {abs(np.linalg.det(step.cell)):11.2f}\n"
    text += "      direct lattice vectors                 reciprocal lattice vectors\n"
    text += rows(np.hstack([step.cell, np.linalg.inv(step.cell).T]), "{:13.9f}") + "\n"
    text += " POSITION                                       TOTAL-FORCE (eV/Angst)\n " + "-" * 70 + "\n"
    text += rows(np.hstack([step.positions, step.forces]), "{:14.7f}") + " " + "-" * 70 + "\n"
    text += f"  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  free  energy   TOTEN  = {step.energy:18.8f} eV\n\n"
    text += f"  energy  without entropy= {step.energy:16.8f}  energy(sigma->0) = {step.energy + 0.01:16.8f}\n\n"
    text += f"  ENERGY OF THE ELECTRON-ION-THERMOSTAT SYSTEM (eV)\n% ion-electron   TOTEN  = {step.energy:17.6f}\n"
    text += f"  kinetic energy EKIN   = {step.kinetic:17.6f}\n"
    return text + f"  kin. lattice  EKIN_LAT=  0.000000  (temperature {step.temperature:8.2f} K)\n"


def vasprun(steps, nelm=60, iterations=3):
    """Return the text of a vasprun.xml of an MD run."""
    names, _ = types(steps[0].symbols)
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n <generator>\n'
    text += (
        '  <i name="program" type="string">vasp </i>\n  <i name="version" type="string">6.3.2  </i>\n </generator>\n'
    )
    text += ' <parameters>\n  <i type="int" name="IBRION">     0</i>\n  <i name="POTIM">      2.00000000</i>\n'
    text += f'  <i type="int" name="NELM">{nelm:6d}</i>\n  <i name="ENMAX">    400.00000000</i>\n </parameters>\n'
    text += f" <atominfo>\n  <atoms> {len(steps[0].symbols)} </atoms>\n  <types> {len(names)} </types>\n"
    text += '  <array name="atoms" >\n   <field type="string">element</field>\n'
    text += '   <field type="int">atomtype</field>\n   <set>\n'
    text += "".join(f"    <rc><c>{s:2}</c><c>{names.index(s) + 1:4d}</c></rc>\n" for s in steps[0].symbols)
    text += "   </set>\n  </array>\n </atominfo>\n"
    for step in steps:
        text += _vasprun_step(step, iterations)
    return text + "</modeling>\n"


def _varray(name, numbers):
    body = "".join(f"   <v> {' '.join(f'{value:.8f}' for value in row)} </v>\n" for row in numbers)
    return f'  <varray name="{name}" >\n{body}  </varray>\n'


def _vasprun_step(step, iterations):
    def energies(zero):
        values = {"e_fr_energy": step.energy, "e_wo_entrp": step.energy + 0.02, "e_0_energy": zero}
        return "".join(f'   <i name="{name}"> {value:.8f} </i>\n' for name, value in values.items())

    text = " <calculation>\n"
    for _ in range(iterations):
        text += f"  <scstep>\n  <energy>\n{energies(step.energy + 0.01)}  </energy>\n  </scstep>\n"
    text += "  <structure>\n  <crystal>\n" + _varray("basis", step.cell)
    text += f'   <i name="volume"> {abs(np.linalg.det(step.cell)):.8f} </i>\n  </crystal>\n'
    text += _varray("positions", step.scaled) + "  </structure>\n" + _varray("forces", step.forces)
    return text + _varray("stress", step.pressure) + f"  <energy>\n{energies(0.0)}  </energy>\n </calculation>\n"


def ml_ab(steps):
    """Return the text of an ML_AB."""
    names, counts = types(steps[0].symbols)

    def section(title, body, line="="):
        return f"{line * 50}\n     {title}\n{'-' * 50}\n{body}"

    text = " 1.0 Version\n" + section("The number of configurations", f"   {len(steps)}\n", "*")
    text += section("The atom types in the data file", "     " + " ".join(names) + "\n", "*") + "*" * 50 + "\n"
    for number, step in enumerate(steps, 1):
        text += f"     Configuration num. {number:6d}\n" + section("System name", "     test\n")
        text += section("The number of atom types", f"   {len(names)}\n")
        text += section("The number of atoms", f"   {len(step.symbols)}\n")
        listed = "".join(f"     {name} {count}\n" for name, count in zip(names, counts, strict=True))
        text += section("Atom types and atom numbers", listed, "*")
        text += section("Primitive lattice vectors (ang.)", rows(step.cell, "{:25.16e}"))
        text += section("Atomic positions (ang.)", rows(step.positions, "{:25.16e}"))
        text += section("Total energy (eV)", f"   {step.energy:.16e}\n")
        text += section("Forces (eV ang.^-1)", rows(step.forces, "{:25.16e}"))
        stress = [[step.pressure[i, j] for i, j in part] for part in (VOIGT[:3], VOIGT[3:])]
        text += section("Stress (kbar)", "     XX YY ZZ\n" + "-" * 50 + "\n" + rows(stress[:1], "{:25.16e}"))
        text += "-" * 50 + "\n     XY YZ ZX\n" + "-" * 50 + "\n" + rows(stress[1:], "{:25.16e}") + "*" * 50 + "\n"
    return text


def pw_output(steps, unconverged=()):
    """Return the output of pw.x of an md run; the steps of ``unconverged`` do not reach the SCF threshold."""
    names, _ = types(steps[0].symbols)
    first, alat = steps[0], np.linalg.norm(steps[0].cell[0])
    text = (
        f"\n     Program PWSCF v.6.7MaX starts\n\n     lattice parameter (alat)  = {alat / units.Bohr:17.9f}  a.u.\n"
    )
    text += f"     unit-cell volume          = {abs(np.linalg.det(first.cell)) / units.Bohr**3:15.4f} (a.u.)^3\n"
    text += f"     number of atoms/cell      = {len(first.symbols):12d}\n"
    text += f"     number of atomic types    = {len(names):12d}\n     kinetic-energy cutoff     =      16.0000  Ry\n\n"
    text += "     crystal axes: (cart. coord. in units of alat)\n"
    for number, vector in enumerate(first.cell / alat, 1):
        text += f"               a({number}) = ( " + "".join(f"{value:14.9f}" for value in vector) + " )\n"
    text += "\n     atomic species   valence    mass     pseudopotential\n"
    text += "".join(
        f"        {name:2}             4.00    {_mass(name):10.5f}     {name:2}( 1.00)\n" for name in names
    )
    text += "\n     site n.     atom                  positions (alat units)\n"
    for number, (symbol, place) in enumerate(zip(first.symbols, first.positions / alat, strict=True), 1):
        text += f"     {number:5d}           {symbol:2}  tau({number:4d}) = ("
        text += "".join(f"{value:14.9f}" for value in place) + "  )\n"
    text += "\n     number of k points=     1\n\n"
    for number, step in enumerate(steps):
        text += _pw_step(number, step, names, number in unconverged)
        if number + 1 < len(steps):
            following = steps[number + 1]
            text += "\nCELL_PARAMETERS (angstrom)\n" + rows(following.cell, "{:16.9f}")
            text += "\nATOMIC_POSITIONS (crystal)\n"
            for symbol, place in zip(following.symbols, following.scaled, strict=True):
                text += f"{symbol:2}" + "".join(f"{value:18.10f}" for value in place) + "\n"
        text += f"\n     kinetic energy (Ekin) = {step.kinetic / units.Rydberg:20.8f} Ry\n"
        text += f"     temperature           = {step.temperature:20.8f} K\n"
    return text + "\n   JOB DONE.\n"


def _mass(name):
    from ase.data import atomic_masses, atomic_numbers

    return atomic_masses[atomic_numbers[name]]


def _pw_step(number, step, names, unconverged):
    energy = f"{step.energy / units.Rydberg:17.8f} Ry\n"
    text = f"\n     Self-consistent Calculation\n\n     iteration #  1\n\n     total energy              ={energy}\n"
    if unconverged:
        text += (
            f"     total energy              ={energy}     convergence NOT achieved after 100 iterations: stopping\n"
        )
    else:
        text += f"!    total energy              ={energy}\n     convergence has been achieved in  10 iterations\n"
    text += "\n     Forces acting on atoms (cartesian axes, Ry/au):\n\n"
    unit = units.Rydberg / units.Bohr
    for place, (symbol, force) in enumerate(zip(step.symbols, step.forces / unit, strict=True), 1):
        text += f"     atom {place:4d} type {names.index(symbol) + 1:2d}   force = "
        text += "".join(f"{value:14.8f}" for value in force) + "\n"
    text += (
        f"\n     Total force = {np.linalg.norm(step.forces) / unit:12.6f}     Total SCF correction =     0.000001\n\n"
    )
    kbar = 0.1 * units.GPa * units.Bohr**3 / units.Rydberg
    text += f"          total   stress  (Ry/bohr**3)      (kbar)     P= {np.trace(step.pressure) / 3:12.2f}\n"
    text += rows(np.hstack([step.pressure * kbar, step.pressure]), "{:16.10f}")
    text += "\n     Time step             =    20.00 a.u.,  0.9676 femto-seconds\n\n"
    return text + f"     Entering Dynamics:    iteration = {number + 1:5d}\n"


def cp_files(steps, every=10):
    """Return the texts of .pos, .for, .cel and .evp of cp.x."""
    files = {"pos": "", "for": "", "cel": "", "evp": "#   nfi    time(ps)        ekinc        T_cell(K)     Tion(K)"}
    files["evp"] += "          etot               enthal               econs               econt          Volume\n"
    for number, step in enumerate(steps, 1):
        nfi, time = number * every, number * every * 1.2e-4
        head = f"{nfi:8d} {time:12.8f}\n"
        files["pos"] += head + rows(step.positions / units.Bohr, "{:25.14e}")
        files["for"] += head + rows(step.forces / (units.Hartree / units.Bohr), "{:25.14e}")
        files["cel"] += head + rows(step.cell.T / units.Bohr, "{:25.14e}")
        energy, kinetic = step.energy / units.Hartree, step.kinetic / units.Hartree
        volume = abs(np.linalg.det(step.cell)) / units.Bohr**3
        files["evp"] += f"{nfi:8d} {time:13.6e} 1.0E-04 0.0E+00 {step.temperature:13.6e}"
        files["evp"] += "".join(f"{value:21.12f}" for value in (energy, energy, energy + kinetic, energy + kinetic))
        files["evp"] += f" {volume:.8E}\n"
    return files


def cpmd_files(steps, every=10):
    """Return the texts of FTRAJECTORY and ENERGIES of CPMD, with atoms at rest."""
    files = {"FTRAJECTORY": "", "ENERGIES": ""}
    for number, step in enumerate(steps, 1):
        nfi = number * every
        table = np.hstack(
            [step.positions / units.Bohr, np.zeros_like(step.forces), step.forces / (units.Hartree / units.Bohr)]
        )
        files["FTRAJECTORY"] += "".join(
            f"{nfi:8d}" + "".join(f"{value:22.14f}" for value in row) + "\n" for row in table
        )
        energy, kinetic = step.energy / units.Hartree, step.kinetic / units.Hartree
        files["ENERGIES"] += f"{nfi:10d}  0.001 {step.temperature:12.3f}"
        files["ENERGIES"] += (
            "".join(f"{v:20.10f}" for v in (energy, energy + kinetic, energy + kinetic)) + " 1E-6 1.2\n"
        )
    return files
