"""Readers of the trajectories and databases of ASE."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from reading import SETTINGS, entry, frames_of

from gapglass.base.errors import UserError
from gapglass.frames import labels, trajectory


@pytest.mark.parametrize("ending", ["traj", "db", "json"])
def test_files_of_ase(tmp_path, blyp_frames, ending):
    from ase.db import connect

    frames = []
    for frame in blyp_frames[:14]:
        bare = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
        stress = -np.reshape(frame.info["REF_virial"], (3, 3)) / frame.get_volume()
        bare.calc = SinglePointCalculator(
            bare,
            energy=-1.0,
            free_energy=frame.info["REF_energy"],
            forces=frame.arrays["REF_forces"],
            stress=stress.ravel()[[0, 4, 8, 5, 2, 1]],
        )
        frames.append(bare)
    path = tmp_path / f"run.{ending}"
    write(tmp_path / "more.traj", frames[4:])
    frames = frames[:4]
    if ending == "traj":
        write(path, frames)
    else:
        with connect(path, use_lock_file=False) as database:
            for number, frame in enumerate(frames):
                database.write(frame, part="melt" if number < 3 else "glass")
    found, source = frames_of(path)
    assert source.format == ("ase_traj" if ending == "traj" else "ase_db")
    for raw, frame in zip(found, blyp_frames, strict=False):
        assert labels.labels(raw)["energy"] == pytest.approx(frame.info["REF_energy"])
        np.testing.assert_allclose(raw.forces, frame.arrays["REF_forces"])
        np.testing.assert_allclose(raw.virial, np.reshape(frame.info["REF_virial"], (3, 3)))
    if ending == "db":
        imported, _, summary = trajectory.import_frames(
            [entry(path), entry(tmp_path / "more.traj", name="more")], SETTINGS
        )
        assert summary["formats"] == {"run": "ase_db", "more": "ase_traj"} and len(imported) == 14
        assert summary["energy_source"] == ["free_energy"] and summary["virials"]
        np.testing.assert_allclose(
            imported[2].info["REF_virial"], np.reshape(blyp_frames[2].info["REF_virial"], (3, 3))
        )
    if ending != "traj":
        assert len(frames_of(path, where={"part": "melt"})[0]) == 3


def test_a_pickled_trajectory_runs_nothing(tmp_path):
    import pickle

    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harm",))

    (tmp_path / "old.traj").write_bytes(b"PickleTrajectory" + pickle.dumps(Harmful()))
    with pytest.raises(UserError, match="cannot be read as ASE trajectory"):
        frames_of(tmp_path / "old.traj", format="ase_traj")
    assert not (tmp_path / "harm").exists()
