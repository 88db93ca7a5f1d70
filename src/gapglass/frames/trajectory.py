"""Reading the trajectories of a study, and the import that turns their frames into checked canonical frames."""

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from gapglass.base.errors import UserError
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.frames import energy_steps, findings, isolated, readers, weights
from gapglass.frames.checks import Seen, problems, refuse_unusable_set
from gapglass.frames.geometry import first_neighbours, keep, largest, smallest, wrapped
from gapglass.frames.labels import labels, refuse_unlabelled
from gapglass.frames.readers import guide

log = logging.getLogger("gapglass")
SAME_ENERGY = 1e-3  # eV/atom, between a frame and its repetition


def read_raw(entry, source=None):
    """Yield (index in the file, RawFrame) of the frames that a trajectory entry of the configuration selects.

    Parameters
    ----------
    entry : dict
        Completed item of ``trajectories``.
    source : readers.Source, optional
        Result of ``readers.source_of`` for the entry; it counts what the reader leaves out.

    Raises
    ------
    UserError
        When the file is absent, unreadable or truncated (extended XYZ), or no frame is selected.
    """
    source = source or readers.source_of(entry)
    path, form = source.path, readers.FORMATS[source.format]
    position = found = -1
    keys = set()
    try:
        for index, raw in enumerate(form.frames(source)):
            info = raw.atoms.info
            keys.update(info)
            if any(info.get(key) != value for key, value in entry["where"].items()):
                continue
            position += 1
            if entry["stop"] is not None and position >= entry["stop"]:
                break
            if position >= entry["start"] and (position - entry["start"]) % entry["stride"] == 0:
                found += 1
                yield index, raw
    except (UserError, ImportError):
        raise
    except Exception as error:  # Parsers and decompressors raise errors of many types.
        hint = ", with Lattice and Properties in every comment line" if form.name == "extxyz" else ""
        raise UserError(
            f"trajectory {entry['name']!r}: {path} cannot be read as {form.title} after frame {position + 1}: "
            f"{_reason(error)}. Is the file complete{hint}?"
        ) from error
    if found < 0:
        hint = f" (keys found in the comment lines: {', '.join(sorted(map(str, keys)))})" if entry["where"] else ""
        left_out = "".join(f"; left out: {count} {reason}" for reason, count in source.dropped.items())
        raise UserError(
            f"trajectory {entry['name']!r}: {path} gives no frame with where {entry['where']}, "
            f"start {entry['start']}, stop {entry['stop']}, stride {entry['stride']}{hint}{left_out}"
        )


def _reason(error):
    """Return the cause of a reader's error in one line."""
    text = " ".join(str(error).split())[:300]
    if isinstance(error, KeyError):
        return f"{text} is not an element (or key) that it knows"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text (a packed file must end in .gz, .bz2 or .xz)"
    return text or type(error).__name__


def digest(atoms):
    """Return the SHA-256 digest of a frame's species, cell and positions to 1e-5 Å.

    Frames with the same digest have the same descriptors, so these are not computed again.
    """
    rounded = np.rint(np.concatenate([np.asarray(atoms.cell).ravel(), atoms.positions.ravel()]) * 1e5).astype(np.int64)
    return hashlib.sha256(atoms.numbers.tobytes() + rounded.tobytes()).hexdigest()


def _temperature(entry, atoms):
    """Return the temperature of a frame (K), NaN if the value of its key is not a number."""
    if entry["temperature"] is not None:
        return float(entry["temperature"])
    try:
        return float(atoms.info.get(entry["temperature_key"]))
    except (TypeError, ValueError):
        return np.nan


@dataclass
class _Imported:
    """The frames imported so far, and what the summary counts."""

    frames: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    rejected: list = field(default_factory=list)
    kinds: dict = field(default_factory=dict)  # name of the trajectory -> kinds of its energies
    closest: dict = field(default_factory=dict)  # pair of species -> smallest distance (Å)
    farthest: dict = field(default_factory=dict)  # "Te to O" -> largest distance of a first neighbour (Å)
    outside: Counter = field(default_factory=Counter)  # name of the trajectory -> frames with atoms outside a cell
    unconverged: Counter = field(default_factory=Counter)  # name of the trajectory -> frames, left out or kept
    isolated: list = field(default_factory=list)  # symbol, energy (eV), trajectory and source_index
    seen: Seen = field(default_factory=Seen)
    total: int = 0

    def reject(self, name, index, reasons):
        """Add a rejected frame and log it."""
        self.rejected.append({"trajectory": name, "source_index": index, "reasons": reasons})
        log.warning("trajectory %s, frame %d rejected: %s", name, index, "; ".join(reasons))


def import_frames(trajectories, settings, e0="fitted", unlabelled=False):
    """Read and check all trajectories.

    Parameters
    ----------
    trajectories : list of dict
        Section ``trajectories`` of the completed configuration.
    settings : dict
        Section ``import``.
    e0 : "fitted" or dict
        ``potential.e0``, with which the energies of isolated atoms must agree.
    unlabelled : bool
        Whether frames may lack both energy and forces, because the labels come from elsewhere.

    Returns
    -------
    frames : list of ase.Atoms
        Canonical frames (see ``gapglass.frames.store``), numbered from 0 in ``info["frame"]``.
    table : pandas.DataFrame
        One row per frame.
    summary : dict
        Counts (``guide``: frames with the labels of a guide), species, temperatures, rejected frames with reasons,
        kinds of energy, energies of isolated atoms, notes, and the digest of each file.

    Raises
    ------
    UserError
        When a file is unusable, too many frames fail, the kinds of energy are mixed, isolated atoms contradict each
        other or ``e0``, or energies fall into groups that temperature does not explain.
    """
    import pandas as pd  # not at the top, because the inspection of a file uses this module without tables

    readers.check_families(trajectories, settings.get("energies_agree", False))
    imported, sources, digests = _Imported(), {}, {}
    settings = settings | {"unlabelled": unlabelled}
    for entry in trajectories:
        source = sources[entry["name"]] = readers.source_of(entry)
        title, files = readers.FORMATS[source.format].title, ", ".join(map(str, source.files))
        log.info("trajectory %s: %s, from %s", entry["name"], title, files)
        _import_trajectory(entry, source, settings, imported)
        _log_findings(source, imported, settings)
        for path in source.files:
            with path.open("rb") as stream:
                digests[str(path)] = hashlib.file_digest(stream, "sha256").hexdigest()
    summary = _summary(imported, trajectories, sources, digests)
    mixed = [kinds for kinds in imported.kinds.values() if len(kinds) > 1]
    if not mixed and not settings.get("energies_agree") and len(summary["energy_source"]) > 1:
        mixed = [set(summary["energy_source"])]
    refuse_unusable_set(summary, imported.total, mixed, settings)
    table = pd.DataFrame(imported.rows)
    summary["isolated_atom_energies"] = isolated.energies(imported.isolated, summary["species"], e0, log)
    summary["energy_steps"] = energy_steps.steps(table[table["labelled"]])
    summary["notes"] += findings.of_set(summary)
    if (message := energy_steps.refusal(summary["energy_steps"])) and not settings.get("accept_energy_steps"):
        raise UserError(message)
    return imported.frames, table, summary


def _import_trajectory(entry, source, settings, imported):
    """Add the valid frames of one trajectory, and the reasons why others are rejected, to ``imported``."""
    name, repeated, of_guide = entry["name"], [], set()
    for position, (index, raw) in enumerate(read_raw(entry, source)):
        alone = isolated.is_isolated(raw.atoms)
        if position == 0 and not alone:
            refuse_unlabelled(source, raw, settings["energy_source"], settings["unlabelled"])
        imported.total += 1
        of_guide |= {kind for kind in guide.KINDS if getattr(raw, kind) is not None}
        if raw.converged is False:
            imported.unconverged[name] += 1
            if settings.get("unconverged", "leave_out") == "leave_out":
                continue
        label, atoms = labels(raw, settings["energy_source"]), raw.atoms
        if alone:
            _import_isolated(entry, index, atoms, label, imported)
            continue
        reasons, first = _reasons_to_reject(entry, raw, label, settings)
        if not reasons:
            inside = wrapped(atoms)
            imported.outside[name] += not np.array_equal(inside, atoms.positions)
            if settings.get("positions") == "wrapped":
                atoms.positions = inside
            earlier = imported.seen.find(atoms, (name, index, label["energy"]))
            if earlier and _alike(earlier[2], label["energy"], len(atoms)):
                repeated.append((index, earlier))
                continue
            if earlier:
                energies = [_in_words(energy) for energy in (label["energy"], earlier[2])]
                reasons = [
                    f"a repetition of frame {earlier[1]} of trajectory {earlier[0]!r} with another energy, "
                    f"{energies[0]} after {energies[1]}"
                ]
        if reasons:
            imported.reject(name, index, reasons)
            continue
        if label["energy_source"]:
            imported.kinds.setdefault(name, set()).add(label["energy_source"])
        frame = _canonical(raw, label, entry, len(imported.frames), position)
        imported.frames.append(frame)
        pairs = smallest(first)
        keep(min, imported.closest, pairs)
        keep(max, imported.farthest, largest(first))
        imported.rows.append(row_of(frame, entry["file"], index, min(pairs.values())))
    guide.refuse_absent(source, of_guide, raw.atoms)
    if repeated:
        source.dropped["repetitions of an earlier frame"] += len(repeated)
        shown = ", ".join(f"{index} = {place} of {other}" for index, (other, place, _) in repeated[:5])
        log.info("trajectory %s: repeated frames: %s%s", name, shown, ", ..." if len(repeated) > 5 else "")


def _alike(one, other, n_atoms):
    """Return whether two energies (eV) of one geometry agree; both may be absent."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME_ENERGY * n_atoms


def _in_words(energy):
    return "none" if energy is None else f"{energy:.6f} eV"


def _import_isolated(entry, index, atoms, label, imported):
    """Add the energy of an isolated atom, or the reasons why it is rejected, to ``imported``."""
    if reasons := isolated.problems(atoms, label):
        imported.reject(entry["name"], index, reasons)
        return
    imported.kinds.setdefault(entry["name"], set()).add(label["energy_source"])
    imported.isolated.append(
        {"symbol": atoms.symbols[0], "energy": label["energy"], "trajectory": entry["name"], "source_index": index}
    )


def _reasons_to_reject(entry, raw, label, settings):
    """Return the reasons to reject a frame, and its ``first_neighbours`` unless its structure is invalid."""
    atoms = raw.atoms
    reasons = problems(atoms, label, settings) + raw.faults
    first = {} if reasons else first_neighbours(atoms)
    pairs = smallest(first)
    if pairs and min(pairs.values()) < settings["min_distance"]:
        reasons.append(f"two atoms {min(pairs.values()):.2f} Å apart, below import.min_distance")
    temperature = _temperature(entry, atoms)
    if temperature < 0:
        reasons.append(f"a temperature of {temperature:g} K")
    elif not np.isfinite(temperature):
        keys = ", ".join(sorted(map(str, atoms.info)))
        reasons.append(f"no number under temperature_key {entry['temperature_key']!r} (its keys: {keys})")
    return reasons + weights.of_frame(entry, atoms.info)[1], first


def _log_findings(source, imported, settings):
    """Log what the reader left out and found, and how many frames have atoms outside their cell."""
    n_outside, n_unconverged = imported.outside[source.name], imported.unconverged[source.name]
    if n_unconverged and settings.get("unconverged", "leave_out") == "leave_out":
        source.dropped["not converged (import.unconverged)"] += n_unconverged
    elif n_unconverged:
        source.note(f"{n_unconverged} frames are not converged and are kept (import.unconverged)")
    for reason, count in source.dropped.items():
        log.warning("trajectory %s: left out: %d %s", source.name, count, reason)
    for note in source.notes:
        log.warning("trajectory %s: %s", source.name, note)
    if n_outside and settings.get("positions") != "wrapped":
        log.info(
            "trajectory %s: %d frames have atoms outside their cell, which matters to "
            "descriptors.coulomb.distances as_given alone; import.positions: wrapped brings them back",
            source.name,
            n_outside,
        )


def _summary(imported, trajectories, sources, digests):
    frames = imported.frames
    n_virials = sum("REF_virial" in frame.info for frame in frames)
    if 0 < n_virials < len(frames):
        log.warning("%d of %d frames have a virial, which is fitted for these frames", n_virials, len(frames))
    n_guide = sum("guide_energy" in frame.info for frame in frames)
    if n_guide:
        log.info("%d of %d frames have energy and forces of a guide", n_guide, len(frames))
    return {
        "n_frames": len(frames),
        "n_rejected": len(imported.rejected),
        "rejected": imported.rejected,
        "species": sorted({symbol for frame in frames for symbol in frame.symbols}),
        "n_atoms": sorted({len(frame) for frame in frames}),
        "temperatures_k": sorted({frame.info["temperature"] for frame in frames}),
        "trajectories": {e["name"]: sum(f.info["trajectory"] == e["name"] for f in frames) for e in trajectories},
        "energy_source": sorted(set().union(*imported.kinds.values())),
        "formats": {name: source.format for name, source in sources.items()},
        "left_out": {name: dict(source.dropped) for name, source in sources.items() if source.dropped},
        "virials": n_virials > 0,
        "n_virials": n_virials,
        "guide": n_guide,
        "labels": None,  # of another method, see gapglass.labels.attach
        "n_isolated": len(imported.isolated),
        "unconverged": dict(imported.unconverged),
        "settings": {name: dict(source.settings) for name, source in sources.items() if source.settings},
        "notes": [f"{name}: {note}" for name, source in sources.items() for note in source.notes],
        "closest_distance_angstrom": imported.closest,
        "farthest_first_neighbour_angstrom": imported.farthest,
        "sha256": digests,
    }


def _canonical(raw, label, entry, number, position):
    atoms = raw.atoms
    frame = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)
    frame.info = {
        "frame": number,
        "trajectory": entry["name"],
        "role": entry["role"],
        "temperature": _temperature(entry, atoms),
    }
    if label["energy"] is not None:
        frame.info["REF_energy"] = label["energy"]
        frame.arrays["REF_forces"] = label["forces"]
    if entry["interval"] is not None:
        frame.info["time_ps"] = (entry["start"] + position * entry["stride"]) * entry["interval"] / 1000
    elif raw.time_fs is not None:
        frame.info["time_ps"] = raw.time_fs / 1000
    if label["virial"] is not None:
        frame.info["REF_virial"] = label["virial"].reshape(3, 3)
    if label["guide_energy"] is not None:
        frame.info["guide_energy"] = label["guide_energy"]
        frame.arrays["guide_forces"] = label["guide_forces"]
    frame.info |= weights.of_frame(entry, atoms.info)[0]
    return frame


def row_of(frame, file, index, min_distance):
    """Return the row of a canonical frame in frames/table.csv.

    Parameters
    ----------
    frame : ase.Atoms
    file : str
    index : int
        Place in the file, which tells the frames of a trajectory apart.
    min_distance : float
        Å, between any two atoms.
    """
    volume = frame.get_volume()
    return {
        "frame": frame.info["frame"],
        "trajectory": frame.info["trajectory"],
        "role": frame.info["role"],
        "source_file": file,
        "source_index": index,
        "time_ps": frame.info.get("time_ps", np.nan),
        "temperature_k": frame.info["temperature"],
        "n_atoms": len(frame),
        "formula": frame.get_chemical_formula(),
        "min_distance_angstrom": min_distance,
        "volume_angstrom3": volume,
        "density_g_per_cm3": frame.get_masses().sum() / volume * AMU_PER_A3_IN_G_PER_CM3,
        **columns_of_labels(frame),
        # A table reader would take some digests for numbers if they did not begin with a letter.
        "digest": f"x{digest(frame)[:16]}",
    }


def columns_of_labels(frame):
    """Return the columns of frames/table.csv that follow from the labels of a frame, NaN where it has none."""
    labelled, energy, largest = "REF_energy" in frame.info, np.nan, np.nan
    if labelled:
        energy = frame.info["REF_energy"]
        largest = float(np.linalg.norm(frame.arrays["REF_forces"], axis=1).max())
    return {
        "labelled": labelled,
        "usable": labelled,
        "energy_ev": energy,
        "energy_ev_per_atom": energy / len(frame),
        "max_force_ev_per_angstrom": largest,
        "guide": "guide_energy" in frame.info,
        "guide_energy_ev_per_atom": frame.info.get("guide_energy", np.nan) / len(frame),
    }
