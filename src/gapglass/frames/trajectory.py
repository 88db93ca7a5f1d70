"""Reading trajectories, checking every frame, and the canonical frames that all later steps use.

Canonical frame: an ``ase.Atoms`` whose ``info`` holds frame, trajectory, role, temperature (K), time_ps, REF_energy (eV)
and, where given, REF_virial (eV, 3 x 3 or its nine numbers, virial = -stress x volume), and whose ``arrays`` hold REF_forces (eV/Å).
"""

import hashlib
import logging
from collections import Counter

import numpy as np
import pandas as pd
from ase import Atoms

from gapglass.base.errors import UserError
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.frames import readers
from gapglass.frames.checks import Seen, problems, refuse_unusable_set
from gapglass.frames.geometry import closest_pairs, wrapped
from gapglass.frames.labels import labels, refuse_unlabelled

log = logging.getLogger("gapglass")


def read_raw(entry, source=None):
    """Yield (index in the file, RawFrame) of the frames that a trajectory entry of the configuration selects.

    Parameters
    ----------
    entry : dict
        Completed item of ``trajectories``.
    source : readers.Source, optional
        What ``readers.source_of`` made of the entry; it counts what the reader leaves out.

    Raises
    ------
    UserError
        When the file is absent, unreadable, truncated (extended XYZ), or selects nothing.
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
    except UserError:
        raise
    except Exception as error:  # parsers raise whatever they stumble over, the decompressors errors of their own
        hint = ", with Lattice and Properties in every comment line" if form.name == "extxyz" else ""
        raise UserError(
            f"trajectory {entry['name']!r}: {path} cannot be read as {form.title} after frame {position + 1}: {_reason(error)}. "
            f"Is the file complete{hint}?"
        ) from error
    if found < 0:
        hint = f" (keys found in the comment lines: {', '.join(sorted(map(str, keys)))})" if entry["where"] else ""
        left_out = "".join(f"; left out: {count} {reason}" for reason, count in source.dropped.items())
        raise UserError(
            f"trajectory {entry['name']!r}: {path} gives no frame with where {entry['where']}, start {entry['start']}, "
            f"stop {entry['stop']}, stride {entry['stride']}{hint}{left_out}"
        )


def _reason(error):
    """Return what a reader stumbled over, in one line."""
    text = " ".join(str(error).split())[:300]
    if isinstance(error, KeyError):
        return f"{text} is not an element (or key) that it knows"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text (a packed file must end in .gz, .bz2 or .xz)"
    return text or type(error).__name__


def digest(atoms):
    """Return the digest of a frame's species, cell and positions to 1e-5 Å: frames with the same digest need not be fingerprinted again."""
    rounded = np.rint(np.concatenate([np.asarray(atoms.cell).ravel(), atoms.positions.ravel()]) * 1e5).astype(np.int64)
    return hashlib.sha256(atoms.numbers.tobytes() + rounded.tobytes()).hexdigest()


def _temperature(entry, atoms):
    """Return the temperature of a frame (K), NaN where its key holds no number."""
    if entry["temperature"] is not None:
        return float(entry["temperature"])
    try:
        return float(atoms.info.get(entry["temperature_key"]))
    except (TypeError, ValueError):
        return np.nan


def import_frames(trajectories, settings):
    """Read and check all trajectories.

    Parameters
    ----------
    trajectories : list of dict
        Section ``trajectories`` of the completed configuration.
    settings : dict
        Section ``import``.

    Returns
    -------
    frames : list of ase.Atoms
        Canonical frames, numbered from 0 in ``info["frame"]``.
    table : pandas.DataFrame
        One row per frame.
    summary : dict
        Counts, species, temperatures, the rejected frames with reasons, the energy source and the digest of each file.

    Raises
    ------
    UserError
        When a file is unusable, too many frames fail, or the kinds of energy are mixed.
    """
    frames, rows, rejected, sources, seen = [], [], [], {}, Seen()
    digests, closest, sources_read, outside = {}, {}, {}, Counter()
    total = 0
    readers.check_families(trajectories, settings.get("energies_agree", False))
    for entry in trajectories:
        source = sources_read[entry["name"]] = readers.source_of(entry)
        log.info(
            "trajectory %s: %s, from %s",
            entry["name"],
            readers.FORMATS[source.format].title,
            ", ".join(map(str, source.files)),
        )
        for position, (index, raw) in enumerate(read_raw(entry, source)):
            if position == 0:
                refuse_unlabelled(source, raw, settings["energy_source"])
            total += 1
            label, atoms = labels(raw, settings["energy_source"]), raw.atoms
            wrong = problems(atoms, label, settings)
            pairs = {} if wrong else closest_pairs(atoms)
            if pairs and min(pairs.values()) < settings["min_distance"]:
                wrong.append(f"two atoms {min(pairs.values()):.2f} Å apart, below import.min_distance")
            if _temperature(entry, atoms) < 0:
                wrong.append(f"a temperature of {_temperature(entry, atoms):g} K")
            elif not np.isfinite(_temperature(entry, atoms)):
                keys = ", ".join(sorted(map(str, atoms.info)))
                wrong.append(f"no number under temperature_key {entry['temperature_key']!r} (its keys: {keys})")
            if not wrong:
                inside = wrapped(atoms)
                outside[entry["name"]] += not np.array_equal(inside, atoms.positions)
                if settings.get("positions") == "wrapped":
                    atoms.positions = inside
                earlier = seen.find(atoms, (entry["name"], index))
                wrong = [f"a repetition of frame {earlier[1]} of trajectory {earlier[0]!r}"] if earlier else []
            if wrong:
                rejected.append({"trajectory": entry["name"], "source_index": index, "reasons": wrong})
                log.warning("trajectory %s, frame %d rejected: %s", entry["name"], index, "; ".join(wrong))
                continue
            sources.setdefault(entry["name"], set()).add(label["energy_source"])
            frame = _canonical(raw, label, entry, len(frames), position)
            frames.append(frame)
            closest = {
                pair: min(distance, closest.get(pair, distance)) for pair, distance in (closest | pairs).items()
            }
            rows.append(_row(frame, entry, index, min(pairs.values()), digest(atoms)))
        for reason, count in source.dropped.items():
            log.warning("trajectory %s: left out: %d %s", entry["name"], count, reason)
        for note in source.notes:
            log.warning("trajectory %s: %s", entry["name"], note)
        if outside[entry["name"]] and settings.get("positions") != "wrapped":
            log.info(
                "trajectory %s: %d frames have atoms outside their cell, which matters to descriptors.coulomb.distances as_given alone; "
                "import.positions: wrapped brings them back",
                entry["name"],
                outside[entry["name"]],
            )
        for path in source.files:
            with path.open("rb") as stream:
                digests[str(path)] = hashlib.file_digest(stream, "sha256").hexdigest()
    summary = {
        "n_frames": len(frames),
        "n_rejected": len(rejected),
        "rejected": rejected,
        "species": sorted({symbol for frame in frames for symbol in frame.symbols}),
        "n_atoms": sorted({len(frame) for frame in frames}),
        "temperatures_k": sorted({frame.info["temperature"] for frame in frames}),
        "trajectories": {e["name"]: sum(f.info["trajectory"] == e["name"] for f in frames) for e in trajectories},
        "energy_source": sorted(set().union(*sources.values())),
        "formats": {name: source.format for name, source in sources_read.items()},
        "left_out": {name: dict(source.dropped) for name, source in sources_read.items() if source.dropped},
        "virials": bool(frames) and all("REF_virial" in frame.info for frame in frames),
        "closest_distance_angstrom": closest,
        "sha256": digests,
    }
    n_virials = sum("REF_virial" in frame.info for frame in frames)
    if 0 < n_virials < len(frames):
        log.warning(
            "%d of %d frames have a virial; virials are fitted only where all have one", n_virials, len(frames)
        )
    mixed = [kinds for kinds in sources.values() if len(kinds) > 1]
    if not mixed and not settings.get("energies_agree") and len(summary["energy_source"]) > 1:
        mixed = [set(summary["energy_source"])]
    refuse_unusable_set(summary, total, mixed, settings)
    return frames, pd.DataFrame(rows), summary


def _canonical(raw, label, entry, number, position):
    atoms = raw.atoms
    frame = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)
    frame.info = {
        "frame": number,
        "trajectory": entry["name"],
        "role": entry["role"],
        "temperature": _temperature(entry, atoms),
        "REF_energy": label["energy"],
    }
    if entry["interval"] is not None:
        frame.info["time_ps"] = (entry["start"] + position * entry["stride"]) * entry["interval"] / 1000
    elif raw.time_fs is not None:
        frame.info["time_ps"] = raw.time_fs / 1000
    if label["virial"] is not None:
        frame.info["REF_virial"] = label["virial"].reshape(3, 3)
    frame.arrays["REF_forces"] = label["forces"]
    return frame


def _row(frame, entry, index, min_distance, digest):
    volume = frame.get_volume()
    return {
        "frame": frame.info["frame"],
        "trajectory": frame.info["trajectory"],
        "role": frame.info["role"],
        "source_file": entry["file"],
        "source_index": index,
        "time_ps": frame.info.get("time_ps", np.nan),
        "temperature_k": frame.info["temperature"],
        "n_atoms": len(frame),
        "formula": frame.get_chemical_formula(),
        "energy_ev": frame.info["REF_energy"],
        "energy_ev_per_atom": frame.info["REF_energy"] / len(frame),
        "max_force_ev_per_angstrom": float(np.linalg.norm(frame.arrays["REF_forces"], axis=1).max()),
        "min_distance_angstrom": min_distance,
        "volume_angstrom3": volume,
        "density_g_per_cm3": frame.get_masses().sum() / volume * AMU_PER_A3_IN_G_PER_CM3,
        # a letter first, or a table reader takes some digests for numbers
        "digest": f"x{digest[:16]}",
    }
