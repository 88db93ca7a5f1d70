"""Errors of potentials: on every frame, set by set, and of several potentials on frames that none of them used.

Source: section 3.2 of doi:10.1111/jace.20128, which compares MLIP(0), MLIP(1) and MLIP(2).
"""

import logging

import numpy as np
import pandas as pd

from gapglass.potential import confidence, engine

log = logging.getLogger("gapglass")

SETS = ("train", "test", "validation", "holdout", "unused")
UNLABELLED = "unlabelled"  # frames without a label, of which only the potential's own energies are known


def rmse(differences, weights=None):
    """Return the root of the mean square of differences of any shape, weighted if weights of that shape are given."""
    return float(np.sqrt(np.average(np.square(np.asarray(differences, dtype=float)), weights=weights)))


def errors(frames, energies, forces):
    """Return the RMSE of energy and force against the labels.

    Parameters
    ----------
    frames : list of ase.Atoms
        With labels.
    energies : numpy.ndarray, shape (n_frames,), eV
    forces : list of numpy.ndarray, shape (n_atoms, 3), eV/Å

    Returns
    -------
    dict
        rmse_energy_mev_per_atom, rmse_force_ev_per_angstrom (over all components); None for an empty set.
    """
    if not frames:
        return {"rmse_energy_mev_per_atom": None, "rmse_force_ev_per_angstrom": None}
    energy = [(e - f.info["REF_energy"]) / len(f) for e, f in zip(energies, frames, strict=True)]
    force = np.concatenate([(g - f.arrays["REF_forces"]).ravel() for g, f in zip(forces, frames, strict=True)])
    return {"rmse_energy_mev_per_atom": 1000 * rmse(energy), "rmse_force_ev_per_angstrom": rmse(force)}


def spread(frames):
    """Return the spread of labels: energies (meV/atom, from their mean) and force components (eV/Å, from zero)."""
    energies = np.array([frame.info["REF_energy"] / len(frame) for frame in frames])
    forces = np.concatenate([frame.arrays["REF_forces"].ravel() for frame in frames])
    return 1000 * rmse(energies - energies.mean()), rmse(forces)


def predict(potential, frames):
    """Return energies and forces of frames by the engine, and log which engine that was.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    frames : list of ase.Atoms

    Returns
    -------
    energies : numpy.ndarray, shape (n_frames,), eV
    forces : list of numpy.ndarray, shape (n_atoms, 3), eV/Å

    Raises
    ------
    FitFailed
        When the potential gives no finite numbers.
    UserError
        When the engine does not implement a term of the potential.
    """
    log.info("engine: sources %s, SIMD level %s", engine.source_digest(), engine.level())
    return engine.predict(potential, frames)


def in_blocks(frames, energies, forces, blocks):
    """Return the errors of energy and force by blocks of time.

    Parameters
    ----------
    frames : dict
        Frame -> ase.Atoms with labels.
    energies, forces : sequence
        Of these frames, eV and eV/Å.
    blocks : list of dict
        ``run`` and ``frames`` of each.

    Returns
    -------
    dict of confidence.Blocks
        The quantities of ``errors``.
    """
    squares, weights = {"energy": {}, "force": {}}, {}
    for (number, frame), energy, force in zip(frames.items(), energies, forces, strict=True):
        squares["energy"][number] = (1000 * (energy - frame.info["REF_energy"]) / len(frame)) ** 2
        squares["force"][number] = float(np.sum(np.square(force - frame.arrays["REF_forces"])))
        weights[number] = 3 * len(frame)
    return {
        "rmse_energy_mev_per_atom": confidence.of_blocks(squares["energy"], dict.fromkeys(frames, 1), blocks),
        "rmse_force_ev_per_angstrom": confidence.of_blocks(squares["force"], weights, blocks),
    }


def evaluate(potential, frames, database, blocks):
    """Evaluate a potential on every frame.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    frames : list of ase.Atoms
        All canonical frames.
    database : dict
        Frame numbers by set.
    blocks : dict
        Of validation and holdout, a list of blocks, see ``in_blocks``.

    Returns
    -------
    errors : dict
        Set -> RMSE of energy and force, see ``errors``, and, where the frames of the set lie in blocks of time,
        ``intervals`` of both at 95 % and ``n_blocks``.
    predictions : pandas.DataFrame
        A row per frame: frame, set (one of ``SETS``, or ``UNLABELLED``), temperature_k, trajectory,
        energy_reference_ev_per_atom (NaN without a label), energy_gap_ev_per_atom.
    forces : dict of numpy.ndarray
        frame, shape (n_atoms_total,); reference and gap, shape (n_atoms_total, 3), eV/Å, float32.

    Raises
    ------
    FitFailed, UserError
        As for ``predict``.
    """
    return tabulate(frames, database, *predict(potential, frames), blocks)


def sets_of(predictions):
    """Return set -> frame numbers of a table of ``evaluate``, without unlabelled frames."""
    return {part: predictions.loc[predictions["set"] == part, "frame"].tolist() for part in SETS}


def tabulate(frames, database, energies, forces, blocks):
    """Return errors, predictions and forces, in the form of ``evaluate``, from energies and forces on every frame.

    Parameters
    ----------
    frames : list of ase.Atoms
        All canonical frames.
    database, blocks : dict
        As for ``evaluate``.
    energies : numpy.ndarray, shape (n_frames,), eV
    forces : list of numpy.ndarray, shape (n_atoms, 3), eV/Å
    """
    parts = {index: part for part in SETS for index in database.get(part, [])}
    of_set = {}
    for part in SETS:
        chosen = [index for index in parts if parts[index] == part]
        own, of_own = [frames[i] for i in chosen], [forces[i] for i in chosen]
        of_set[part] = errors(own, energies[chosen], of_own)
        # Where nothing is set aside for the last test, it is made of frames between those of the database.
        here = [block for block in blocks.get(part, []) if set(block["frames"]) <= set(chosen)]
        if here:
            found = in_blocks(dict(zip(chosen, own, strict=True)), energies[chosen], of_own, here)
            of_set[part] |= confidence.intervals_of(found)
    sizes = np.array([len(frame) for frame in frames])
    predictions = pd.DataFrame(
        {
            "frame": range(len(frames)),
            "set": [parts.get(i, UNLABELLED) for i in range(len(frames))],
            "temperature_k": [frame.info["temperature"] for frame in frames],
            "trajectory": [frame.info["trajectory"] for frame in frames],
            "energy_reference_ev_per_atom": [frame.info.get("REF_energy", np.nan) / len(frame) for frame in frames],
            "energy_gap_ev_per_atom": energies / sizes,
        }
    )
    arrays = {
        "frame": np.repeat(np.arange(len(frames)), sizes),
        "reference": np.concatenate(
            [frame.arrays.get("REF_forces", np.full((len(frame), 3), np.nan)) for frame in frames]
        ).astype(np.float32),
        "gap": np.concatenate(forces).astype(np.float32),
    }
    return of_set, predictions, arrays


def by_temperature(predictions, forces, blocks):
    """Return the errors on frames that were set aside, temperature by temperature, with their intervals.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Table of ``evaluate``.
    forces : dict of numpy.ndarray
        Arrays of ``evaluate``.
    blocks : dict
        Of validation and holdout, a list of blocks, see ``in_blocks``.

    Returns
    -------
    list of dict
        Of each set, from the lowest temperature: ``set``, ``temperature_k``, ``n_frames``, ``n_blocks``,
        ``rmse_energy_mev_per_atom``, ``rmse_force_ev_per_angstrom`` and ``intervals`` of both (95 %); None with fewer
        than ``confidence.FEWEST`` blocks, or where the frames do not lie in blocks of time.
    """
    labelled = predictions.dropna(subset=["energy_reference_ev_per_atom"])
    numbers = labelled["frame"].to_numpy()
    error = labelled["energy_gap_ev_per_atom"] - labelled["energy_reference_ev_per_atom"]
    energies = dict(zip(numbers, (1000 * error) ** 2, strict=True))
    n_frames = int(predictions["frame"].max()) + 1
    squares = np.square(np.asarray(forces["gap"], float) - forces["reference"]).sum(axis=1)
    of_frame = np.bincount(forces["frame"], squares, n_frames)
    components = 3 * np.bincount(forces["frame"], minlength=n_frames)
    rows = []
    for part in ("validation", "holdout"):
        own = labelled[labelled["set"] == part]
        for temperature, frames in own.groupby("temperature_k")["frame"]:
            chosen = set(frames)
            here = [
                {**block, "frames": inside}
                for block in blocks.get(part, [])
                if (inside := [number for number in block["frames"] if number in chosen])
            ]
            everything = [{"run": 0, "frames": list(frames)}]
            found = {
                "rmse_energy_mev_per_atom": (energies, dict.fromkeys(chosen, 1)),
                "rmse_force_ev_per_angstrom": (of_frame, components),
            }
            covered = sum(len(block["frames"]) for block in here) == len(chosen)
            parts = {name: confidence.of_blocks(*values, here) for name, values in found.items()} if covered else {}
            n_blocks = len(next(iter(parts.values())).squares) if parts else 0
            several = n_blocks >= confidence.FEWEST
            rows.append(
                {
                    "set": part,
                    "temperature_k": float(temperature),
                    "n_frames": len(chosen),
                    "n_blocks": n_blocks,
                    **{name: confidence.of_blocks(*values, everything).rmse() for name, values in found.items()},
                    "intervals": {name: parts[name].interval() if several else None for name in found},
                }
            )
    return rows


def compare(predictions, forces):
    """Return the errors of several potentials on the frames that no active-learning loop has used.

    Parameters
    ----------
    predictions : dict of pandas.DataFrame
        Potential -> table of ``evaluate``.
    forces : dict of dict
        Potential -> arrays of ``evaluate``.

    Returns
    -------
    pandas.DataFrame
        A row per potential and temperature_k, and one for all temperatures (temperature_k NaN): n_frames,
        rmse_energy_mev_per_atom, rmse_force_ev_per_angstrom, trained_on_them (true for ``all_frames``, whose training
        set holds these frames). There is no row when the loops have used every frame.
    """
    loops = [(table["set"] == "holdout").to_numpy() for name, table in predictions.items() if name != "all_frames"]
    common = np.all(loops, axis=0) if loops else np.ones(len(predictions["all_frames"]), dtype=bool)
    rows = []
    for name, table in predictions.items():
        for temperature in (None, *sorted(table.loc[common, "temperature_k"].unique())):
            here = common & (True if temperature is None else (table["temperature_k"] == temperature).to_numpy())
            if not here.any():
                continue
            error = (table["energy_gap_ev_per_atom"] - table["energy_reference_ev_per_atom"])[here]
            of_atom = here[forces[name]["frame"]]
            force = (forces[name]["gap"] - forces[name]["reference"])[of_atom]
            rows.append(
                {
                    "potential": name,
                    "temperature_k": np.nan if temperature is None else temperature,
                    "n_frames": int(here.sum()),
                    "rmse_energy_mev_per_atom": 1000 * rmse(error),
                    "rmse_force_ev_per_angstrom": rmse(force),
                    "trained_on_them": bool((table.loc[here, "set"] == "train").all()),
                }
            )
    columns = [
        "potential",
        "temperature_k",
        "n_frames",
        "rmse_energy_mev_per_atom",
        "rmse_force_ev_per_angstrom",
        "trained_on_them",
    ]
    return pd.DataFrame(rows, columns=columns)
