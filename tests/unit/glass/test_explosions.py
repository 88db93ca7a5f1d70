"""Quenches that explode, with LAMMPS and a GAP: every kind, the frames that are kept, and what follows."""

from dataclasses import replace

import pandas as pd
import pytest
from ase.io import read
from quenching import CLOSEST, KNOWN, SETTINGS, SHORT, STAGE, outcome, run_stage

from gapglass.frames.geometry import closest_pairs
from gapglass.glass import explosion, guards, lammps, stages
from gapglass.glass.dump import read_dump

LIMITS = guards.limits_of(CLOSEST, ["O", "Te"], 0.2)

pytestmark = pytest.mark.xdist_group("lammps")  # these tests take both cores


def test_runaway_temperature_ends_the_stage_with_its_frames(tmp_path, quench, glass_frame, fitted):
    # The time step is far too long, so that the temperature runs away within a few steps.
    settings = SETTINGS | {"timestep": 14.0, "max_temperature_factor": 2.0, "closest_fraction": 0.2}
    stage = STAGE | {"temperature": 1500.0, "time": 0.84}
    hot = run_stage(tmp_path / "hot", quench["restart"], fitted[0], stage, settings, number=2)
    found = outcome(hot)
    assert found["exploded"] and found["kind"] in ("too_hot", "too_close")
    assert found["stage"] == 2 and found["step"] > 0
    assert found["time_ps"] == pytest.approx(found["step"] * 0.014) and found["value"] > 0
    offending = read(found["offending_frame"])
    assert offending.info["step"] == found["step"]
    assert offending.get_chemical_formula() == glass_frame.get_chemical_formula()
    if found["kind"] == "too_hot":
        assert offending.info["temperature"] == pytest.approx(found["value"], rel=1e-3) and found["value"] > 2 * 1500
    before = read(found["frames_before"], ":")
    assert len(before) == found["n_frames_before"] <= explosion.N_RECENT
    assert all(a.info["step"] < b.info["step"] for a, b in zip(before, [*before[1:], offending], strict=True))
    for each in before:
        assert each.calc is None and each.info["min_distance_angstrom"] >= 0.35 and each.info["temperature"] > 0
        assert guards.too_close(each, LIMITS) is None
        scaled = each.get_scaled_positions(wrap=False)
        assert (scaled >= 0).all() and (scaled < 1).all()
    assert pd.read_csv(hot["thermo"])["step"].max() <= found["step"]
    assert hot["restart"].read_text().startswith("Not made: the quench exploded in stage 2 at step ")
    for name in ("in.lammps", "log.lammps"):
        assert (tmp_path / "hot" / "failed" / name).exists()


def test_stage_after_an_explosion_repeats_its_outcome(tmp_path, quench, glass_frame, fitted):
    # The schema refuses this factor, with which every run is too hot.
    potential, restart = fitted[0], quench["restart"]
    too_hot = SETTINGS | {"max_temperature_factor": 0.5}
    first = run_stage(tmp_path / "one", glass_frame, potential, SHORT, too_hot)
    found = outcome(first)
    assert (found["kind"], found["step"]) == ("too_hot", 1) and found["n_frames_before"] == 1
    assert found["limit"] == 150 and "beyond 150 K (glass.max_temperature_factor 0.5 times 300 K" in found["message"]
    (tmp_path / "two" / "failed").mkdir(parents=True)
    second = run_stage(tmp_path / "two", first["restart"], potential, number=2, settings=too_hot, earlier=found)
    assert outcome(second) == found and not (tmp_path / "two" / "failed").exists()
    assert second["thermo"].read_text() == first["thermo"].read_text().splitlines(keepends=True)[0]
    for key in ("restart", "trajectory", "log"):
        assert second[key].read_text().count("\n") == 1 and "stage 1 at step 1 " in second[key].read_text()
    made = {key: tmp_path / f"{key}.made" for key in ("thermo", "outcome")} | {"final": tmp_path / "final.extxyz"}
    judgement = {"too_close_ratio": 0.9, "max_too_close_share": 0.05}
    stages.finish([first["thermo"], second["thermo"]], second["trajectory"], second["outcome"], made, judgement)
    assert outcome(made) == found | {"believed": False, "doubts": []}
    pd.testing.assert_frame_equal(pd.read_csv(made["thermo"]), pd.read_csv(first["thermo"]))
    with pytest.raises(Exception, match="Not made"):
        read(made["final"])
    # A stage that runs again without an explosion leaves nothing of the earlier one.
    assert (tmp_path / "one" / "failed").exists()
    assert outcome(run_stage(tmp_path / "one", restart, potential, SHORT, number=2))["exploded"] is False
    assert not (tmp_path / "one" / "failed").exists()


def test_atoms_that_fly_apart_are_an_explosion(tmp_path, quench, glass_frame, fitted):
    # No guard can stop this run, and its time step is absurd: LAMMPS itself loses the atoms.
    settings = SETTINGS | {"timestep": 50.0, "closest_fraction": 1e-3, "max_temperature_factor": 1e6}
    stage = STAGE | {"time": 3.0}
    found = outcome(run_stage(tmp_path / "lost", quench["restart"], fitted[0], stage, settings, number=2))
    assert found["kind"] in ("lost_atoms", "not_finite") and found["value"] is None and found["step"] >= 1
    assert read(found["offending_frame"]).info["step"] == found["step"]
    assert all(len(each) == len(glass_frame) for each in read(found["frames_before"], ":"))


def test_atoms_too_close_are_stopped_and_named(tmp_path, quench, fitted):
    settings = SETTINGS | {"closest_fraction": 1.3}
    found = outcome(run_stage(tmp_path / "close", quench["restart"], fitted[0], STAGE, settings, number=2))
    assert (found["kind"], found["step"], found["stage"]) == ("too_close", 1, 2)
    pair, value, limit = found["pair"], found["value"], found["limit"]
    assert limit == pytest.approx(1.3 * CLOSEST[pair]) and value < limit
    assert f"{pair.replace('-', ' and ')} came to {value:.3f} Å, below {limit:.3f} Å" in found["message"]
    assert f"glass.closest_fraction 1.3 of {CLOSEST[pair]:.2f} Å, the closest that {pair} come" in found["message"]
    # The potential is one possible reason among others.
    for reason in ("potential lacks", "glass.timestep", "glass.closest_fraction"):
        assert reason in found["message"].partition("Possible reasons")[2]
    # For this guard the frames before it are just as unphysical.
    assert found["frames_before"] is None and found["n_frames_before"] == 0 and "no frame before" in found["message"]
    assert closest_pairs(read(found["offending_frame"]))[pair] == pytest.approx(value, rel=1e-4)


def test_each_pair_has_a_limit_of_its_own(tmp_path, quench, fitted):
    # O-Te and O-O are far below the limit of Te-Te; a pair stops the run at its own limit alone.
    frame = read_dump(quench["trajectory"])[-1]
    tellurium = closest_pairs(frame)["Te-Te"]
    wide = replace(KNOWN, closest=CLOSEST | {"Te-Te": 2 * tellurium - 0.4})
    kept = run_stage(tmp_path / "kept", quench["restart"], fitted[0], SHORT, number=2, known=wide)
    assert not outcome(kept)["exploded"] and closest_pairs(frame)["O-Te"] < tellurium - 0.2
    narrow = replace(KNOWN, closest=CLOSEST | {"Te-Te": 2 * tellurium + 0.1})
    stopped = run_stage(tmp_path / "not", quench["restart"], fitted[0], SHORT, number=2, known=narrow)
    assert (outcome(stopped)["kind"], outcome(stopped)["pair"]) == ("too_close", "Te-Te")


def test_pair_never_seen_together_is_stopped_by_covalent_radii(tmp_path, quench, fitted):
    unseen = replace(KNOWN, closest={"O-O": 1.0, "O-Te": 1.0})
    settings = SETTINGS | {"closest_fraction": 1.3}
    folder = tmp_path / "unseen"
    found = outcome(run_stage(folder, quench["restart"], fitted[0], SHORT, settings, number=2, known=unseen))
    assert (found["kind"], found["pair"]) == ("too_close", "Te-Te") and found["limit"] == pytest.approx(1.3 * 2 * 1.38)
    assert "1.3 of 2.76 Å, the sum of the covalent radii, because the frames never hold Te-Te" in found["message"]
    assert "the frames never hold Te-Te together" in [item["text"] for item in found["outside"]]


def test_unreadable_and_lost_frames_are_left_out(tmp_path):
    def dump(step, positions):
        rows = "".join(f"{i + 1} 1 O {x} {y} {z} 0 0 0\n" for i, (x, y, z) in enumerate(positions))
        return (
            f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(positions)}\n"
            "ITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
            f"ITEM: ATOMS id type element x y z vx vy vz\n{rows}"
        )

    valid = [(1.0, 1.0, 1.0), (4.0, 1.0, 1.0), (1.0, 4.0, 10.0)]
    frames = {
        5: dump(5, valid),
        10: dump(10, [(1.0, 1.0, 1.0), (1.3, 1.0, 1.0), (1.0, 4.0, 1.0)]),
        15: dump(15, valid),
        20: dump(20, valid[:2]),
        25: dump(25, [*valid[:2], ("nan", "nan", "nan")]),
        30: dump(30, valid)[:-40],
        35: "",
    }
    for step, text in frames.items():
        (tmp_path / f"recent.{step}.lammpstrj").write_text(text)
    found = explosion.save_frames(tmp_path, SETTINGS, LIMITS)
    assert found["offending_step"] == 20 and found["n_frames_before"] == 2
    before = read(found["frames_before"], ":")
    assert [each.info["step"] for each in before] == [5, 15] and before[0].positions[2, 2] == pytest.approx(1.0)


def test_explosion_without_any_frame(tmp_path):
    nothing = explosion.save_frames(tmp_path, SETTINGS, LIMITS)
    assert nothing["offending_frame"] is None and nothing["frames_before"] is None
    error = lammps.LammpsFailed("ERROR: Lost atoms", kind="lost_atoms")
    found = explosion.outcome(error, 2, SETTINGS, tmp_path, guards.Guards(LIMITS, 300.0, 3.0))
    assert explosion.place(found) == "stage 2 before its first step was logged"
    assert explosion.frames_kept(found) == "no frame could be saved"
