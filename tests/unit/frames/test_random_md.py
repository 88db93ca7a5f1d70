"""CP2K, i-PI and LAMMPS: random frames come back equal, and a file cut at any byte is never less in silence."""

import tempfile
from pathlib import Path

import numpy as np
from ase.cell import Cell
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import frames_of

from gapglass.base.errors import UserError

HARTREE, BOHR = 27.211386024367243, 0.5291772105638411
PROPERTY = settings(max_examples=25, deadline=None, derandomize=True)
SPECIES = ("H", "O", "Te")


@st.composite
def runs(draw):
    """A run of a few frames: elements, positions, forces, energies, cell and times."""
    n_atoms, n_frames = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stride, first = draw(st.integers(1, 7)), draw(st.integers(0, 100))
    return {
        "symbols": [SPECIES[i] for i in random.integers(0, 3, n_atoms)],
        "positions": random.uniform(-20, 20, (n_frames, n_atoms, 3)).round(8),
        "forces": random.normal(0, 0.05, (n_frames, n_atoms, 3)).round(8),
        "energies": random.uniform(-500, 500, n_frames).round(8),
        "temperatures": random.uniform(1, 3000, n_frames).round(6),
        "steps": (first + stride * np.arange(n_frames)).tolist(),
        "cellpar": [*random.uniform(4, 12, 3).round(5), *random.uniform(70, 110, 3).round(5)],
    }


def xyz(run, values, comment):
    """Return the text of an XYZ file with a comment line for each frame."""
    out = []
    for frame, (step, rows) in enumerate(zip(run["steps"], values, strict=True)):
        out.append(f"{len(rows):8d}\n{comment(frame, step)}\n")
        out += [
            f" {name:>3}" + "".join(f" {x:18.10f}" for x in row) + "\n"
            for name, row in zip(run["symbols"], rows, strict=True)
        ]
    return "".join(out)


def write_cp2k(folder, run):
    """Write positions, forces, energies and cells in the units of CP2K."""

    def comment(frame, step):
        return f" i = {step:8d}, time = {step / 2:12.3f}, E = {run['energies'][frame]:20.10f}"

    rows = [
        f"{step:10d} {step / 2:20.6f} {3e-6 * t:20.9f} {t:20.9f} {energy:20.9f} {0:20.9f} {0:20.9f}\n"
        for step, t, energy in zip(run["steps"], run["temperatures"], run["energies"], strict=True)
    ]
    vectors = np.asarray(Cell.new(run["cellpar"]))
    cell = "".join(f" {x:19.10f}" for x in vectors.ravel()) + f" {abs(np.linalg.det(vectors)):24.10f}\n"
    (folder / "run-pos-1.xyz").write_text(xyz(run, run["positions"], comment))
    (folder / "run-frc-1.xyz").write_text(xyz(run, run["forces"], comment))
    (folder / "run-1.ener").write_text("#     Step Nr.          Time[fs]        Kin.[a.u.]\n" + "".join(rows))
    (folder / "run-1.cell").write_text("".join(f"{step:8d} {step / 2:11.3f}{cell}" for step in run["steps"]))
    return folder / "run-pos-1.xyz", HARTREE, HARTREE / BOHR, {}


def write_ipi(folder, run):
    """Write positions in Å, forces in eV/Å and properties of i-PI."""
    cell = " ".join(f"{x:.5f}" for x in run["cellpar"])

    def comment(what):
        return lambda frame, step: f"# CELL(abcABC): {cell}  Step: {step:10d}  Bead: 0 {what}  cell{{angstrom}}"

    columns = ["step", "time{femtosecond}", "temperature(H){kelvin}", "potential{electronvolt}", "temperature{kelvin}"]
    head = [f"# column {i:3d}     --> {name} : of a run.\n" for i, name in enumerate(columns, 1)]
    rows = [
        f"{step:16.8e} {step / 2:16.8e} {7:16.8e} {energy:20.12e} {t:18.10e}\n"
        for step, t, energy in zip(run["steps"], run["temperatures"], run["energies"], strict=True)
    ]
    (folder / "run.pos_0.xyz").write_text(xyz(run, run["positions"], comment("positions{angstrom}")))
    (folder / "run.for_0.xyz").write_text(xyz(run, run["forces"], comment("forces{ev/ang}")))
    (folder / "run.out").write_text("".join(head + rows))
    return folder / "run.pos_0.xyz", 1.0, 1.0, {}


def write_lammps(folder, run):
    """Write a dump of a tilted box, its atoms in any order, and a log in metal units."""
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = np.asarray(Cell.new(run["cellpar"]))
    box = [
        (min(0, xy, xz, xy + xz), lx + max(0, xy, xz, xy + xz), xy),
        (min(0, yz), ly + max(0, yz), xz),
        (0, lz, yz),
    ]
    out = []
    for step, places, forces in zip(run["steps"], run["positions"], run["forces"], strict=True):
        out.append(
            f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(places)}\nITEM: BOX BOUNDS xy xz yz pp pp pp\n"
        )
        out += [" ".join(f"{x:.16e}" for x in row) + "\n" for row in box]
        out.append("ITEM: ATOMS fx fy fz element x y z id\n")
        for i in np.random.default_rng(step).permutation(len(places)):
            values = [f"{x:.10g}" for x in (*forces[i], *places[i])]
            out.append(" ".join([*values[:3], run["symbols"][i], *values[3:], str(i + 1)]) + "\n")
    (folder / "dump.lammpstrj").write_text("".join(out))
    rows = [
        f"{t:.9f} {step} {energy:.12g}\n"
        for step, t, energy in zip(run["steps"], run["temperatures"], run["energies"], strict=True)
    ]
    log = f"units metal\ntimestep 0.0005\nTemp Step PotEng\n{''.join(rows)}Loop time of 1 on 1 procs for 9 steps with "
    (folder / "log.lammps").write_text(f"{log}{len(run['symbols'])} atoms\n")
    return folder / "dump.lammpstrj", 1.0, 1.0, {}


WRITERS = st.sampled_from([write_cp2k, write_ipi, write_lammps])


def check(raw, run, energy_unit, force_unit):
    frame = run["steps"].index(raw.step)
    assert list(raw.atoms.symbols) == run["symbols"]
    np.testing.assert_allclose(raw.atoms.positions, run["positions"][frame], atol=1e-6)
    np.testing.assert_allclose(raw.atoms.cell.cellpar(), run["cellpar"], atol=1e-5)
    np.testing.assert_allclose(raw.forces, run["forces"][frame] * force_unit, rtol=1e-6, atol=1e-7)
    assert abs(next(iter(raw.energies.values())) - run["energies"][frame] * energy_unit) < 1e-5
    assert abs(raw.temperature_k - run["temperatures"][frame]) < 1e-5
    assert raw.time_fs is None or abs(raw.time_fs - raw.step / 2) < 1e-6


@PROPERTY
@given(run=runs(), write=WRITERS)
def test_random_frames_come_back_equal(run, write):
    with tempfile.TemporaryDirectory() as folder:
        path, energy_unit, force_unit, options = write(Path(folder), run)
        found, source = frames_of(path, **options)
        assert [raw.step for raw in found] == run["steps"] and not source.dropped and not source.notes
        for raw in found:
            check(raw, run, energy_unit, force_unit)


@PROPERTY
@given(run=runs(), write=WRITERS, data=st.data())
def test_file_cut_at_any_byte_is_an_error_or_tells_the_loss(run, write, data):
    with tempfile.TemporaryDirectory() as folder:
        path, energy_unit, force_unit, options = write(Path(folder), run)
        victim = data.draw(st.sampled_from(sorted(Path(folder).iterdir())))
        content = victim.read_bytes()
        victim.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        try:
            found, source = frames_of(path, **options)
        except UserError:
            return
        for raw in found:
            if raw.energies or "log.lammps" not in victim.name:
                check(raw, run, energy_unit, force_unit)
        # Only what follows the last frame may be missing without a word.
        whole = [raw.step for raw in found] == run["steps"] and all(raw.energies for raw in found)
        assert whole or source.dropped or source.notes
