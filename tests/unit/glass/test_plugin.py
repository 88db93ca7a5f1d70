"""pair_style quip in LAMMPS, from our plug-in and from the user's own LAMMPS, against quippy."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from ase import units
from quenching import SETTINGS, SPECIES, STAGE

from gapglass.base.errors import UserError
from gapglass.base.programs import program
from gapglass.glass import lammps, packing, quip_plugin, stages
from gapglass.glass.guards import NO_LIMITS
from gapglass.potential import gap_xml, quip

pytestmark = pytest.mark.xdist_group("lammps")  # these tests take both cores

POINT = """units metal
atom_style atomic
boundary p p p
newton on
{load}
read_data start.data
pair_style quip
pair_coeff * * "{potential}" "Potential xml_label={label}" 8 52
compute virial all pressure NULL virial
thermo_style custom step pe c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6]
thermo_modify format float %.16g
dump forces all custom 1 forces.dump id fx fy fz
dump_modify forces sort id format float %.16g
run 0
"""


def single_point(folder, atoms, potential, *, ranks, load, own=()):
    """Return energy (eV), forces (eV/Å) and stress-like virial pressure (bar, xx yy zz xy xz yz) from LAMMPS."""
    packing.write_data(folder / "start.data", atoms, SPECIES)
    text = POINT.format(load=load, potential=potential, label=gap_xml.potential_label(potential))
    row = lammps.run(folder, text, ranks=ranks, own=own)[-1]
    forces = np.loadtxt(folder / "forces.dump", skiprows=9)[:, 1:]
    return row["PotEng"], forces, np.array([row[f"c_virial[{i}]"] for i in range(1, 7)])


def evaluate(potential, atoms):
    """Load a potential and return what ``quippy_values`` returns."""
    atoms.calc = quip.load_potential(potential)
    return atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)


def quippy_values(potential, atoms):
    """Return energy (eV), forces (eV/Å) and stress (eV/Å³) from quippy, in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        return pool.submit(evaluate, potential, atoms.copy()).result()


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("shape", ["cubic", "triclinic"])
def test_plugin_equals_quippy(tmp_path, fitted, plugin, glass_frame, ranks, shape):
    potential, _ = fitted
    if shape == "triclinic":
        cell = np.array(glass_frame.cell)
        cell[1, 0], cell[2, 0], cell[2, 1] = 1.1, -0.7, 0.9
        glass_frame.set_cell(cell, scale_atoms=True)
    energy, forces, pressure = single_point(
        tmp_path, glass_frame, potential, ranks=ranks, load=f'plugin load "{plugin}"'
    )
    reference, quippy_forces, stress = quippy_values(potential, glass_frame)
    expected = -np.array([stress[i] for i in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]) / units.bar
    assert abs(energy - reference) < 1e-6
    np.testing.assert_allclose(forces, quippy_forces, rtol=0, atol=1e-5)
    np.testing.assert_allclose(pressure, expected, rtol=1e-5, atol=0.05)


def test_energy_is_conserved(tmp_path, fitted, plugin, glass_frame):
    potential, _ = fitted
    packing.write_data(tmp_path / "start.data", glass_frame, SPECIES)
    text = POINT.format(load=f'plugin load "{plugin}"', potential=potential, label=gap_xml.potential_label(potential))
    text = text.split("compute virial")[0] + (
        "velocity all create 300 5\nfix 1 all nve\ntimestep 0.001\nthermo 10\n"
        "thermo_style custom step temp pe etotal\nthermo_modify format float %.16g\nrun 200\n"
    )
    energies = np.array([row["TotEng"] for row in lammps.run(tmp_path, text, ranks=1)])
    assert len(energies) == 21
    assert np.abs(energies - energies[0]).max() / len(glass_frame) < 1e-4


def test_own_lammps_with_the_pair_style_is_used(tmp_path, fitted, plugin, glass_frame, monkeypatch):
    # LAMMPS itself loads every *plugin.so of this folder, so this lmp has pair_style quip without our `plugin load`.
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "quipplugin.so").symlink_to(plugin)
    monkeypatch.setenv("LAMMPS_PLUGIN_PATH", str(tmp_path / "plugins"))
    potential, _ = fitted
    energy, *_ = single_point(tmp_path, glass_frame, potential, ranks=1, load="", own=[program("lmp")])
    assert abs(energy - quippy_values(potential, glass_frame)[0]) < 1e-6
    guards = stages.stage_guards(STAGE, SETTINGS, NO_LIMITS)
    text = stages.stage_input(
        STAGE, SETTINGS, title="t", potential=potential, plugin=None, restart=False, velocity_seed=1, guards=guards
    )
    assert "plugin" not in text


def test_lammps_without_the_pair_style_is_reported(tmp_path, fitted, glass_frame):
    with pytest.raises(lammps.LammpsFailed, match="quip"):
        single_point(tmp_path, glass_frame, fitted[0], ranks=1, load="")


def test_launcher_that_does_not_fit_is_reported(tmp_path, fitted, plugin, glass_frame):
    with pytest.raises(UserError, match="ran on 1 MPI rank"):
        single_point(tmp_path, glass_frame, fitted[0], ranks=2, load=f'plugin load "{plugin}"', own=[program("lmp")])


def test_absent_compiler_and_launcher_are_reported(tmp_path, fitted, glass_frame):
    with pytest.raises(UserError, match="no C\\+\\+ compiler no-such-compiler"):
        quip_plugin.build_plugin(tmp_path / "quip.so", tmp_path / "log", compiler="no-such-compiler")
    assert not (tmp_path / "quip.so").exists()
    with pytest.raises(UserError, match=r"cannot start no-such-lmp.*glass\.lammps_command"):
        single_point(tmp_path, glass_frame, fitted[0], ranks=1, load="", own=["no-such-lmp"])
