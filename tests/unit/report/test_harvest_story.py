"""The story of a harvest on the report's page."""

import pytest

from gapglass.report import harvest, overview


def stage(number, sustained, **more):
    return {"replica": 1, "stage": number, "n_marked": int(10 * sustained), "sustained_ev": sustained,
            "share_too_close": 0.02, "exploded": None, **more}  # fmt: skip


def found(number, action, *stages, frames=()):
    return {"round": number, "action": action, "reference_ev": 0.1, "threshold": 2.0, "stages": stages,
            "frames": [{"set": part} for part in frames]}  # fmt: skip


FIRST = found(
    1, "label", stage(1, 0.5), stage(2, 0.0, exploded="stage 2 at step 7"), frames=["train", "train", "holdout"]
)
ERRORS = {"n_frames": 1, "rmse_energy_mev_per_atom": 3.0, "rmse_force_ev_per_angstrom": 0.2}


def story(*rounds, **more):
    last = rounds[-1]
    return {"passed": last["action"] == "passed", "action": last["action"], "rounds": rounds, "n_labelled": 3,
            "n_failed": 0, "n_new": 3, "errors": {}, **more}  # fmt: skip


def test_harvest_that_passed():
    errors = {"before": {"holdout": ERRORS}, "after": {"holdout": ERRORS | {"rmse_energy_mev_per_atom": 1.0}}}
    told = harvest.told(story(FIRST, found(2, "passed", stage(1, 0.1)), errors=errors))
    assert told["passed"] and not told["remedy"] and "3 frame(s) of 1 round(s) were labelled" in told["text"]
    first, second = told["rounds"]
    assert first["largest deviation"] == "5.00 (allowed 2)" and first["exploded"] == "stage 2 at step 7"
    assert first["marked samples"] == "5 in stage 1" and first["frames asked for"] == "2 training, 1 hold-out"
    assert (second["end"], second["frames asked for"]) == ("passed", "none")
    assert [row["energy (meV/atom)"] for row in told["errors"]] == ["3.00", "1.00"]


@pytest.mark.parametrize("action", ["rounds spent", "budget spent", "written", "nothing to label"])
def test_harvest_that_did_not_pass_has_a_remedy(action):
    told = harvest.told(story(FIRST, found(2, action, stage(1, 0.9)), next=["label them", "gapglass run own.yaml"]))
    assert not told["passed"] and told["remedy"] and "extrapolation" in told["text"]
    assert told["rounds"][-1]["end"].startswith("not passed") and told["next"][-1] == "gapglass run own.yaml"


def test_harvest_is_a_check_of_the_first_screen():
    energies = {"holdout": 1.0, "validation": 1.0}
    summary = {
        "rmse_energy_mev_per_atom": energies, "rmse_force_ev_per_angstrom": energies, "intervals": {},
        "validation": None, "calibration": None, "energy_tolerance": 2.0, "converged": True, "n_holdout": 3,
        "reason": "energy tolerance met",
    }  # fmt: skip
    told = harvest.told(story(FIRST, found(2, "rounds spent", stage(1, 0.9))))
    more = {"main": "optimal", "agreements": [], "experiments": []}
    (check,) = [item for item in overview.trust(summary, harvest=told, **more) if item["what"] == "Harvest"]
    assert check["answer"] == overview.BAD and check["text"] == told["text"]
    assert not [item for item in overview.trust(summary, **more) if item["what"] == "Harvest"]
