"""Reading trajectories, checking every frame, and the canonical frames that all later steps use.

Canonical frame: an ``ase.Atoms`` whose ``info`` holds frame, trajectory, role, temperature (K), time_ps, REF_energy (eV)
and, where given, REF_virial (eV, 3 x 3 or its nine numbers, virial = -stress x volume), and whose ``arrays`` hold REF_forces (eV/Å).
"""

import bisect
import hashlib
import io
import logging
from collections import Counter
from itertools import combinations_with_replacement, islice, product
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.io import iread, read, write
from scipy.spatial import KDTree

from gapglass import readers
from gapglass.errors import UserError
from gapglass.files import whole_file

log = logging.getLogger("gapglass")

AMU_PER_A3_IN_G_PER_CM3 = 1e24 / units.mol
LOWEST_CELL = 1.0  # Å; lower than any crystal's, and the images within reach would fill the memory


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


def labels(frame, source="auto"):
    """Return the labels of a raw frame.

    Parameters
    ----------
    frame : readers.RawFrame or ase.Atoms
        Atoms carry them as REF_* keys or in the calculator.
    source : {"auto", "REF_energy", "free_energy", "energy"}
        Which energy to take.

    Returns
    -------
    dict
        energy (eV), energy_source, forces (eV/Å), virial (eV), both in the shape found: ``faults`` judges it. An absent label is None.
    """
    raw = readers.from_atoms(frame) if isinstance(frame, Atoms) else frame
    wanted = ["REF_energy", "free_energy", "energy"] if source == "auto" else [source]
    kind = next((name for name in wanted if raw.energies.get(name) is not None), None)
    return {
        "energy": None if kind is None else float(raw.energies[kind]),
        "energy_source": kind,
        "forces": raw.forces,
        "virial": raw.virial,
    }


def refuse_unlabelled(source, raw, energy_source="auto"):
    """Refuse a file that by its kind cannot train a potential, by its first frame.

    Frames of extended XYZ are judged one by one (``faults``): there any frame may lack a label.

    Parameters
    ----------
    source : readers.Source
    raw : readers.RawFrame
    energy_source : str
        ``import.energy_source``.

    Raises
    ------
    UserError
        Naming what is missing and which file would have it.
    """
    form = readers.FORMATS[source.format]
    if form.name == "extxyz":
        return
    label = labels(raw, energy_source)
    missing = [what for what in ("energy", "forces") if label[what] is None]
    if missing:
        kinds = f" of the kind {energy_source} (import.energy_source; it has {', '.join(raw.energies)})" if raw.energies else ""
        raise source.fault(
            f"{source.path}, read as {form.title}, has no {' and no '.join(missing)}{kinds if 'energy' in missing else ''}; a study needs "
            f"both in every frame. What has them: {form.labels_from}"
        )
    if abs(np.linalg.det(np.asarray(raw.atoms.cell))) < 1e-3:
        fix = "give `cell: [a, b, c]` (Å)" if "cell" in form.options else "write it with the cell"
        if "cell" in form.accepts:
            fix += " or the file with the cells as `companions: {cell: ...}`"
        raise source.fault(f"{source.path}, read as {form.title}, names no cell; {fix}")


def closest_pairs(frame, reach=4.0):
    """Return the smallest distance (Å) of each pair of species in a periodic frame, {"O-Te": 1.75, ...}, up to ``reach``.

    Images are included; ``reach`` stands where no two atoms of a pair are closer. Search trees over the atoms and
    the images within reach: many times faster than a neighbour list, of which only the smallest distances would be used.
    """
    points, origin = with_images(frame, reach)
    symbols = np.array(frame.symbols)
    trees = {symbol: KDTree(points[symbols[origin] == symbol]) for symbol in sorted(set(frame.symbols))}
    closest = {}
    for first, second in combinations_with_replacement(trees, 2):
        atoms = points[: len(frame)][symbols == first]
        # among its own species, the closest to an atom is the atom itself
        distances, _ = trees[second].query(atoms, k=[2 if first == second else 1], distance_upper_bound=reach)
        closest[f"{first}-{second}"] = float(min(distances.min(), reach))
    return closest


def closest_distance(atoms):
    """Return the smallest distance (Å) between two atoms, images included, up to the reach of ``closest_pairs``."""
    return min(closest_pairs(atoms).values())


def with_images(frame, reach):
    """Return the positions (Å) of all atoms, wrapped into the cell, then of their images within ``reach`` of it; and whose each is."""
    cell = np.asarray(frame.cell)
    margin = reach * np.linalg.norm(np.linalg.inv(cell), axis=0)  # reach over the heights of the cell
    wrapped = frame.get_scaled_positions() % 1.0
    shifts = np.array(list(product(*(range(-n, n + 1) for n in np.ceil(margin).astype(int)))))
    shifts = shifts[shifts.any(axis=1)]
    images = (wrapped[None] + shifts[:, None]).reshape(-1, 3)
    near = ((images >= -margin) & (images <= 1 + margin)).all(axis=1)
    origin = np.tile(np.arange(len(frame)), len(shifts))[near]
    return np.concatenate([wrapped, images[near]]) @ cell, np.concatenate([np.arange(len(frame)), origin])


def faults(atoms, label, settings):
    """Return the list of what is wrong with a frame, empty when it is sound; ``import_frames`` looks for atoms too close.

    Parameters
    ----------
    atoms : ase.Atoms
    label : dict
        From ``labels``.
    settings : dict
        Section ``import`` of the configuration.
    """
    found = []
    if not np.isfinite(atoms.positions).all():
        found.append("positions that are not finite numbers")
    cell = np.asarray(atoms.cell)
    if not np.isfinite(cell).all() or abs(np.linalg.det(cell)) < 1e-3:
        found.append("no cell (Lattice is absent or zero)")
    elif (height := 1 / np.linalg.norm(np.linalg.inv(cell), axis=0).max()) < LOWEST_CELL:
        found.append(f"a cell only {height:.3g} Å high (is Lattice in Å?)")
    elif not atoms.pbc.all():
        found.append(f"not periodic in all directions (pbc {atoms.pbc.tolist()})")
    if (atoms.numbers == 0).any():
        found.append("an unknown species")
    if label["energy"] is None:
        found.append("no energy (REF_energy, or energy in ASE's calculator)")
    elif not np.isfinite(label["energy"]):
        found.append("an energy that is not a finite number")
    if label["forces"] is None:
        found.append("no forces (REF_forces, or forces in ASE's calculator)")
    elif label["forces"].shape != (len(atoms), 3) or not np.isfinite(label["forces"]).all():
        found.append("forces that are not finite numbers")
    elif np.abs(label["forces"]).max() > settings["max_force"]:
        found.append(f"a force of {np.abs(label['forces']).max():.1f} eV/Å, above import.max_force")
    if label["virial"] is not None and (label["virial"].size != 9 or not np.isfinite(label["virial"]).all()):
        found.append("a virial that is not nine finite numbers")
    return found


def fingerprint(atoms):
    """Return the digest of a frame's species, cell and positions to 1e-5 Å: frames with the same digest need not be fingerprinted again."""
    rounded = np.rint(np.concatenate([np.asarray(atoms.cell).ravel(), atoms.positions.ravel()]) * 1e5).astype(np.int64)
    return hashlib.sha256(atoms.numbers.tobytes() + rounded.tobytes()).hexdigest()


class Seen:
    """Frames met so far, to know one that comes again: same species, cell and positions within 1e-4 Å, wrapped or not.

    Rounded positions would miss one frame in ten where another writer's last digit falls across a rounding edge. So frames are looked up
    by a number that changes smoothly with the positions and not at all when an atom turns up in another image, and then compared.
    """

    TOLERANCE = 1e-4

    def __init__(self):
        self._places = {}

    def find(self, atoms, name):
        """Return the name of an earlier frame equal to this one, or None and remember this one under ``name``."""
        cell = np.asarray(atoms.cell)
        scaled = np.linalg.solve(cell.T, atoms.positions.T).T % 1.0
        weights = np.sin(1.0 + np.arange(scaled.size)).reshape(scaled.shape)
        place = float((weights * np.cos(2 * np.pi * scaled)).sum())
        reach = 2 * np.pi * scaled.size * self.TOLERANCE * np.linalg.norm(np.linalg.inv(cell), axis=0).max()
        known = self._places.setdefault(atoms.numbers.tobytes(), [])
        first = bisect.bisect_left(known, place - reach, key=lambda item: item[0])
        last = bisect.bisect_right(known, place + reach, key=lambda item: item[0])
        for _, earlier, other_cell, other in known[first:last]:
            apart = scaled - other
            same = np.abs((apart - np.rint(apart)) @ cell).max(initial=0) < self.TOLERANCE
            if same and np.abs(cell - other_cell).max() < self.TOLERANCE:
                return earlier
        known.insert(bisect.bisect_right(known, place, key=lambda item: item[0]), (place, name, cell.copy(), scaled.astype(np.float32)))
        return None


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
        log.info("trajectory %s: %s, from %s", entry["name"], readers.FORMATS[source.format].title, ", ".join(map(str, source.files)))
        for position, (index, raw) in enumerate(read_raw(entry, source)):
            if position == 0:
                refuse_unlabelled(source, raw, settings["energy_source"])
            total += 1
            label, atoms = labels(raw, settings["energy_source"]), raw.atoms
            wrong = faults(atoms, label, settings)
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
            closest = {pair: min(distance, closest.get(pair, distance)) for pair, distance in (closest | pairs).items()}
            rows.append(_row(frame, entry, index, min(pairs.values()), fingerprint(atoms)))
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
        log.warning("%d of %d frames have a virial; virials are fitted only where all have one", n_virials, len(frames))
    mixed = [kinds for kinds in sources.values() if len(kinds) > 1]
    if not mixed and not settings.get("energies_agree") and len(summary["energy_source"]) > 1:
        mixed = [set(summary["energy_source"])]
    _refuse(summary, total, mixed, settings)
    return frames, pd.DataFrame(rows), summary


def _refuse(summary, total, mixed, settings):
    if summary["n_rejected"] > settings["max_rejected_fraction"] * total:
        first = "\n".join(
            f"  - {item['trajectory']}, frame {item['source_index']}: {'; '.join(item['reasons'])}" for item in summary["rejected"][:5]
        )
        raise UserError(
            f"{summary['n_rejected']} of {total} frames fail the checks, more than import.max_rejected_fraction "
            f"({settings['max_rejected_fraction']:g}) allows. The first:\n{first}\nMend the trajectories or raise the limit."
        )
    if mixed:
        raise UserError(
            f"the frames' energies are of different kinds ({', '.join(sorted(mixed[0]))}); free and extrapolated "
            "energies differ by the smearing. Name one with import.energy_source."
        )
    if summary["n_frames"] < 10:
        raise UserError(
            f"only {summary['n_frames']} of the frames that `trajectories` selects are usable; clustering and a train/test split need at "
            "least 10. Add trajectories, or select more frames (start, stop, stride, where)."
        )


def wrapped(atoms):
    """Return positions (Å) inside the cell; atoms that are inside keep theirs to the last digit.

    Codes write wrapped or unwrapped positions of the same frame.
    """
    cell = np.asarray(atoms.cell)
    # the margin keeps an atom on the boundary at 0 whatever its last digit
    turns = np.floor(np.linalg.solve(cell.T, atoms.positions.T).T + 1e-9)
    outside = turns.any(axis=1)
    positions = atoms.positions.copy()
    positions[outside] -= turns[outside] @ cell
    return positions


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


def write_frames(path, frames, keys=None):
    """Write frames as extended XYZ with one set of columns for all.

    Parameters
    ----------
    path : path-like
    frames : list of ase.Atoms
    keys : list of str, optional
        The ``info`` keys to write; all by default. gap_fit takes some keys by name (stress, say), so
        training files carry only what is meant.

    Returns
    -------
    list of int
        Byte at which each frame begins.
    """
    offsets = []
    with whole_file(path) as temporary, temporary.open("w") as stream:
        for frame in frames:
            offsets.append(stream.tell())
            copy = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
            # gap_fit reads nine numbers in a row; a 3 x 3 array would be written as JSON, which it passes over in silence
            copy.info = {
                key: value.ravel() if isinstance(value, np.ndarray) else value
                for key, value in frame.info.items()
                if keys is None or key in keys
            }
            if "REF_forces" in frame.arrays:
                copy.arrays["REF_forces"] = frame.arrays["REF_forces"]
            write(stream, copy, format="extxyz")
    return offsets


def read_frames(path, indices=None, offsets=None):
    """Read canonical frames.

    Parameters
    ----------
    path : path-like
        frames.extxyz of a study.
    indices : iterable of int, optional
        Only these frames, in this order.
    offsets : sequence of int, optional
        Byte at which every frame of the file begins (column ``offset_bytes`` of frames/table.csv): only the frames asked for are read.
    """
    if offsets is not None and indices is not None:
        with Path(path).open() as stream:
            return [_frame_at(stream, int(offsets[i])) for i in indices]
    frames = list(iread(path, index=":", format="extxyz"))
    return frames if indices is None else [frames[i] for i in indices]


def _frame_at(stream, offset):
    stream.seek(offset)
    first = stream.readline()
    lines = [first, *islice(stream, int(first) + 1)]
    return read(io.StringIO("".join(lines)), format="extxyz")
