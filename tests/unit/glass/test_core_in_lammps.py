"""A potential with a repulsive core in LAMMPS: neither pair style may drop the core."""

import potentials
import pytest
from quenching import CLOSEST, SETTINGS

from gapglass.frames import geometry
from gapglass.glass.pair_style import single_point
from gapglass.potential import agreement, core, gap_fit

pytestmark = pytest.mark.xdist_group("lammps")  # these tests take both cores

HYPERPARAMETERS = {
    "cutoff": 4.0, "cutoff_width": 0.5, "n_max": 4, "l_max": 3, "atom_sigma": 0.5, "zeta": 4, "delta": 0.5,
    "n_sparse": 20, "two_body_cutoff": 3.5, "two_body_delta": 2.0, "two_body_theta": 1.0, "two_body_n_sparse": 10,
    "sigma_energy": 0.002, "sigma_force": 0.1, "sigma_virial": 0.05,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    return core.tables(CLOSEST, ["O", "Te"], inner=0.9, outer=1.3)


@pytest.fixture(scope="module")
def written(tmp_path_factory, blyp_frames, tables):
    """Potentials with a core: of gap_fit, and in the form in which gapglass writes one."""
    folder = tmp_path_factory.mktemp("with_core")
    gap_fit.run_fit(
        blyp_frames[::12], HYPERPARAMETERS, folder / "gap_fit.xml", descriptor="soap_turbo",
        e0={"O": -432.0, "Te": -223.1}, virials=False, seed=1, max_seconds=300, log_path=folder / "log", core=tables,
    )  # fmt: skip
    return {"gap_fit": folder / "gap_fit.xml", "gapglass": potentials.made(folder / "gapglass.xml", tables)}


@pytest.mark.parametrize("writer", ["gap_fit", "gapglass"])
@pytest.mark.parametrize("engine", ["gapglass", "quip"])
def test_core_counts_in_either_pair_style(tmp_path, glass_frame, written, tables, plugin, engine, writer):
    glass_frame.rattle(0.5, seed=3)
    closest = geometry.closest_pairs(glass_frame)
    assert min(closest[pair] / CLOSEST[pair] for pair in CLOSEST) < 0.8
    *of_lammps, read = single_point(
        tmp_path, glass_frame, written[writer], SETTINGS | {"engine": engine, "ranks": 2},
        plugin if engine == "quip" else None,
    )  # fmt: skip
    assert core.energy_forces_virial(read, tables)[0] > 100
    potentials.assert_same(of_lammps, agreement.by_engine(written[writer], [read])[0])
