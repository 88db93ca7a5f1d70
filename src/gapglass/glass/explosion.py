"""Explosions: quenches whose atoms fly apart, what gapglass records of them, and the frames that it keeps.

An explosion is a finding about the potential and no failure of the job. The stage ends in order and writes an outcome
(outcome.json), later stages repeat this outcome, and every file that would need a complete quench is one line of text
that says why there is no result.
"""

from pathlib import Path

import numpy as np
from ase import Atoms, units

from gapglass.base.files import whole_file
from gapglass.frames.geometry import closest_distance, closest_pairs
from gapglass.frames.store import write_frames
from gapglass.glass import outcomes
from gapglass.glass.guards import too_close
from gapglass.glass.packing import species_order

KINDS = ("too_close", "too_hot", "lost_atoms", "not_finite")
NOT_EXPLODED = {"exploded": False}
NOT_MADE = "Not made: "  # first words of a file that takes the place of a result
N_RECENT = 11  # dumped configurations kept at any time: the offending one and ten before it
RECENT_INTERVAL = 5.0  # fs; ten of them are about a period of the fastest bond vibrations of an oxide


def _why(kind, value, pair, guards):
    if kind == "too_close" and pair:
        limit = guards.limits[pair]
        came = f"{value:.3f} Å" if value is not None else "each other"
        return f"{pair.replace('-', ' and ')} came to {came}, below {limit.distance:.3f} Å ({limit.origin})"
    return {
        "too_close": "two atoms came too close",
        "too_hot": f"the temperature ran away to {0.0 if value is None else value:.4g} K, beyond "
        f"{guards.max_temperature:.4g} K (glass.max_temperature_factor {guards.factor:g} times "
        f"{guards.hottest:.4g} K, the highest of the thermostat and of the state in which the stage began)",
        "lost_atoms": "atoms flew out of the cell",
        "not_finite": "positions, velocities or pressure stopped being numbers",
    }[kind]


def _remedy(kind, n_before, first):
    if n_before:
        label = (
            "let the potential ask for frames (harvest.rounds), or label the frames before the failure, add them to "
            "the trajectories with role extra"
        )
    else:
        label = (
            "no frame before the failure is physical enough to be labelled: "
            "add frames of this state from first principles"
        )
    reasons = [
        f"the potential lacks such configurations: {label} and run again, or lower active_learning.energy_tolerance"
    ]
    reasons.append("glass.timestep is too long for the fastest bonds or for this temperature: lower it")
    if first:
        reasons.append("the start is unlike the frames, as molecules packed atom by atom are: glass.start: reference")
    if kind == "too_close":
        reasons.append("the state is meant to come closer than the frames: lower glass.closest_fraction")
    return "Possible reasons: " + "; ".join(f"({i}) {text}" for i, text in enumerate(reasons, 1))


def _snapshot(path, timestep):
    """Return a dumped frame, wrapped into its cell; None if its file is incomplete or values are not finite."""
    from ase.io import read

    try:
        with path.open() as stream:
            next(stream)
            step = int(next(stream))
        dumped = read(path, format="lammps-dump-text")
    except (OSError, ValueError, IndexError, KeyError, StopIteration):
        return None
    if not (np.isfinite(dumped.positions).all() and np.isfinite(dumped.cell).all() and dumped.cell.volume > 0):
        return None
    frame = Atoms(dumped.symbols, positions=dumped.positions, cell=dumped.cell, pbc=True)
    frame.wrap()
    frame.info = {"step": step, "time_ps": step * timestep / 1000, "min_distance_angstrom": closest_distance(frame)}
    # Like LAMMPS, this leaves out the three degrees of freedom of the centre of mass.
    temperature = 2 * dumped.get_kinetic_energy() / (3 * len(dumped) - 3) / units.kB
    if np.isfinite(temperature):
        frame.info["temperature"] = temperature
    return frame


def save_frames(folder, settings, limits):
    """Write the offending frame and the frames before it from the dumps that LAMMPS left in a folder.

    The offending frame is the last configuration whose positions are all finite. Frames before it are omitted if
    atoms are lost or closer than the limits of their pair: nobody should label them from first principles.

    Parameters
    ----------
    folder : path-like
        With recent.{step}.lammpstrj and, if LAMMPS stopped in order, offending.lammpstrj.
    settings : dict
        Section ``glass``.
    limits : dict
        From ``guards.limits_of``.

    Returns
    -------
    dict
        offending_frame and frames_before (paths of extended XYZ, None if there is no frame), offending_step and
        n_frames_before. The frames have ``step`` and ``time_ps`` (both of the stage), ``min_distance_angstrom`` and,
        if it is finite, ``temperature`` (K).
    """
    folder = Path(folder)
    paths = (*folder.glob("recent.*.lammpstrj"), *folder.glob("offending.lammpstrj"))
    found = [frame for frame in (_snapshot(path, settings["timestep"]) for path in paths) if frame is not None]
    found.sort(key=lambda frame: frame.info["step"])
    result = {"offending_frame": None, "offending_step": None, "frames_before": None, "n_frames_before": 0}
    if not found:
        return result
    offending, n_atoms = found[-1], max(map(len, found))
    before = [
        frame
        for frame in found
        if frame.info["step"] < offending.info["step"] and len(frame) == n_atoms and not too_close(frame, limits)
    ]
    result |= {"offending_frame": str(folder / "offending.extxyz"), "offending_step": offending.info["step"]}
    write_frames(result["offending_frame"], [offending])
    if before:
        result |= {"frames_before": str(folder / "before_failure.extxyz"), "n_frames_before": len(before)}
        write_frames(result["frames_before"], before)
    return result


def _pair_of(error, settings):
    """Return the pair, "H-O", whose atoms stopped a run, None if another reason did."""
    if error.types is None:
        return None
    species = species_order(settings["composition"])
    return "-".join(sorted(species[kind - 1] for kind in error.types))


def _distance(path, pair):
    """Return the smallest distance (Å) of a pair in the offending frame, None without a frame."""
    from ase.io import read

    return None if path is None else closest_pairs(read(path, format="extxyz")).get(pair)


def outcome(error, stage, settings, folder, guards):
    """Save the frames of an explosion and return its outcome.

    Parameters
    ----------
    error : lammps.LammpsFailed
        Of a kind in ``KINDS``.
    stage : int
        Number of the stage, from 1.
    settings : dict
        Section ``glass``.
    folder : path-like
        The stage's folder ``failed`` with the files of LAMMPS.
    guards : guards.Guards
        The guards of the stage.

    Returns
    -------
    dict
        exploded (True), stage, kind, step and time_ps (of the stage; None if neither log nor frames give them), pair
        ("H-O", None unless a pair is the reason), value (Å or K, None without one), limit (Å or K, None without one),
        message (what happened and possible reasons), and offending_frame, frames_before and n_frames_before as from
        ``save_frames``.
    """
    found = reason(error, settings, folder, guards)
    remedy = _remedy(error.kind, found["n_frames_before"], stage == 1)
    return {"exploded": True, "stage": stage, **found, "message": f"{found['message']}. {remedy}."}


def reason(error, settings, folder, guards):
    """Save the frames of an explosion and return what happened, with the arguments and keys of ``outcome``.

    ``message`` is without possible reasons, and ``exploded`` and ``stage`` are absent.
    """
    saved, pair = save_frames(folder, settings, guards.limits), _pair_of(error, settings)
    value = _distance(saved["offending_frame"], pair) if pair else error.value
    limit = guards.limits[pair].distance if pair else guards.max_temperature if error.kind == "too_hot" else None
    # The log reports an error only with its next row, so the dumped frames may be of a later step.
    step = max((step for step in (error.step, saved.pop("offending_step")) if step is not None), default=None)
    return {
        "kind": error.kind,
        "step": step,
        "time_ps": None if step is None else round(step * settings["timestep"] / 1000, 6),
        "pair": pair,
        "value": value,
        "limit": limit,
        "message": _why(error.kind, value, pair, guards),
        **saved,
    }


def when(found):
    """Return when an explosion happened in its stage, in words: "at step 137 (0.137 ps of the stage)"."""
    if found["step"] is None:
        return "before its first step was logged"
    return f"at step {found['step']} ({found['time_ps']:g} ps of the stage)"


def place(found):
    """Return where in the cycle an explosion happened: "stage 2 at step 137 (0.137 ps of the stage)"."""
    return f"stage {found['stage']} {when(found)}"


def frames_kept(found):
    """Return the paths of the frames of an explosion, in words."""
    parts = []
    if found["offending_frame"]:
        parts.append(f"offending frame: {found['offending_frame']}")
    if found["frames_before"]:
        parts.append(f"{found['n_frames_before']} frame(s) before it: {found['frames_before']}")
    return "; ".join(parts) or "no frame could be saved"


def write_not_made(path, found):
    """Write one line of text in place of a file that an exploded quench cannot have.

    No reader of structures accepts the line. ``found`` is the outcome of the explosion.
    """
    with whole_file(path) as temporary:
        temporary.write_text(f"{NOT_MADE}the quench exploded in {place(found)}, see outcome.json\n")


def of_models(paths):
    """Return the outcomes of the glass models that exploded.

    Parameters
    ----------
    paths : iterable of path-like
        glass/{potential}/{atoms}/{replica}/outcome.json.

    Returns
    -------
    dict
        "{potential}_{atoms}_{replica}" -> outcome, in the order of the paths, without models that did not explode.
    """
    return {model: item for model, item in outcomes.of_models(paths).items() if item["exploded"]}
