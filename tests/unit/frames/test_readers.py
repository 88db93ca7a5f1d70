"""What all readers of trajectories have in common: virials, wrong options, refused files, compression."""

import gzip
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from ase.io import write
from reading import FIXTURES, SETTINGS, entry, frames_of

from gapglass.base.errors import UserError
from gapglass.base.units import energy
from gapglass.frames import readers, trajectory


@pytest.mark.parametrize(
    ("folder", "file", "unit", "tolerance"),
    [("cp2k", "water-pos-1.xyz", "Hartree", 0.02), ("espresso", "strain.out.gz", "Ry", 0.03)],
)
def test_virial_is_what_the_energies_of_strained_cells_give(folder, file, unit, tolerance):
    """The rows of strain.json, made with the code itself: step, i, j, strain, energies at + strain and - strain."""
    virials = {raw.step or 0: raw.virial for raw in frames_of(FIXTURES / folder / file)[0]}
    rows = json.loads((FIXTURES / folder / "strain.json").read_text())
    assert abs(virials[0]).max() > 0.5
    for step, i, j, size, plus, minus in rows:
        expected = -energy(plus - minus, unit) / (2 * size)
        assert virials[step][i, j] == pytest.approx(expected, rel=1e-4, abs=tolerance), (step, i, j)


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("vasp/XDATCAR", {}, r"has no energy and no forces; a study needs.*vasprun\.xml or OUTCAR of the same run"),
        ("cpmd/FTRAJECTORY", {"species": "TeO2"}, r"names no cell; give `cell: \[a, b, c\]`"),
        (
            "vasp/ML_AB",
            {"settings": {"energy_source": "free_energy"}},
            "no energy of the kind free_energy .*it has energy",
        ),
    ],
)
def test_files_without_labels_are_refused_in_one_message(file, options, message):
    settings = SETTINGS | options.pop("settings", {})
    with pytest.raises(UserError, match=message) as caught:
        trajectory.import_frames([entry(FIXTURES / file, **options)], settings)
    assert "\n" not in str(caught.value)


def test_trajectory_of_cpmd_alone_has_no_forces(tmp_path):
    shutil.copy(FIXTURES / "cpmd/TRAJECTORY", tmp_path)
    with pytest.raises(
        UserError, match=r"has no energy and no forces.*FTRAJECTORY \(TRAJECTORY FORCES in CPMD's input\) and ENERGIES"
    ):
        trajectory.import_frames([entry(tmp_path / "TRAJECTORY", species="TeO2", cell=[5, 5, 5])], SETTINGS)


def test_codes_are_mixed_only_where_their_energies_agree(tmp_path, blyp_frames):
    write(tmp_path / "run.extxyz", blyp_frames[:12], format="extxyz")
    both = [entry(tmp_path / "run.extxyz"), entry(FIXTURES / "vasp/ML_AB", name="vasp")]
    with pytest.raises(UserError, match=r"different codes \(converted: run; VASP: vasp\).*energies_agree: true"):
        trajectory.import_frames(both, SETTINGS)
    frames, _, summary = trajectory.import_frames(
        both, SETTINGS | {"energies_agree": True, "accept_energy_steps": True}
    )
    assert summary["energy_source"] == ["REF_energy", "energy"] and len(frames) == 15
    assert summary["formats"] == {"run": "extxyz", "vasp": "vasp_ml_ab"} and len(summary["sha256"]) == 2
    readers.check_families([both[1], entry(FIXTURES / "vasp/OUTCAR")], False)


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("vasp/OUTCAR", {"keys": {"energy": "e"}}, "`keys` has no effect on .*OUTCAR, which is read as vasp_outcar"),
        ("vasp/OUTCAR", {"companions": {"forces": "x"}}, "`companions` has no effect"),
        (
            "cpmd/TRAJECTORY",
            {"companions": {"thermo": "x"}},
            "`companions.thermo` is not a file of the format cpmd; known: forces, energies",
        ),
        ("cpmd/TRAJECTORY", {"companions": {"forces": "absent"}}, r"no file absent \(companions.forces\)"),
        (
            "vasp/OUTCAR",
            {"where": {"a": 1}},
            "`where` looks at keys of the frames, which .*OUTCAR, read as vasp_outcar, does not have",
        ),
        ("vasp/OUTCAR", {"temperature_key": "T", "temperature": None}, "does not have; give temperature"),
        (
            "cp2k/water-pos-1.xyz",
            {"cell": [4, 4, 4]},
            "`cell` is given, but .*water-1.cell has the cells of every step",
        ),
        ("vasp/README.md", {}, "of no format that is known by its content"),
        ("cpmd/ENERGIES", {"format": "espresso_pw"}, "gives no frame"),
        ("cpmd/ENERGIES", {"format": "vasp_xml"}, "not a vasprun.xml"),
        ("cpmd/ENERGIES", {"format": "ase_traj"}, "cannot be read as ASE trajectory"),
        ("cpmd/ENERGIES", {"format": "ase_db"}, "cannot be read as ASE database"),
        ("cpmd/ENERGIES", {"format": "cp2k"}, "cannot be read as CP2K"),
    ],
)
def test_wrong_options_are_named(file, options, message):
    with pytest.raises(UserError, match=message):
        frames_of(FIXTURES / file, **options)


def test_wrapped_and_unwrapped_files_give_the_same_frames(tmp_path, blyp_frames, rng):
    moved = []
    for frame in blyp_frames[:12]:
        copy = frame.copy()
        copy.positions += rng.integers(-2, 3, (len(copy), 3)) @ np.asarray(copy.cell)
        moved.append(copy)
    write(tmp_path / "in.extxyz", blyp_frames[:12], format="extxyz")
    write(tmp_path / "out.extxyz", moved, format="extxyz")
    settings = SETTINGS | {"positions": "wrapped"}
    one, _, _ = trajectory.import_frames([entry(tmp_path / "in.extxyz")], settings)
    other, _, _ = trajectory.import_frames([entry(tmp_path / "out.extxyz")], settings)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(b.positions, a.positions, atol=1e-6)
        scaled = np.linalg.solve(np.asarray(a.cell).T, a.positions.T)
        assert scaled.min() > -1e-8 and scaled.max() < 1
    left, _, _ = trajectory.import_frames([entry(tmp_path / "out.extxyz")], SETTINGS)
    np.testing.assert_allclose(left[0].positions, moved[0].positions, atol=1e-7)
    # A repetition is found whether or not its positions are wrapped.
    _, _, summary = trajectory.import_frames(
        [entry(tmp_path / "in.extxyz"), entry(tmp_path / "out.extxyz", name="again")], SETTINGS
    )
    assert summary["n_rejected"] == 0 and summary["left_out"] == {"again": {"repetitions of an earlier frame": 12}}


def test_compressed_files_read_alike(tmp_path):
    for name in ("vasprun.xml", "OUTCAR", "XDATCAR", "ML_AB"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((FIXTURES / "vasp" / name).read_bytes()))
        one, other = (frames_of(path)[0] for path in (FIXTURES / "vasp" / name, tmp_path / f"{name}.gz"))
        np.testing.assert_array_equal([raw.atoms.positions for raw in one], [raw.atoms.positions for raw in other])


def test_readers_and_frames_are_imported_without_the_heavy_packages():
    """Snakemake imports the readers in every job, and most jobs read no trajectory."""
    modules = "from gapglass.frames import geometry, inspection, readers, store, trajectory"
    heavy = {"ase.db", "ase.io", "pandas", "scipy"}
    code = f"import sys; {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
