"""pair_style quip in LAMMPS, from our plug-in and from the user's own LAMMPS, against quippy."""

import numpy as np
import pandas as pd
import pytest
from quenching import SETTINGS, SHORT, SPECIES, STAGE, run_stage

from gapglass.base.errors import UserError
from gapglass.base.programs import program
from gapglass.glass import lammps, packing, pair_style, quip_plugin, stages
from gapglass.potential import quip

pytestmark = pytest.mark.xdist_group("lammps")  # these tests take both cores

QUIP = SETTINGS | {"engine": "quip"}


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("shape", ["cubic", "triclinic"])
def test_plugin_equals_quippy(tmp_path, fitted, plugin, glass_frame, ranks, shape):
    potential, _ = fitted
    if shape == "triclinic":
        cell = np.array(glass_frame.cell)
        cell[1, 0], cell[2, 0], cell[2, 1] = 1.1, -0.7, 0.9
        glass_frame.set_cell(cell, scale_atoms=True)
    *values, read = pair_style.single_point(tmp_path, glass_frame, potential, QUIP | {"ranks": ranks}, plugin)
    energy, forces, virial = quip.evaluate(potential, [read])[0]
    assert abs(values[0] - energy) < 1e-6
    np.testing.assert_allclose(values[1], forces, rtol=0, atol=1e-5)
    np.testing.assert_allclose(values[2], virial, rtol=1e-5, atol=1e-4)


def test_stage_with_quip_begins_as_with_the_engine(tmp_path, fitted, plugin, glass_frame):
    energies = {}
    for name, settings, library in (("quip", QUIP, plugin), ("gapglass", SETTINGS, None)):
        made = run_stage(tmp_path / name, glass_frame, fitted[0], SHORT, settings, plugin=library)
        energies[name] = pd.read_csv(made["thermo"], comment="#")["potential_energy_ev"].to_numpy()
    assert len(energies["quip"]) > 5
    np.testing.assert_allclose(energies["gapglass"], energies["quip"], rtol=0, atol=1e-3)


def test_energy_is_conserved(tmp_path, fitted, plugin, glass_frame):
    packing.write_data(tmp_path / "start.data", glass_frame, SPECIES)
    values = pair_style.potential_values(fitted[0], QUIP)
    text = lammps.render("point.in.j2", plugin=plugin, **values).split("compute ")[0] + (
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
    potential, own = fitted[0], QUIP | {"lammps_command": [program("lmp")]}
    energy, _, _, read = pair_style.single_point(tmp_path, glass_frame, potential, own)
    assert abs(energy - quip.evaluate(potential, [read])[0][0]) < 1e-6
    guards = stages.stage_guards(STAGE, SETTINGS, {})
    text = stages.stage_input(
        STAGE, QUIP, title="t", potential=potential, plugin=None, restart=False, velocity_seed=1, guards=guards
    )
    assert "plugin" not in text


def test_launcher_that_does_not_fit_is_reported(tmp_path, fitted, plugin, glass_frame):
    own = QUIP | {"ranks": 2, "lammps_command": [program("lmp")]}
    with pytest.raises(UserError, match="ran on 1 MPI rank"):
        pair_style.single_point(tmp_path, glass_frame, fitted[0], own, plugin)


def test_absent_compiler_and_launcher_are_reported(tmp_path, fitted, glass_frame):
    with pytest.raises(UserError, match="no C\\+\\+ compiler no-such-compiler"):
        quip_plugin.build_plugin(tmp_path / "quip.so", tmp_path / "log", compiler="no-such-compiler")
    assert not (tmp_path / "quip.so").exists()
    own = QUIP | {"lammps_command": ["no-such-lmp"]}
    with pytest.raises(UserError, match=r"cannot start no-such-lmp.*glass\.lammps_command"):
        pair_style.single_point(tmp_path, glass_frame, fitted[0], own)
