"""The comparison of glasses from chosen and from random frames: division, resumption, measures, verdict, page."""

import generate_downstream as downstream
import generate_evidence_glass as evidence
import generate_trajectory
import numpy as np
import pandas as pd
import pytest
import yaml
from ase import Atoms

from gapglass.base import files
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.frames import store, trajectory
from gapglass.glass import dump
from gapglass.study import config


@pytest.fixture
def runs():
    """Runs of a table with two plateaus of 96 frames and a crystal that does not count."""
    table = pd.DataFrame({"frame": range(200)})
    table["temperature_k"] = np.repeat([4000.0, 300.0, 300.0], [96, 96, 8])
    table["trajectory"] = np.repeat(["glass", "crystal"], [192, 8])
    table["role"] = np.repeat(["reference", "extra"], [192, 8])
    return downstream.plateaus(table)


# The frames


def test_runs_are_plateaus_of_the_glass_in_equal_blocks(runs):
    assert [run["frames"] for run in runs] == [list(range(0, 96, 2)), list(range(96, 192, 2))]
    assert all(np.diff(run["edges"]).tolist() == [4] * downstream.BLOCKS for run in runs)


def test_division_holds_out_half_of_the_blocks_of_every_plateau(runs):
    division = downstream.divide(runs, 1, 1)
    pool, guard, holdout = (set(division[name]) for name in ("pool", "guard", "holdout"))
    assert not pool & holdout and pool | guard | holdout == {frame for run in runs for frame in run["frames"]}
    for run in runs:
        here = set(run["frames"])
        assert len(here & holdout) == len(here) / 2 and here & pool
    # two frames of this table are one place apart; as many places as the guard lie between pool and hold-out
    apart = [abs(a - b) for run in runs for a in pool & set(run["frames"]) for b in holdout & set(run["frames"])]
    assert min(apart) == 2 * (runs[0]["guard"] + 1)


def test_every_replica_has_a_division_of_its_own(runs):
    divisions = [downstream.divide(runs, 1, replica)["holdout"] for replica in range(1, 11)]
    assert len(set(map(tuple, divisions))) == 10
    assert downstream.divide(runs, 1, 3)["holdout"] == divisions[2]


def test_both_strategies_enlarge_their_own_choice_from_one_pool(runs, monkeypatch):
    asked = []

    def strategy(given, chosen, size):
        asked.append((size, list(chosen), given.seed))
        return [*chosen, *(frame for frame in given.pool.tolist() if frame not in chosen)][:size]

    names = {name: strategy for name in (downstream.CHOSEN, downstream.RANDOM)}
    monkeypatch.setattr(downstream.strategies, "STRATEGIES", names)
    division = downstream.divide(runs, 1, 1)
    found = downstream.choose(division, None, {}, 1, 1)
    first = division["pool"][:4]
    assert found == dict.fromkeys(names, division["pool"][:8])
    assert [(size, chosen) for size, chosen, _ in asked] == [(4, []), (8, first)] * 2
    assert len({seed for *_, seed in asked}) == 1


# The measures


def test_peak_is_found_between_the_bins():
    r = np.arange(0.025, 3, 0.05)
    curve = np.exp(-(((r - 1.612) / 0.2) ** 2)) / r**2
    assert downstream.peak(r, curve) == pytest.approx(1.612, abs=2e-3)


def test_moments_are_those_of_the_distribution():
    x = np.linspace(0, 180, 1801)
    assert downstream.moments(x, np.exp(-0.5 * ((x - 109.5) / 7) ** 2)) == pytest.approx((109.5, 7.0), abs=1e-3)


def test_share_of_close_frames_is_over_the_frames_of_all_stages():
    glass = {"too_close_ratio": 0.9}
    counts = [{"n_frames": 10, "shares": {"0.9": 0.5}}, None, {"n_frames": 30, "shares": {"0.9": 0.0}}]
    assert downstream.too_close(counts, glass) == pytest.approx(5 / 40)
    assert downstream.too_close([None], glass) is None


# Resumption


class Stand:
    """In the place of the frames of a study."""

    seed, runs, closest, fits = 1, [], {}, []
    atoms = dict.fromkeys(range(3), Atoms(info={"temperature": 300}))

    def choices(self, replicas):
        return {replica: {"residual_per_plateau": [0, 1], "random": [1, 2]} for replica in replicas}

    def fit(self, frames, holdout, folder):
        self.fits.append((tuple(frames), folder.name))
        return folder / "gap.xml", {"rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_angstrom": 0.1}


def test_finished_glass_is_not_made_again(tmp_path, monkeypatch):
    quenched = []

    def quench(folder, settings, replica, closest, potential=None):
        assert not (folder / "trajectory.lammpstrj").exists()
        quenched.append((folder.name, potential and potential.name))
        return {"exploded": None, "energy": -7.0}

    monkeypatch.setattr(downstream, "quench", quench)
    monkeypatch.setattr(downstream, "divide", lambda *given: {"holdout": []})
    monkeypatch.setattr(Stand, "fits", [])
    found = downstream.run(Stand(), {}, tmp_path, 2)
    kinds = [
        (f"{kind}_{number}", None if kind == "truth" else "gap.xml") for number in (1, 2) for kind in downstream.KINDS
    ]
    assert quenched == kinds and Stand.fits[:2] == [((0, 1), "residual_per_plateau_1"), ((1, 2), "random_1")]
    assert found[1] == {
        "kind": "residual_per_plateau", "replica": 1, "frames": [0, 1], "temperatures_k": [300.0, 300.0],
        "exploded": None,
        "energy": -7.0, "rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_angstrom": 0.1,
    }  # fmt: skip
    quenched.clear()
    assert downstream.run(Stand(), {}, tmp_path, 2) == found and not quenched
    # one that was ended after its quench, before it was measured, begins again
    (tmp_path / "random_2/result.json").unlink()
    (tmp_path / "random_2/trajectory.lammpstrj").write_text("half")
    assert downstream.run(Stand(), {}, tmp_path, 2) == found and quenched == [("random_2", "gap.xml")]
    quenched.clear()
    assert len(downstream.run(Stand(), {}, tmp_path, 3)) == 9 and len(quenched) == 3


# The verdict


def glasses(n=10, *, chosen=0.0, random=0.0, factor=0.5, noise=1.0):
    """Return glasses whose measures are off the truth by given multiples of the noise."""
    generator, found = np.random.default_rng(1), []
    r = np.linspace(0.5, 7, 60)
    shape = np.sin(2 * r)
    for replica in range(1, n + 1):
        for kind, off in (("truth", 0.0), ("residual_per_plateau", chosen), ("random", random)):
            value = {
                name: off + noise * generator.normal() for name in evidence.MEASURES if name not in evidence.CURVES
            }
            curve = shape * (1 + 0.1 * off) + 0.1 * noise * generator.normal(size=60)
            value |= {
                "energy": -7.0 + 1e-3 * value["energy"],
                "too_close": 0.0,
                "g_x": curve.tolist(),
                "r": r.tolist(),
            }
            value |= {"q": r.tolist(), "s_x": (1 + curve).tolist(), "exploded": None, "kind": kind, "replica": replica}
            if kind != "truth":
                error = (factor if kind == "residual_per_plateau" else 1.0) * (2 + 0.2 * generator.normal())
                value |= {name: error for name in evidence.ERRORS} | {"temperatures_k": [4000.0, 300.0, 300.0]}
                value["plateaus"] = [{"temperature_k": 300.0, **dict.fromkeys(evidence.ERRORS, off + replica % 2)}]
            found.append(value)
    return found


def judged(**how):
    table = evidence.numbers(glasses(**how))
    return evidence.verdict(evidence.errors(table), evidence.compare(table))


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"random": 6.0}, "better glass"),
        ({"chosen": 6.0}, "worse glass"),
        ({}, "only a lower error"),
        ({"chosen": 6.0, "random": 6.0}, "only a lower error"),
        ({"factor": 1.0}, "neither"),
    ],
)
def test_verdict_follows_from_the_numbers(how, kind):
    found, text = judged(**how)
    assert found == kind
    assert ("lowers the energy error" in text) == ("factor" not in how)


def test_ratio_of_the_errors_is_over_pairs():
    table = evidence.numbers(glasses())
    values = table.pivot(index="replica", columns="kind", values="rmse_force_ev_per_angstrom")
    wanted = np.exp(np.mean(np.log(values["residual_per_plateau"] / values["random"])))
    assert evidence.errors(table)["ratio"].tolist() == pytest.approx([wanted, wanted])


def test_verdict_is_mixed_where_measures_contradict():
    table = evidence.numbers(glasses(random=6.0))
    of_glass = evidence.compare(table)
    of_glass.loc[of_glass["measure"] == "si_4fold", "verdict"] = "farther"
    assert evidence.verdict(evidence.errors(table), of_glass)[0] == "mixed"


def test_differences_are_over_pairs_and_bias_is_seen():
    found = evidence.compare(evidence.numbers(glasses(random=6.0))).set_index("measure")
    values = evidence.numbers(glasses(random=6.0)).pivot(index="replica", columns="kind", values="si_4fold")
    pairs = values["residual_per_plateau"] - values["random"]
    row = found.loc["si_4fold"]
    assert row["difference"] == pytest.approx(pairs.mean()) and row["difference_error"] == pytest.approx(pairs.sem())
    assert row["off_random"] and not row["off_chosen"] and row["verdict"] == "closer"
    # no frame of any glass is too close, so there is nothing to test
    assert found.loc["too_close", "verdict"] == "undecided" and not found.loc["too_close", "off_random"]


def test_intervals_are_those_of_student():
    """With ten replicas, t = 2.262 at 95 %."""
    table = evidence.compare(evidence.numbers(glasses()))
    row = table.set_index("measure").loc["energy"]
    (low, high), *_ = [of[1:] for of in evidence.intervals(table, 10) if of[0] == evidence.MEASURES["energy"]]
    assert (low + high) / 2 == pytest.approx(row["difference"])
    assert (high - low) / 2 == pytest.approx(2.262 * row["difference_error"], rel=1e-3)


def test_equal_differences_are_no_proof():
    """Shares of few atoms can differ by one number in all pairs, up to rounding."""
    made = glasses(5)
    for glass in made:
        glass["si_4fold"] = (
            90 + {"truth": 0.1, "residual_per_plateau": 0.1 + 0.2, "random": 0.3}[glass["kind"]] * glass["replica"]
        )
    found = evidence.compare(evidence.numbers(made)).set_index("measure").loc["si_4fold"]
    assert np.isnan(found["p_value"]) and found["verdict"] == "undecided"


def test_glasses_with_bare_atoms_are_counted_and_tested():
    made = glasses(10)
    for glass in made:
        glass["si_0fold"] = 1.5 if glass["kind"] == "random" and glass["replica"] <= 6 else 0.0
    text = evidence.bare_atoms(evidence.numbers(made))
    assert "are left in 6 of 10 glasses from random frames, in 0 from chosen ones and in 0 true ones" in text
    assert "p = 0.011, Fisher's exact test" in text


def test_holm_is_the_known_example():
    assert evidence.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert evidence.holm([0.01, np.nan]) == pytest.approx([0.02, 1.0])


def test_curves_are_compared_with_the_true_glasses_of_the_other_replicas(monkeypatch):
    monkeypatch.setattr(evidence, "FEWEST", 2)

    def glass(kind, replica, factor):
        r, curve = np.array([0.5, *range(1, 11)]), np.array([99.0, *range(10)])
        values = dict.fromkeys(set(evidence.MEASURES) - set(evidence.CURVES), 0.0)
        of = {"kind": kind, "replica": replica, "exploded": None, "r": r, "g_x": factor * curve, "s_x": factor * r}
        return {**values, **of}

    made = [
        glass("truth", 1, 5.0),
        glass("truth", 2, 1.0),
        glass("residual_per_plateau", 1, 1.2),
        glass("residual_per_plateau", 2, 5.0),
    ]
    table = evidence.numbers(made).set_index(["kind", "replica"])
    assert table.loc[("residual_per_plateau", 1), "r_x"] == pytest.approx(20.0)
    assert table.loc[("residual_per_plateau", 2), "r_x"] == pytest.approx(0.0)
    assert table.loc[("truth", 1), "r_x"] == pytest.approx(400.0)
    root_mean_square = np.sqrt((0.25 + np.sum(np.arange(1, 11) ** 2)) / 11)
    assert table.loc[("residual_per_plateau", 1), "s_x_rms"] == pytest.approx(0.2 * root_mean_square)


def test_replica_with_an_explosion_does_not_count():
    made = glasses(6)
    made[4] = {
        "kind": "residual_per_plateau",
        "replica": 2,
        "exploded": "stage 4",
        "too_close": 0.1,
        "temperatures_k": [300.0],
    }
    table = evidence.numbers(made)
    assert sorted(set(table["replica"])) == [1, 3, 4, 5, 6] and len(table) == 15
    assert table.loc[table["kind"] == "truth", "energy"].mean() == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(SystemExit, match="4 replicas with three glasses"):
        evidence.numbers(glasses(4))


def test_mean_of_a_perfect_potential_is_as_far_as_expected():
    """R_X of two means of n quenches follows from that of single quenches against the mean of the others."""
    made = glasses(40, noise=1.0)
    found = evidence.of_means(made, evidence.numbers(made))
    assert found["residual_per_plateau"] == pytest.approx(found["truth"], rel=0.2)


def test_page_states_the_verdict_in_lines_that_fit():
    text = evidence.page({"n_train": 8, "n_atoms": 192, "glasses": glasses(random=6.0)})
    assert "it makes a better glass" in " ".join(text.split())
    assert all(len(line) < 120 or line.startswith("|") for line in text.splitlines())
    assert "{" not in text and text.count("| true energy at its minimum") == 1


def test_errors_of_a_plateau_are_squared_over_replicas():
    (row,) = evidence.plateaus(glasses(2, random=3.0)).to_dict("records")
    found = {kind: row[f"energy RMSE (meV/atom), {kind}"] for kind in ("residual_per_plateau", "random")}
    assert found == pytest.approx({"residual_per_plateau": np.sqrt(1 / 2), "random": np.sqrt((16 + 9) / 2)})
    assert row["plateau"] == "300 K" and row["training frames, residual_per_plateau"] == 2
    assert "the energy RMSE of the chosen frames is lower at 300 K;" in evidence.by_plateau(glasses(2, random=3.0))
    assert "the force RMSE of the chosen frames is higher at 300 K." in evidence.by_plateau(glasses(2, chosen=3.0))


# The whole


def test_settings_are_those_of_the_study_in_sixty_picoseconds():
    settings, study = downstream.settings_of(), config.read(downstream.STUDY)
    cycle = settings["glass"]["cycle"]
    assert sum(stage["time"] for stage in cycle) == pytest.approx(60)
    assert [stage["temperature"] for stage in cycle] == [stage["temperature"] for stage in study["glass"]["cycle"]]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The frames of a study of 48 atoms."""
    folder = tmp_path_factory.mktemp("downstream")
    generate_trajectory.generate("sio2-48", folder / "short.extxyz", n_frames=60, ramp=50)
    data = yaml.safe_load(downstream.STUDY.read_text())
    data["trajectories"] = [{**data["trajectories"][0], "file": str(folder / "short.extxyz")}]
    settings = config.complete(data)
    atoms, table, summary = trajectory.import_frames(
        settings["trajectories"], settings["import"], settings["potential"]["e0"]
    )
    store.write_frames(folder / "frames/frames.extxyz", atoms)
    files.write_table(folder / "frames/table.csv", table)
    files.write_json(folder / "frames/import.json", summary)
    return folder


def test_three_glasses_of_a_replica(results, tmp_path, monkeypatch):
    small = {"cutoff": 4.0, "n_max": 4, "n_sparse": 20, "two_body_cutoff": 4.0, "two_body_n_sparse": 10}
    for name, value in {"EVERY": 1, "BLOCKS": 2, "GUARD": 0, "POINTS_EVERY": 6}.items():
        monkeypatch.setattr(downstream, name, value)
    monkeypatch.setattr(downstream, "HYPERPARAMETERS", downstream.HYPERPARAMETERS | small)
    settings = downstream.settings_of(n_atoms=48, times=((4000, 0.05), (300, 1.0)))
    data = downstream.Data(results, 1)
    made = {glass["kind"]: glass for glass in downstream.run(data, settings, tmp_path, 1)}
    assert set(made) == {"truth", "residual_per_plateau", "random"}
    holdout = set(downstream.divide(data.runs, 1, 1)["holdout"])
    for kind in ("residual_per_plateau", "random"):
        assert len(set(made[kind]["frames"])) == 8 and not holdout & set(made[kind]["frames"])
        assert 0 < made[kind]["rmse_energy_mev_per_atom"] < 100
    # the error over the hold-out follows from those of its plateaus, which are equally long here
    of = made["random"]
    plateaus = data.errors_of_plateaus(tmp_path / "random_1/gap.xml", sorted(holdout))
    squares = [plateau["rmse_force_ev_per_angstrom"] ** 2 for plateau in plateaus]
    assert [plateau["temperature_k"] for plateau in plateaus] == [300, 1000, 2000, 3000, 4000, 5000]
    assert np.sqrt(np.mean(squares)) == pytest.approx(of["rmse_force_ev_per_angstrom"])
    # the same start, and by what each potential makes of it other glasses
    starts = {(tmp_path / f"{kind}_1/packed.data").read_bytes() for kind in downstream.KINDS}
    assert len(starts) == 1
    assert len({glass["energy"] for glass in made.values() if not glass["exploded"]}) > 1
    truth = made["truth"]
    assert truth["exploded"] is None and truth["too_close"] == 0.0
    assert 1.5 < truth["o_si_peak"] < 1.75 and 95 < truth["o_si_o_mean"] < 120 and 2 < truth["si_coordination"] < 5
    last = dump.read_dump(tmp_path / "truth_1/trajectory.lammpstrj")[-1]
    assert last.get_masses().sum() / last.get_volume() * AMU_PER_A3_IN_G_PER_CM3 == pytest.approx(2.2, rel=1e-3)
    # the minimum lies below the frame: by 3/2 kT an atom in a harmonic solid at 300 K, and more after so fast a quench
    energy = generate_trajectory.single_point(last[np.argsort(last.numbers, kind="stable")], tmp_path)[0] / 48
    assert 0.02 < energy - truth["energy"] < 0.3
