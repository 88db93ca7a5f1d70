"""What a trajectory file holds, found out before a study is set up: ``python -m gapglass inspect FILE...`` or ``make inspect``."""

from collections import Counter

import numpy as np

from gapglass.base import units
from gapglass.frames import checks, geometry, labels, readers, trajectory
from gapglass.frames.plateaus import gaps, plateaus
from gapglass.frames.readers import records

SHOWN = 5


def inspect(source):
    """Read a whole trajectory and return what it holds.

    Parameters
    ----------
    source : readers.Source
        From ``readers.source_of``.

    Returns
    -------
    dict
        frames, n_atoms, formulas, energies, forces, virials (frames that have them), largest_force_ev_per_angstrom, cell_angstrom
        (smallest and largest edges and angles), density_g_per_cm3, closest_angstrom, interval_fs,
        interval_steps, gaps, repeated, plateaus, left_out, notes.

    Raises
    ------
    UserError
        When the file cannot be read or holds no frame.
    """
    entry = {"name": source.name, "file": str(source.path), "where": {}, "start": 0, "stop": None, "stride": 1}
    series = {name: [] for name in ("energy", "step", "time", "kinetic")}
    kinds, formulas, n_atoms, cells, density, keyed = Counter(), Counter(), Counter(), [], [], {}
    closest, seen, repeated = {}, checks.Seen(), []
    forces = virials = frames = 0
    largest = 0.0
    for index, raw in trajectory.read_raw(entry, source):
        atoms, label = raw.atoms, labels.labels(raw)
        frames += 1
        kinds.update(list(raw.energies))
        formulas[atoms.get_chemical_formula()] += 1
        n_atoms[len(atoms)] += 1
        forces += raw.forces is not None
        virials += raw.virial is not None
        if raw.forces is not None and len(raw.forces):
            largest = max(largest, float(np.linalg.norm(raw.forces, axis=1).max()))
        for name, value in (
            ("energy", label["energy"]),
            ("step", raw.step),
            ("time", raw.time_fs),
            ("kinetic", raw.temperature_k),
        ):
            series[name].append(np.nan if value is None else value / (len(atoms) if name == "energy" else 1))
        for key, value in atoms.info.items():
            if "temp" in str(key).lower() and np.isscalar(value) and not isinstance(value, str):
                keyed.setdefault(key, np.full(index, np.nan).tolist()).append(float(value))
        if abs(np.linalg.det(np.asarray(atoms.cell))) > 1e-3 and np.isfinite(atoms.positions).all():
            cells.append(atoms.cell.cellpar())
            density.append(atoms.get_masses().sum() / atoms.get_volume() * units.AMU_PER_A3_IN_G_PER_CM3)
            for pair, distance in geometry.closest_pairs(atoms).items():
                closest[pair] = min(distance, closest.get(pair, distance))
            earlier = seen.find(atoms, index)
            if earlier is not None:
                repeated.append((index, earlier))
    series = {name: np.array(values, float) for name, values in series.items()}
    key = next((name for name, values in keyed.items() if len(values) == frames), None)
    known_time = bool(np.isfinite(series["time"]).all())
    clock = series["time"] if known_time else series["step"]
    interval, found_gaps = gaps(clock)
    return {
        "file": str(source.path),
        "files": [str(path) for path in source.files],
        "format": source.format,
        "title": readers.FORMATS[source.format].title,
        "labels_from": readers.FORMATS[source.format].labels_from,
        "frames": frames,
        "n_atoms": sorted(n_atoms),
        "formulas": dict(formulas),
        "energies": dict(kinds),
        "forces": forces,
        "virials": virials,
        "largest_force_ev_per_angstrom": largest if forces else None,
        "cell_angstrom": [np.min(cells, axis=0).tolist(), np.max(cells, axis=0).tolist()] if cells else None,
        "density_g_per_cm3": [min(density), float(np.mean(density)), max(density)] if density else None,
        "closest_angstrom": closest,
        "interval_fs": interval if known_time else None,
        "interval_steps": None if known_time else interval,
        "gaps": found_gaps,
        "repeated": repeated,
        "temperature_key": key,
        "plateaus": plateaus(series, keyed.get(key), known_time),
        "left_out": dict(source.dropped),
        "notes": list(source.notes),
    }


def entry_text(found, options=None):
    """Return items for `trajectories:` of a configuration, one per plateau, ready to paste.

    Parameters
    ----------
    found : dict
        From ``inspect``.
    options : dict, optional
        Keys of the entry that were needed to read the file.
    """
    name = (
        "".join(
            letter if letter.isalnum() else "-" for letter in records.bare_name(found["file"]).split(".")[0]
        ).strip("-")
        or "run"
    )
    blocks = []
    plateaus = [part for part in found["plateaus"] if not part["ramp"]] or found["plateaus"]
    parts = plateaus if found["temperature_key"] is None and len(plateaus) > 1 else [None]
    for part in parts:
        suffix = "" if part is None else f"-{part['temperature_k']:.0f}K-{part['start']}"
        lines = [f"  - name: {name}{suffix}", f"    file: {found['file']}"]
        lines += [f"    {key}: {_yaml(value)}" for key, value in (options or {}).items()]
        if part is not None:
            lines += [f"    start: {part['start']}", f"    stop: {part['stop']}"]
        if found["temperature_key"] is not None:
            lines.append(f"    temperature_key: {found['temperature_key']}")
        else:
            mean = (part or plateaus[0])["temperature_k"]
            told = (
                "K; mean of the kinetic temperature, give that of the thermostat"
                if mean
                else "K; the file does not tell it"
            )
            lines.append(f"    temperature: {f'{mean:.0f}' if mean else '...'}   # {told}")
        if found["interval_fs"] is None:
            lines.append("    # interval: ...   # fs between two frames; the file does not tell it")
        blocks.append("\n".join(lines))
    return "trajectories:\n" + "\n".join(blocks)


def _yaml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    return str(value)


def text(found, options=None):
    """Return what ``inspect`` found as lines for a person, with an entry to paste."""
    frames = found["frames"]
    rows = [
        ("format", f"{found['title']} (format: {found['format']})"),
        *(
            [("files", ", ".join(records.bare_name(path) for path in found["files"]))]
            if len(found["files"]) > 1
            else []
        ),
        (
            "frames",
            f"{frames}" + "".join(f"; left out: {count} {reason}" for reason, count in found["left_out"].items()),
        ),
        (
            "atoms",
            " or ".join(map(str, found["n_atoms"]))
            + ": "
            + ", ".join(f"{n} x {formula}" for formula, n in list(found["formulas"].items())[:SHOWN]),
        ),
        ("labels", _labels(found)),
        ("cell", _cell(found)),
        ("time", _time(found)),
    ]
    if found["density_g_per_cm3"]:
        low, mean, high = found["density_g_per_cm3"]
        rows.append(("density", f"{mean:.3f} g/cm³" + (f" ({low:.3f} to {high:.3f})" if high - low > 5e-4 else "")))
    for part in found["plateaus"]:
        rows.append(("ramp" if part["ramp"] else "plateau", _plateau(part)))
    if found["closest_angstrom"]:
        rows.append(
            (
                "closest",
                ", ".join(f"{pair} {distance:.2f}" for pair, distance in sorted(found["closest_angstrom"].items()))
                + " Å",
            )
        )
    if found["repeated"]:
        shown = ", ".join(f"{index} = {first}" for index, first in found["repeated"][:SHOWN])
        rows.append(
            (
                "repeated",
                f"{len(found['repeated'])} frames ({shown}{', ...' if len(found['repeated']) > SHOWN else ''})",
            )
        )
    rows += [("note", note) for note in found["notes"]]
    width = max(len(name) for name, _ in rows)
    body = "\n".join(f"  {name:{width}}  {value}" for name, value in rows)
    return f"{found['file']}\n{body}\n\n{entry_text(found, options)}\n"


def _labels(found):
    frames = found["frames"]

    def share(count):
        return "" if count == frames else f" in {count} of {frames} frames"

    parts = [f"energy ({kind}){share(count)}" for kind, count in found["energies"].items()]
    if found["forces"]:
        parts.append(f"forces{share(found['forces'])} (largest {found['largest_force_ev_per_angstrom']:.1f} eV/Å)")
    parts.append(f"virial{share(found['virials'])}" if found["virials"] else "no virial")
    missing = [what for what, there in (("energy", found["energies"]), ("forces", found["forces"])) if not there]
    if missing:
        parts.append(
            f"NO {' AND NO '.join(missing).upper()}: no study can use it; what has them: {found['labels_from']}"
        )
    return ", ".join(parts)


def _cell(found):
    if found["cell_angstrom"] is None:
        return "NONE: give `cell`, in Å"
    low, high = (np.array(values) for values in found["cell_angstrom"])
    shape = (
        " ".join(f"{value:.3f}" for value in high[:3])
        + " Å, "
        + " ".join(f"{value:.1f}" for value in high[3:])
        + " degrees"
    )
    return shape + (
        ""
        if np.allclose(low, high, atol=1e-4)
        else f"; changes, edges from {' '.join(f'{value:.3f}' for value in low[:3])} Å"
    )


def _time(found):
    unit, interval = (
        ("fs", found["interval_fs"]) if found["interval_fs"] is not None else ("steps", found["interval_steps"])
    )
    if interval is None:
        return "not told by the file"
    words = f"{interval:g} {unit} between frames"
    if found["gaps"]:
        shown = ", ".join(f"{distance:g} {unit} before frame {index}" for index, distance in found["gaps"][:SHOWN])
        words += f"; {len(found['gaps'])} gaps: {shown}{', ...' if len(found['gaps']) > SHOWN else ''}"
    return words + ("" if unit == "fs" else "; the time step is not told")


def _plateau(part):
    where = f"frames {part['start']} to {part['stop'] - 1}"
    warm = (
        "temperature not told"
        if part["temperature_k"] is None
        else f"{part['temperature_k']:.0f} K, fluctuation {part['spread_k']:.0f} K"
    )
    slope = part["drift_mev_per_atom"]
    return f"{where}: {warm}" + (
        "" if slope is None else f", potential energy drifts by {slope:+.2f} meV/atom per {part['drift_per']}"
    )
