"""Random frames written in the formats of VASP, Quantum ESPRESSO and CPMD come back; a cut file loses none in silence.

The writers are those of ``first_principles`` and, for XDATCAR, ASE's.
"""

import warnings
from itertools import takewhile

import first_principles as files
import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import frames_of

from gapglass.base.errors import UserError

SHORT = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SPECIES = ("Te", "O", "H", "Zr")


@st.composite
def runs(draw):
    """Return the steps of a run: the same atoms, sorted by species, in cells of 6 to 9 Å that may change."""
    counts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    symbols = [name for name, count in zip(SPECIES, counts, strict=False) for _ in range(count)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        cell = np.diag(rng.uniform(6, 9, 3)) + np.tril(rng.uniform(-1, 1, (3, 3)), -1)
        pressure = rng.normal(0, 20, (3, 3))
        steps.append(
            files.Step(
                symbols=symbols,
                scaled=rng.uniform(-0.2, 1.2, (len(symbols), 3)),
                cell=cell,
                energy=float(rng.uniform(-900, -1)),
                forces=rng.normal(0, 3, (len(symbols), 3)),
                pressure=(pressure + pressure.T) / 2,
                temperature=float(rng.uniform(250, 3000)),
            )
        )
    return steps


def xdatcar(steps, path):
    """Write an XDATCAR with ASE."""
    images = [Atoms(s.symbols, cell=s.cell, scaled_positions=s.scaled, pbc=True) for s in steps]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(path, images, format="vasp-xdatcar")


def written(form, steps, folder):
    """Write a run in a format; return the main file and the options to read it."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    options = {}
    if form == "XDATCAR":
        xdatcar(steps, folder / "XDATCAR")
    elif form == "cp.pos":
        for suffix, text in files.cp_files(steps).items():
            (folder / f"cp.{suffix}").write_text(text)
    elif form == "FTRAJECTORY":
        for name, text in files.cpmd_files(steps).items():
            (folder / name).write_text(text)
    else:
        texts = {"OUTCAR": files.outcar, "vasprun.xml": files.vasprun, "ML_AB": files.ml_ab, "pw.out": files.pw_output}
        (folder / form).write_text(texts[form](steps))
    if form in ("cp.pos", "FTRAJECTORY"):
        options["species"] = list(steps[0].symbols)
    return folder / form, options


def assert_same(raw, step, form, whole=True):
    """Compare a frame with what was written; with ``whole`` false, it may lack labels."""
    assert list(raw.atoms.symbols) == step.symbols
    if form != "FTRAJECTORY" and (whole or raw.atoms.cell.rank):
        np.testing.assert_allclose(raw.atoms.cell, step.cell, atol=1e-6)
    apart = raw.atoms.positions - step.positions
    if form == "XDATCAR":  # ASE wraps the positions, and writes the cell with six digits.
        apart -= np.rint(apart @ np.linalg.inv(step.cell)) @ step.cell
    np.testing.assert_allclose(apart, 0, atol=3e-6 if form == "XDATCAR" else 3e-7)
    if form == "XDATCAR":
        return
    energy = raw.energies.get("free_energy", raw.energies.get("energy"))
    if whole or energy is not None:
        assert energy == pytest.approx(step.energy, abs=3e-7)
    if whole or raw.forces is not None:
        np.testing.assert_allclose(raw.forces, step.forces, atol=3e-7)
    if form in ("OUTCAR", "vasprun.xml", "ML_AB", "pw.out") and (whole or raw.virial is not None):
        virial = step.pressure * abs(np.linalg.det(step.cell)) / 1602.1766208
        np.testing.assert_allclose(raw.virial, virial, atol=1e-4)
    if form in ("OUTCAR", "pw.out", "cp.pos", "FTRAJECTORY") and (whole or raw.temperature_k is not None):
        assert raw.temperature_k == pytest.approx(step.temperature, abs=0.01)


def is_whole(found, steps, form):
    """Return whether all frames are there with all their labels."""
    try:
        for raw, step in zip(found, steps, strict=True):
            assert_same(raw, step, form)
    except (AssertionError, TypeError, ValueError):
        return False
    return True


FORMS = ("OUTCAR", "vasprun.xml", "XDATCAR", "ML_AB", "pw.out", "cp.pos", "FTRAJECTORY")


@pytest.mark.parametrize("form", FORMS)
@SHORT
@given(steps=runs())
def test_random_frames_come_back(form, steps, tmp_path):
    path, options = written(form, steps, tmp_path / "run")
    found, source = frames_of(path, **options)
    assert len(found) == len(steps) and not source.dropped
    assert [note for note in source.notes if "velocities" not in note] == []
    for raw, step in zip(found, steps, strict=True):
        assert_same(raw, step, form)


@pytest.mark.parametrize("form", FORMS)
@SHORT
@given(steps=runs(), share=st.floats(0, 1), which=st.integers(0, 3))
def test_cut_file_gives_an_error_or_complete_frames_and_tells_the_loss(form, steps, share, which, tmp_path):
    path, options = written(form, steps, tmp_path / "run")
    of_run = sorted(path.parent.iterdir())
    cut = of_run[which % len(of_run)]
    data = cut.read_bytes()
    size = int(share * (len(data) - 1))
    cut.write_bytes(data[:size])
    try:
        found, source = frames_of(path, **options)
    except UserError:
        return
    for raw, step in zip(found, steps, strict=False):
        assert_same(raw, step, form, whole=False)
    # Between two records, nothing shows that more has followed, unless a companion or a count tells it.
    between = form == "XDATCAR" and data[:size].endswith(b"\n") and _ends_record(data, size, steps)
    told = [*source.dropped, *(note for note in source.notes if "velocities" not in note)]
    assert told or between or is_whole(found, steps, form), (cut.name, size, data[max(size - 80, 0) : size])


def _ends_record(data, size, steps):
    """Return whether the next bytes begin a new configuration of an XDATCAR or the header before it."""
    lines = data[:size].decode().splitlines()
    rows = list(takewhile(lambda line: "configuration" not in line, reversed(lines)))
    return len(rows) == len(steps[0].symbols)
