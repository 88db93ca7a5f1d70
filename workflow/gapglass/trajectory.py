"""Reading trajectories, checking every frame, and the canonical frames that all later steps use.

Canonical frame: an ``ase.Atoms`` whose ``info`` holds frame, trajectory, role, temperature (K), time_ps, REF_energy (eV)
and, where given, REF_virial (eV, 3 x 3 or its nine numbers, virial = -stress x volume), and whose ``arrays`` hold REF_forces (eV/Å).
"""

import bz2
import gzip
import hashlib
import io
import logging
import lzma
from itertools import combinations_with_replacement, islice, product
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.calculators.calculator import PropertyNotImplementedError
from ase.io import iread, read, write
from scipy.spatial import KDTree

from gapglass.errors import UserError
from gapglass.files import whole_file

log = logging.getLogger("gapglass")

AMU_PER_A3_IN_G_PER_CM3 = 1e24 / units.mol
LOWEST_CELL = 1.0  # Å; lower than any crystal's, and the images within reach would fill the memory


def read_raw(entry):
    """Yield (index in the file, Atoms) of the frames that a trajectory entry of the configuration selects.

    Parameters
    ----------
    entry : dict
        Completed item of ``trajectories``.

    Raises
    ------
    UserError
        When the file is absent, unreadable, truncated, or selects nothing.
    """
    path = Path(entry["file"])
    if not path.is_file():
        raise UserError(f"trajectory {entry['name']!r}: there is no file {path}; mend trajectories.file (relative to {Path.cwd()})")
    position = found = -1
    keys = set()
    try:
        for index, atoms in enumerate(iread(_opened(path), index=":", format="extxyz")):
            keys.update(atoms.info)
            if any(atoms.info.get(key) != value for key, value in entry["where"].items()):
                continue
            position += 1
            if entry["stop"] is not None and position >= entry["stop"]:
                break
            if position >= entry["start"] and (position - entry["start"]) % entry["stride"] == 0:
                found += 1
                yield index, atoms
    except Exception as error:  # ASE raises whatever its parser stumbles over, the decompressors errors of their own
        raise UserError(
            f"trajectory {entry['name']!r}: {path} cannot be read as extended XYZ after frame {position + 1}: {_reason(error)}. "
            "Is the file complete, with Lattice and Properties in every comment line?"
        ) from error
    if found < 0:
        hint = f" (keys found in the comment lines: {', '.join(sorted(map(str, keys)))})" if entry["where"] else ""
        raise UserError(
            f"trajectory {entry['name']!r}: {path} gives no frame with where {entry['where']}, start {entry['start']}, "
            f"stop {entry['stop']}, stride {entry['stride']}{hint}"
        )


def _reason(error):
    """Return what a reader stumbled over, in one line."""
    text = " ".join(str(error).split())[:300]
    if isinstance(error, KeyError):
        return f"{text} is not an element (or key) that it knows"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text (a packed file must end in .gz, .bz2 or .xz)"
    return text or type(error).__name__


def _opened(path):
    """Return the text of a file as a stream, a compressed one unpacked: ASE seeks back and forth, which those answer very slowly.

    A stream and no name, because ASE takes what follows an @ in a name for the numbers of frames.
    """
    opener = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(path.suffix)
    if opener is None:
        stream = path.open()
    else:
        with opener(path, "rt") as packed:
            stream = io.StringIO(packed.read())
    _refuse_absurd(stream)
    return stream


def _refuse_absurd(stream):
    """Refuse a frame that claims more atoms than the whole file has lines: ASE would look for each of them, for days."""
    n_lines = 0
    while line := stream.readline():
        n_lines += 1
        if line.strip() and not line.startswith("VEC"):
            n_atoms = int(line)
            n_read = sum(1 for _ in islice(stream, n_atoms + 1))
            n_lines += n_read
            if n_atoms > n_lines:
                raise ValueError(f"a frame claims {n_atoms} atoms, and the file has {n_lines} lines")
    stream.seek(0)


def labels(atoms, source="auto"):
    """Return the labels of a raw frame.

    Parameters
    ----------
    atoms : ase.Atoms
        Frame with labels as REF_* keys or in the calculator.
    source : {"auto", "REF_energy", "free_energy", "energy"}
        Which energy to take.

    Returns
    -------
    dict
        energy (eV), energy_source, forces (eV/Å), virial (eV), both in the shape found: ``faults`` judges it. An absent label is None.
    """
    results = {}
    if atoms.calc is not None:
        for name in ("energy", "free_energy", "forces", "stress"):
            try:
                results[name] = atoms.calc.get_property(name, atoms, allow_calculation=False)
            except PropertyNotImplementedError:
                results[name] = None
    energies = {
        "REF_energy": atoms.info.get("REF_energy"),
        "free_energy": results.get("free_energy"),
        "energy": results.get("energy"),
    }
    wanted = list(energies) if source == "auto" else [source]
    kind = next((name for name in wanted if energies[name] is not None), None)
    forces = atoms.arrays.get("REF_forces", results.get("forces"))
    virial = atoms.info.get("REF_virial")
    if virial is None and results.get("stress") is not None:
        stress = _numbers(results["stress"])
        if stress.shape == (6,):
            xx, yy, zz, yz, xz, xy = stress
            stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        virial = -(stress.reshape(3, 3) if stress.size == 9 else stress) * abs(np.linalg.det(np.asarray(atoms.cell)))
    return {
        "energy": None if kind is None else _numbers(energies[kind], scalar=True),
        "energy_source": kind,
        "forces": None if forces is None else _numbers(forces),
        "virial": None if virial is None else _numbers(virial),
    }


def _numbers(value, scalar=False):
    """Return a label as float or array of float; NaN, which ``faults`` rejects, where a file holds text or the wrong number of them."""
    try:
        return float(value) if scalar else np.asarray(value, float)
    except (TypeError, ValueError):
        return np.nan if scalar else np.array([np.nan])


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


def _fingerprint(atoms):
    """Digest by which a repeated frame is known: species, cell and positions to 1e-5 Å."""
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
    frames, rows, rejected, sources, seen = [], [], [], set(), {}
    digests, closest = {}, {}
    total = 0
    for entry in trajectories:
        for position, (index, atoms) in enumerate(read_raw(entry)):
            total += 1
            label = labels(atoms, settings["energy_source"])
            wrong = faults(atoms, label, settings)
            pairs = {} if wrong else closest_pairs(atoms)
            if pairs and min(pairs.values()) < settings["min_distance"]:
                wrong.append(f"two atoms {min(pairs.values()):.2f} Å apart, below import.min_distance")
            if _temperature(entry, atoms) < 0:
                wrong.append(f"a temperature of {_temperature(entry, atoms):g} K")
            elif not np.isfinite(_temperature(entry, atoms)):
                keys = ", ".join(sorted(map(str, atoms.info)))
                wrong.append(f"no number under temperature_key {entry['temperature_key']!r} (its keys: {keys})")
            digest = None if wrong else _fingerprint(atoms)
            if digest in seen and not wrong:
                wrong = [f"a repetition of frame {seen[digest][1]} of trajectory {seen[digest][0]!r}"]
            if wrong:
                rejected.append({"trajectory": entry["name"], "source_index": index, "reasons": wrong})
                log.warning("trajectory %s, frame %d rejected: %s", entry["name"], index, "; ".join(wrong))
                continue
            seen[digest] = (entry["name"], index)
            sources.add(label["energy_source"])
            frame = _canonical(atoms, label, entry, len(frames), position)
            frames.append(frame)
            closest = {pair: min(distance, closest.get(pair, distance)) for pair, distance in (closest | pairs).items()}
            rows.append(_row(frame, entry, index, min(pairs.values()), digest))
        digests[entry["file"]] = hashlib.sha256(Path(entry["file"]).read_bytes()).hexdigest()
    summary = {
        "n_frames": len(frames),
        "n_rejected": len(rejected),
        "rejected": rejected,
        "species": sorted({symbol for frame in frames for symbol in frame.symbols}),
        "n_atoms": sorted({len(frame) for frame in frames}),
        "temperatures_k": sorted({frame.info["temperature"] for frame in frames}),
        "trajectories": {e["name"]: sum(f.info["trajectory"] == e["name"] for f in frames) for e in trajectories},
        "energy_source": sorted(sources),
        "virials": bool(frames) and all("REF_virial" in frame.info for frame in frames),
        "closest_distance_angstrom": closest,
        "sha256": digests,
    }
    _refuse(summary, total, settings)
    return frames, pd.DataFrame(rows), summary


def _refuse(summary, total, settings):
    if summary["n_rejected"] > settings["max_rejected_fraction"] * total:
        first = "\n".join(
            f"  - {item['trajectory']}, frame {item['source_index']}: {'; '.join(item['reasons'])}" for item in summary["rejected"][:5]
        )
        raise UserError(
            f"{summary['n_rejected']} of {total} frames fail the checks, more than import.max_rejected_fraction "
            f"({settings['max_rejected_fraction']:g}) allows. The first:\n{first}\nMend the trajectories or raise the limit."
        )
    if len(summary["energy_source"]) > 1:
        raise UserError(
            f"the frames' energies are of different kinds ({', '.join(summary['energy_source'])}); free and extrapolated "
            "energies differ by the smearing. Name one with import.energy_source."
        )
    if summary["n_frames"] < 10:
        raise UserError(
            f"only {summary['n_frames']} of the frames that `trajectories` selects are usable; clustering and a train/test split need at "
            "least 10. Add trajectories, or select more frames (start, stop, stride, where)."
        )


def _canonical(atoms, label, entry, number, position):
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
