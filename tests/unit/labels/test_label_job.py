"""Labelling one frame: states, the second try, what is stored, and kills at any moment."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from label_frames import as_written_elsewhere, frame_of

from gapglass.base.errors import UserError
from gapglass.labels import job
from gapglass.labels.engines import create
from gapglass.labels.engines.command import Command
from gapglass.labels.sets import LabelSet
from gapglass.labels.store import Store

PROGRAM = Path(__file__).with_name("pair_program.py")


def engine_of(folder, behaviour="good", **more):
    command = [sys.executable, str(PROGRAM), behaviour, str(folder), "{input}", "{output}"]
    return create({"engine": "command", "command": command, "method": {"potential": "pair"}} | more)


class WithFallback(Command):
    """An engine whose second try is another behaviour of the program."""

    has_fallback = True

    def __init__(self, section, second):
        super().__init__(section)
        self.behaviour = {False: section["command"][2], True: second}

    def prepare(self, frame, folder, fallback=False, guess=None, spin=None):
        self.section = {**self.section, "command": list(self.section["command"])}
        self.section["command"][2] = self.behaviour[fallback]
        super().prepare(frame, folder)


@pytest.fixture
def stored(tmp_path):
    return Store(tmp_path / "labels").of(engine_of(tmp_path).settings())


def calls(folder):
    path = folder / "calls"
    return path.read_text().splitlines() if path.is_file() else []


def test_frame_is_computed_once_and_then_found(tmp_path, stored):
    frame = frame_of()
    record = job.label_frame(
        frame, engine_of(tmp_path), stored, keep=tmp_path / "kept", provenance={"trajectory": "glass", "step": 20}
    )
    assert (record.state, record.scf_steps, record.reason) == ("computed", 7, "")
    assert record.seconds > 0 and record.core_seconds == pytest.approx(record.seconds, abs=0.02)
    again = job.label_frame(as_written_elsewhere(frame), engine_of(tmp_path), stored)
    assert again.state == "stored" and again.file == record.file and again.seconds == record.seconds
    assert calls(tmp_path) == ["good"]
    entry = stored.find(frame)
    assert entry.info["trajectory"] == "glass" and entry.virial.shape == (3, 3)
    assert np.allclose(entry.forces.mean(axis=0), 0, atol=1e-7)
    assert sorted(path.name for path in (tmp_path / "kept/first").iterdir()) == ["output.extxyz", "screen.txt"]


def test_read_only_sets_are_searched_first(tmp_path, stored):
    frame = frame_of()
    job.label_frame(frame, engine_of(tmp_path), stored)
    shutil.copytree(stored.folder, tmp_path / "set")
    (tmp_path / "set").chmod(0o555)
    other = Store(tmp_path / "other").of(engine_of(tmp_path).settings())
    record = job.label_frame(frame, engine_of(tmp_path), other, [LabelSet(tmp_path / "set")])
    assert record.state == "stored" and Path(record.file).parent == tmp_path / "set"
    assert calls(tmp_path) == ["good"]
    assert len(other) == 0


def test_set_of_other_settings_is_refused(tmp_path, stored):
    other = engine_of(tmp_path, method={"potential": "another"})
    with pytest.raises(UserError, match="drop this set, or use its settings"):
        job.label_frame(frame_of(), other, stored)


def test_mean_force_is_subtracted_and_told(tmp_path, stored):
    record = job.label_frame(frame_of(), engine_of(tmp_path, "drifts"), stored)
    assert record.notes == ["a mean force of 0.1000 eV/Å was subtracted"]
    good = Store(tmp_path / "other").of(engine_of(tmp_path).settings())
    job.label_frame(frame_of(), engine_of(tmp_path), good)
    assert np.allclose(stored.find(frame_of()).forces, good.find(frame_of()).forces, atol=1e-7)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("fails", "no convergence in sight"),
        ("drifts_far", "the mean force is 0.200 eV/Å"),
        ("no_stress", "there is no stress"),
        ("unconverged", "the self-consistency did not converge"),
        ("nan", "the energy is not a finite number"),
        ("moved", "the positions of the output are not those that were sent"),
        ("swapped", "atom 0 is O in the output, Te was sent"),
    ],
)
def test_bad_label_is_a_failure_with_its_reason_and_not_tried_again(tmp_path, stored, behaviour, reason):
    frame = frame_of()
    record = job.label_frame(frame, engine_of(tmp_path, behaviour), stored)
    assert record.state == "failed" and reason in record.reason
    assert record.core_seconds > 0
    assert len(stored) == 0 and list((stored.folder / "claims").glob("*.json")) == []
    again = job.label_frame(frame, engine_of(tmp_path, behaviour), stored)
    assert again.state == "failed" and "known from an earlier run" in again.reason
    assert calls(tmp_path) == [behaviour]
    assert job.label_frame(frame, engine_of(tmp_path, "good"), stored).state == "computed"


def test_no_more_frames_are_tried_in_vain(tmp_path, stored):
    for seed in range(job.FEWEST_TRIED):
        assert job.label_frame(frame_of(seed), engine_of(tmp_path, "fails"), stored).state == "failed"
    with pytest.raises(UserError, match=r"5 frames got no label with these inputs.*no convergence in sight"):
        job.label_frame(frame_of(9), engine_of(tmp_path, "fails"), stored)
    assert len(calls(tmp_path)) == job.FEWEST_TRIED
    # Other inputs are another try, and a few failures among many labels are no reason to stop.
    for seed in range(20, 40):
        job.label_frame(frame_of(seed), engine_of(tmp_path), stored)
    assert job.label_frame(frame_of(9), engine_of(tmp_path, "fails"), stored).state == "failed"


def test_missing_stress_is_no_failure_where_none_is_asked_for(tmp_path, stored):
    record = job.label_frame(frame_of(), engine_of(tmp_path, "no_stress", virials=False), stored)
    assert record.state == "computed"
    assert stored.find(frame_of()).virial is None


def test_energy_out_of_the_band_of_its_composition_is_a_failure(tmp_path, stored):
    for seed in range(10):
        assert job.label_frame(frame_of(seed), engine_of(tmp_path), stored).state == "computed"
    record = job.label_frame(frame_of(20), engine_of(tmp_path, "far"), stored)
    assert record.state == "failed" and "from the median of the 10 labels of this composition" in record.reason
    assert job.label_frame(frame_of(20, 24), engine_of(tmp_path, "far"), stored).state == "computed"
    other = Store(tmp_path / "other").of(stored.settings)
    record = job.label_frame(frame_of(20), engine_of(tmp_path, "far"), other, [LabelSet(stored.folder)])
    assert record.state == "failed" and "from the median of the 10 labels" in record.reason


def test_second_try_with_the_fallback_settings(tmp_path, stored):
    section = engine_of(tmp_path, "fails").section
    record = job.label_frame(frame_of(), WithFallback(section, "good"), stored, keep=tmp_path / "kept")
    assert record.state == "retried" and "no convergence in sight" in record.reason
    assert calls(tmp_path) == ["fails", "good"]
    assert "with the fallback settings" in stored.find(frame_of()).info["notes"]
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"first", "fallback"}
    record = job.label_frame(frame_of(2), WithFallback(section, "nan"), stored)
    assert record.state == "failed"
    assert "then with the fallback settings: the energy is not a finite number" in record.reason
    assert calls(tmp_path)[2:] == ["fails", "nan"]


def test_too_long_a_calculation_is_a_failure(tmp_path, stored):
    begun = time.monotonic()
    record = job.label_frame(frame_of(), engine_of(tmp_path, "slow"), stored, max_seconds=1.5)
    assert record.state == "failed" and "more than 1.5 s" in record.reason
    assert time.monotonic() - begun < 40


def test_killed_job_leaves_nothing_and_the_next_labels_the_frame(tmp_path, stored):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from test_label_job import engine_of, frame_of, job, Store\n"
        "engine = engine_of(Path(sys.argv[2]), 'slow')\n"
        "stored = Store(Path(sys.argv[2]) / 'labels').of(engine.settings())\n"
        "job.label_frame(frame_of(), engine, stored, scratch=sys.argv[2])\n"
    )
    tests = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tests)},
    )
    for _ in range(600):
        if calls(tmp_path) or process.poll() is not None:
            break
        time.sleep(0.1)
    assert calls(tmp_path) == ["slow"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(Store(tmp_path / "labels").of(stored.settings)) == 0
    assert len(list(tmp_path.glob("labelling-*"))) == 1
    record = job.label_frame(frame_of(), engine_of(tmp_path), stored, scratch=tmp_path)
    assert record.state == "computed"
    assert list((stored.folder / "claims").glob("*.json")) == []
    assert list(tmp_path.glob("labelling-*")) == []
    # The program of the killed job ended with it, and did not label the frame a second time.
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"slow {tmp_path}" not in running


def test_wave_functions_of_the_closest_frame_are_the_guess(tmp_path):
    class Restarting(Command):
        restarts = True

        def __init__(self, section):
            super().__init__(section)
            self.guesses = []

        def prepare(self, frame, folder, fallback=False, guess=None, spin=None):
            self.guesses.append(guess and Path(guess).read_text())
            super().prepare(frame, folder)

        def wave_functions(self, folder):
            path = Path(folder) / "waves"
            path.write_text(f"of {len(self.guesses)}")
            return path

    engine = Restarting(engine_of(tmp_path).section)
    stored = Store(tmp_path / "labels").of(engine.settings())
    first, far = frame_of(1), frame_of(2)
    close = first.copy()
    close.positions += np.random.default_rng(0).normal(0, 0.1, close.positions.shape)
    other = frame_of(1, 24)
    for frame in (first, far, close, other):
        job.label_frame(frame, engine, stored, guesses=tmp_path / "guesses")
    assert engine.guesses == [None, None, "of 1", None]
    for seed in range(10, 10 + job.GUESSES):
        job.label_frame(frame_of(seed), engine, stored, guesses=tmp_path / "guesses")
    assert len(list((tmp_path / "guesses").glob("*.waves"))) == job.GUESSES
    assert len(list((tmp_path / "guesses").iterdir())) == 2 * job.GUESSES


def test_labels_of_a_study_are_its_own_in_every_run(tmp_path, stored):
    """A run that is repeated finds its labels in the store, and they still count for the budget of their study."""
    engine = engine_of(tmp_path)
    assert job.label_frame(frame_of(), engine, stored, study="glass").own
    again = job.label_frame(frame_of(), engine, stored, study="glass")
    assert again.state == "stored" and again.own and again.core_seconds > 0
    assert not job.label_frame(frame_of(), engine, stored, study="other").own
    assert not job.label_frame(frame_of(), engine, stored).own


def test_failures_of_a_study_are_its_own_in_every_run(tmp_path, stored):
    failing = engine_of(tmp_path, "fails")
    first = job.label_frame(frame_of(3), failing, stored, study="glass")
    again = job.label_frame(frame_of(3), failing, stored, study="glass")
    assert first.state == again.state == "failed" and first.own and again.own
    assert again.core_seconds == first.core_seconds is not None
    assert not job.label_frame(frame_of(3), failing, stored, study="other").own
