"""Count the bare atoms that a potential keeps, by the start of the quench, the energies of free atoms and delta.

    python benchmarks/generate_bare_atoms.py config/config.yaml table.csv --atoms 96 --seeds 4
    python benchmarks/generate_bare_atoms.py config/studies/sio2-vashishta.yaml table.csv --atoms 480 --stages 3

The study must have finished its loop. Its potential ``optimal`` is fitted again to its training frames with other
settings, as ``VARIANTS`` lists them, and quenched by the first stages of the study's thermal cycle, each from
``--seeds`` starts. ``--harvest FILE`` adds a variant that also trains on labelled frames of an extended XYZ file. The
table has a row for each quench; docs/explanation/bare-atoms.md shows its means. Quenches run on one rank, one after
the other.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pandas as pd

from gapglass.base import files, seeds
from gapglass.frames.store import read_frames
from gapglass.glass import bare, dump, explosion, kinds, outside, stages, start
from gapglass.potential import build, core, evaluation, fit, gap_fit
from gapglass.study import config
from gapglass.study.paths import Study

MOST_TESTED = 60  # hold-out frames, evenly spaced
# e0 above the fitted one (eV), start, delta (None: that of the study)
VARIANTS = (
    (0.0, kinds.RANDOM, None),
    (0.0, kinds.REFERENCE, None),
    (1.0, kinds.RANDOM, None),
    (2.0, kinds.RANDOM, None),
    (4.0, kinds.RANDOM, None),
    (8.0, kinds.RANDOM, None),
    (16.0, kinds.RANDOM, None),
    (0.0, kinds.RANDOM, 1.0),
    (4.0, kinds.RANDOM, 1.0),
)


def fitted(folder, study, imported, train, raised, delta):
    """Fit the potential of a variant into a folder and return its path."""
    settings = study.config["potential"]
    h = files.read_json(study.at("potentials/optimal/hyperparameters.json"))
    h = h if delta is None else h | {"delta": delta}
    e0 = {symbol: energy + raised for symbol, energy in gap_fit.isolated_atom_energies(train, "fitted", {}).items()}
    how = SimpleNamespace(
        descriptor=settings["descriptor"], fitter="engine", e0=e0, virials=settings["virials"], max_fit_time=600
    )
    tables = core.of_setting(settings["core"], imported["closest_distance_angstrom"], imported["species"])
    target = folder / "gap.xml"
    fit.fit(train, h, target, settings=how, imported=imported, seed=1, log_path=folder / "fit.log", tables=tables)
    return target


def quench(folder, study, imported, table, potential, n_atoms, n_stages, begin, seed):
    """Quench one model and return the counts of ``bare.count`` for its stages, and whether it exploded."""
    folder.mkdir()
    glass = study.config["glass"] | {"start": begin, "ranks": 1}
    cycle, known = glass.pop("cycle"), outside.known(table, imported)
    path, outcome = folder / "packed.data", explosion.NOT_EXPLODED
    frames = study.at("frames/frames.extxyz"), study.at("frames/table.csv")
    start.write(path, n_atoms, glass, known.closest, seed, frames=frames[0], table=frames[1])
    for number, stage in enumerate(cycle[:n_stages], 1):
        here = folder / f"stage_{number}"
        here.mkdir()
        outputs = {key: here / name for key, name in stages.FILES.items() if key != "velocities"}
        outputs |= {"thermo": here / "thermo.csv", "outcome": here / "outcome.json"}
        outcome = stages.run_stage(
            stage, number, glass, path, outputs, potential=potential, plugin=None, seed=seed, known=known,
            earlier=outcome,
        )  # fmt: skip
        path = outputs["restart"]
    last = dump.read_dump(outputs["trajectory"])[-1:] if not outcome["exploded"] else []
    return bare.count(number, last, known), outcome["exploded"]


def measure(study, n_atoms, n_stages, n_seeds, harvested):
    """Yield a row for each quench of each variant."""
    imported, table = files.read_json(study.at("frames/import.json")), files.read_table(study.at("frames/table.csv"))
    of_sets = files.read_table(study.at("potentials/optimal/predictions.csv"))
    offsets = dict(zip(table["frame"], table["offset_bytes"], strict=True))
    test = sorted(of_sets.loc[of_sets["set"] == "holdout", "frame"])
    test = read_frames(study.at("frames/frames.extxyz"), test[:: max(1, len(test) // MOST_TESTED)], offsets)
    own = read_frames(study.at("potentials/optimal/train.extxyz"))
    variants = [(own, 0, *variant) for variant in VARIANTS]
    if harvested:
        more = read_frames(harvested)
        variants.append(([*own, *more], len(more), *VARIANTS[0]))
    for train, n_harvested, raised, begin, delta in variants:
        with TemporaryDirectory() as folder:
            potential = fitted(Path(folder), study, imported, train, raised, delta)
            errors = evaluation.errors(test, *evaluation.predict(potential, test))
            for number in range(1, n_seeds + 1):
                seed = seeds.derive(study.config["seed"], "bare atoms", number)
                here = Path(folder) / str(number)
                found, exploded = quench(here, study, imported, table, potential, n_atoms, n_stages, begin, seed)
                yield {
                    "study": study.config["study"], "n_train": len(train), "n_harvested": n_harvested,
                    "e0_raised_ev": raised, "start": begin, "delta_ev": delta, **errors, "seed": number,
                    "n_atoms": n_atoms, "exploded": exploded,
                    "first_neighbours": found and found["first_neighbours"],
                    "bare_percent": found and 100 * found["atoms_share"],
                }  # fmt: skip


def main():
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("table")
    parser.add_argument("--atoms", type=int, required=True)
    parser.add_argument("--stages", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--harvest")
    given = parser.parse_args()
    study = Study(config.read(given.config), build.engine_digest())
    rows = []
    for row in measure(study, given.atoms, given.stages, given.seeds, given.harvest):
        rows.append(row)
        print(row, flush=True)
        files.write_table(given.table, pd.DataFrame(rows))


if __name__ == "__main__":
    main()
