"""The active-learning loop on the example study, from its clusters to the energy tolerance, as the workflow runs it
(two candidates at a time on two cores; a new iteration begins with the best sets of the previous one), compared
with the same loop with one candidate at a time that discards its results when the database grows, as XPOT and loops
built on it do. Both have the same number of fits per iteration, the same ranges, the same initial Latin hypercube
and the same tolerance. Every seed gives other databases and other proposals. The times are those of fits and tests
only, without Snakemake.
"""

import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import common
import numpy as np
import pandas as pd
import yaml

from gapglass.active_learning import proposals
from gapglass.active_learning.loop import decide
from gapglass.active_learning.search import SearchSpace
from gapglass.base.files import read_json
from gapglass.base.seeds import derive
from gapglass.frames import store
from gapglass.potential import evaluation, failures, fit
from gapglass.selection.database import database_size, enlarge
from gapglass.study import config

ROOT = common.HERE.parent
SEEDS = (20128,)


def example(folder):
    """Run the example study up to its clusters and return its settings, frames, labels and import summary."""
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    for entry in raw["trajectories"]:
        entry["file"] = str(ROOT / entry["file"])
    common.study(folder, raw, f"results/{raw['study']}/clusters/best_labels.csv")
    result = Path(folder) / "results" / raw["study"]
    labels = pd.read_csv(result / "clusters/best_labels.csv", comment="#")["cluster"].to_numpy()
    return (
        config.complete(raw),
        store.read_frames(result / "frames/frames.extxyz"),
        labels,
        read_json(result / "frames/import.json"),
    )


def one_fit(proposal, database, frames, settings, imported, seed):
    """Fit and test one proposal; return what the ledger needs."""
    train, test = ([frames[i] for i in database[part]] for part in ("train", "test"))
    entry = {"hyperparameters": proposal, "status": "failed", "reason": ""}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "gap.xml"
        try:
            fit.fit(
                train, proposal, target, settings=settings, imported=imported, seed=seed, log_path=Path(folder) / "log"
            )
            errors = evaluation.errors(test, *evaluation.predict(target, test))
            entry |= {"status": "ok", "rmse_energy_mev_per_atom": errors["rmse_energy_mev_per_atom"]}
        except failures.FitFailed as error:
            entry["reason"] = str(error)
    return entry


def loop(settings, frames, labels, imported, seed, *, at_once, warm):
    """Run a whole loop; return seconds, fits, iterations, training frames and the best test error."""
    learning = settings["active_learning"] | {"proposals_per_round": at_once}
    for name in ("exploration_rounds", "exploitation_rounds"):
        learning[name] = (
            settings["active_learning"][name] * settings["active_learning"]["proposals_per_round"] // at_once
        )
    space, ledger, database = SearchSpace(settings["potential"]["hyperparameters"]), [], {"train": [], "test": []}
    fit_settings = SimpleNamespace(**settings["potential"], max_fit_time=learning["max_fit_time"])
    iteration, number, start = 1, 0, time.perf_counter()
    with ProcessPoolExecutor(at_once) as pool:
        while True:
            if number == 0:
                size = database_size(iteration, learning["increment"], len(frames))
                database = enlarge(database, labels, size=size, train_fraction=learning["train_fraction"], seed=seed)
            if warm:
                decision = decide(iteration, number, ledger, database, learning, space, seed)
            else:
                here = [entry | {"iteration": 1} for entry in proposals.of_iteration(ledger, iteration)]
                last = {"max_iterations": 1 if iteration == learning["max_iterations"] else None}
                decision = decide(1, number, here, database, learning | last, space, derive(seed, "cold", iteration))
            if decision["action"] == "stop":
                best = decision["delivered"]["rmse_energy_mev_per_atom"]
                return {"seconds": time.perf_counter() - start, "fits": len(ledger), "iterations": iteration,
                        "n_train": len(database["train"]), "test_rmse_mev_per_atom": best,
                        "tolerance_met": best <= learning["energy_tolerance"]}  # fmt: skip
            if decision["action"] == "enlarge":
                iteration, number = iteration + 1, 0
                continue
            number += 1
            jobs = [
                pool.submit(one_fit, proposal, database, frames, fit_settings, imported, derive(seed, "gap_fit"))
                for proposal in decision["proposals"]
            ]
            ledger += [
                {"iteration": iteration, "round": number, "trial": trial, **job.result()}
                for trial, job in enumerate(jobs, 1)
            ]


def main():
    """Measure, and write the tables."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        settings, frames, labels, imported = example(folder)
    for seed in SEEDS:
        for name, how in (
            ("gapglass", {"at_once": 2, "warm": True}),
            ("one at a time, cold", {"at_once": 1, "warm": False}),
        ):
            rows.append({"seed": seed, "loop": name, **loop(settings, frames, labels, imported, seed, **how)})
            print(rows[-1], flush=True)
    table = common.write("active_learning_loops", rows)
    ours, peer = (table[table["loop"] == name] for name in ("gapglass", "one at a time, cold"))
    work, rival = f"active learning to E_tol on the example, {len(SEEDS)} seeds", "one candidate at a time, cold start"
    common.write(
        "active_learning_goals",
        [
            common.goal(
                work,
                rival,
                "wall time",
                "s",
                ours["seconds"].sum(),
                peer["seconds"].sum(),
                "at most 60 % of it",
                ours["seconds"].sum() <= 0.6 * peer["seconds"].sum(),
                "the number of fits to the tolerance, chance for few seeds",
            ),
            common.goal(
                work,
                rival,
                "fits",
                "",
                float(ours["fits"].sum()),
                float(peer["fits"].sum()),
                "no more of them",
                bool(np.sum(ours["fits"]) <= np.sum(peer["fits"])),
                "two candidates of a round do not learn from each other",
            ),
        ],
    )


if __name__ == "__main__":
    main()
