"""Readers of extended XYZ and ASE's files: what ASE writes comes back equal, and no cut loses anything in silence."""

import io
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import entry

from gapglass.base.errors import UserError
from gapglass.frames import readers, trajectory

QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def files(draw):
    """Return frames with labels in ASE's calculator or under REF_*, and their text written by ASE."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    named = draw(st.booleans())
    frames = []
    for _ in range(draw(st.integers(1, 4))):
        symbols = draw(st.lists(st.sampled_from(["H", "O", "Si", "Te"]), min_size=2, max_size=6))
        cell = np.diag(rng.uniform(5, 12, 3)) + rng.uniform(-1, 1, (3, 3))
        atoms = Atoms(symbols, scaled_positions=rng.uniform(-1, 2, (len(symbols), 3)), cell=cell, pbc=True)
        energy, forces = rng.uniform(-1e4, 0), rng.normal(0, 3, (len(symbols), 3))
        stress = rng.normal(0, 0.1, 6)
        if named:
            atoms.info |= {"REF_energy": energy, "REF_virial": np.arange(9.0), "note": 'a "quoted" word, 4 = four'}
            atoms.arrays["REF_forces"] = forces
        else:
            atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, stress=stress)
        frames.append((atoms, energy, forces, np.arange(9.0) if named else None, stress))
    text = io.StringIO()
    write(text, [frame[0] for frame in frames], format="extxyz")
    return frames, text.getvalue()


def raw_frames(path):
    source = readers.source_of(entry(path))
    return [raw for _, raw in trajectory.read_raw(entry(path), source)], source


def assert_same(raw, frame):
    atoms, energy, forces, virial, stress = frame
    assert (raw.atoms.numbers == atoms.numbers).all()
    np.testing.assert_allclose(raw.atoms.positions, atoms.positions, atol=1e-8)
    np.testing.assert_allclose(raw.atoms.cell[:], atoms.cell[:])
    np.testing.assert_allclose(list(raw.energies.values()), energy)
    np.testing.assert_allclose(raw.forces, forces, atol=1e-8)
    if virial is None:
        virial = -atoms.get_volume() * stress[[0, 5, 4, 5, 1, 3, 4, 3, 2]]
    np.testing.assert_allclose(raw.virial.ravel(), virial)
    assert not raw.faults


@QUIET
@given(made=files())
def test_frames_that_ase_writes_come_back_equal(tmp_path, made):
    frames, text = made
    path = Path(tmp_path / "run.extxyz")
    path.write_text(text)
    found, source = raw_frames(path)
    for raw, frame in zip(found, frames, strict=True):
        assert_same(raw, frame)
    assert not source.dropped and not source.notes


@QUIET
@given(made=files(), data=st.data())
def test_cut_at_any_byte_is_an_error_unless_it_falls_between_two_records(tmp_path, made, data):
    frames, text = made
    cut = data.draw(st.integers(0, len(text) - 1))
    path = Path(tmp_path / "run.extxyz")
    path.write_text(text[:cut])
    lengths = [len(atoms) + 2 for atoms, *_ in frames]
    lines = text[:cut].count("\n")
    complete = next((n for n in range(len(frames) + 1) if sum(lengths[:n]) == lines), None)
    between = complete is not None and (not cut or text[cut - 1] == "\n")
    try:
        found, _ = raw_frames(path)
    except UserError as error:
        assert not between or complete == 0, error
        return
    assert between
    for raw, frame in zip(found, frames[:complete], strict=True):
        assert_same(raw, frame)


@QUIET
@given(made=files(), data=st.data(), ending=st.sampled_from(["traj", "json"]))
def test_files_of_ase_cut_at_any_byte_are_refused_or_hold_every_frame(tmp_path, made, data, ending):
    frames, _ = made
    if frames[0][3] is not None:  # labels under REF_*, which these files do not hold in columns
        return
    path = Path(tmp_path / f"run.{ending}")
    path.unlink(missing_ok=True)
    write(path, [frame[0] for frame in frames])
    for raw, frame in zip(raw_frames(path)[0], frames, strict=True):
        assert_same(raw, frame)
    whole = path.read_bytes()
    # The brace that closes a JSON file is followed by a line feed, which holds nothing.
    # Its length depends on the time, so the place of the cut is drawn as a share of it.
    path.write_bytes(whole[: 1 + data.draw(st.integers(0, 10**6)) * (len(whole.rstrip()) - 2) // 10**6])
    source = entry(path, format={"traj": "ase_traj", "json": "ase_db"}[ending])
    try:
        found = [raw for _, raw in trajectory.read_raw(source, readers.source_of(source))]
    except UserError:
        return
    # Some files end with a table of places that later frames would have used; nothing is lost with its end.
    assert ending == "traj"
    for raw, frame in zip(found, frames, strict=True):
        assert_same(raw, frame)


@QUIET
@given(made=files(), data=st.data())
def test_a_line_removed_or_added_anywhere_is_an_error_or_harmless(tmp_path, made, data):
    frames, text = made
    lines = text.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    changed = data.draw(st.sampled_from(["removed", "doubled"]))
    lines[place : place + 1] = [] if changed == "removed" else [lines[place]] * 2
    path = Path(tmp_path / "run.extxyz")
    path.write_text("".join(lines))
    try:
        found, _ = raw_frames(path)
    except UserError:
        return
    raise AssertionError(f"{changed} line {place} of {len(frames)} frames, and {len(found)} frames were read")
