"""Contents of a trajectory file, inspected before a study is set up (``gapglass inspect FILE...``)."""

import json
import re
from collections import Counter

import numpy as np

from gapglass.base import units
from gapglass.frames import checks, geometry, isolated, labels, readers, trajectory
from gapglass.frames.plateaus import gaps, plateaus
from gapglass.frames.readers import bare_name, families, guide, label_names

YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", ".nan", ".inf")  # no text in YAML
SHOWN = 5  # number of gaps, repetitions or formulas in the text


def inspect(source):
    """Read a whole trajectory and return what it contains.

    Parameters
    ----------
    source : readers.Source
        From ``readers.source_of``.

    Returns
    -------
    dict
        frames, n_atoms, formulas, energies, forces, virials (numbers of frames that have them),
        largest_force_ev_per_angstrom, pressure_gpa (smallest, mean and largest of the virials), label_keys (key that
        looks like a label -> number of frames), keys_used, isolated_atoms (element -> eV), unconverged (number of
        frames), contradictions (reason -> number of frames), guide (guide_energy and guide_forces -> number of
        frames), settings, cell_angstrom (smallest and largest edges and angles), density_g_per_cm3, closest_angstrom
        (``geometry.REACH`` where nothing is closer), interval_fs, interval_steps, gaps, repeated, temperature_key,
        plateaus, left_out and notes; file, files, format, title and labels_from describe the files.

    Raises
    ------
    UserError
        When the file cannot be read or contains no frame.
    """
    entry = {"name": source.name, "file": str(source.path), "where": {}, "start": 0, "stop": None, "stride": 1}
    contents = _Contents(with_keys=source.format in readers.WITH_KEYS, keys=source.keys)
    for index, raw in trajectory.read_raw(entry, source):
        contents.add(index, raw)
    form = readers.FORMATS[source.format]
    contents.keys_used.update(source.keys.values())
    return {
        "file": str(source.path),
        "files": [str(path) for path in source.files],
        "format": source.format,
        "title": form.title,
        "labels_from": form.labels_from,
        **contents.counts(),
        **contents.times(),
        "left_out": dict(source.dropped),
        "notes": list(source.notes),
        "settings": dict(source.settings),
    }


class _Contents:
    """What the frames of one trajectory contain, added frame by frame."""

    def __init__(self, with_keys, keys):
        self.with_keys, self.declared, self.of_guide = with_keys, bool(guide.of_labels(keys)), guide.of_guide(keys)
        self.guide = Counter()  # kind of the guide's labels -> number of frames
        self.label_keys, self.keys_used = Counter(), set()
        self.pressures, self.isolated, self.contradictions, self.unconverged = [], {}, Counter(), 0
        self.frames = self.forces = self.virials = 0
        self.energies, self.formulas, self.n_atoms = Counter(), Counter(), Counter()
        self.largest_force = 0.0
        self.cells, self.densities, self.closest = [], [], {}
        self.seen, self.repeated = checks.Seen(), []
        self.series = {"energy": [], "step": [], "time": [], "kinetic": []}
        self.keyed = {}  # key that may be a temperature -> its values, NaN before the first frame that has it

    def add(self, index, raw):
        """Add a frame."""
        atoms = raw.atoms
        self.frames += 1
        self.energies.update(list(raw.energies))
        self.formulas[atoms.get_chemical_formula()] += 1
        self.n_atoms[len(atoms)] += 1
        self.forces += raw.forces is not None
        self.virials += raw.virial is not None
        self.unconverged += raw.converged is False
        self.contradictions.update(raw.faults)
        self.guide.update(kind for kind in guide.KINDS if getattr(raw, kind) is not None)
        self._add_keys(atoms)
        if raw.virial is not None and raw.virial.size == 9 and (volume := abs(np.linalg.det(atoms.cell))) > 0:
            self.pressures.append(np.trace(raw.virial) / 3 / volume / units.PRESSURE_EV_PER_ANGSTROM3["GPa"])
        if raw.forces is not None and len(raw.forces):
            self.largest_force = max(self.largest_force, float(np.linalg.norm(raw.forces, axis=1).max()))
        energy = labels.labels(raw)["energy"]
        energy = None if energy is None else energy / len(atoms)
        values = {"energy": energy, "step": raw.step, "time": raw.time_fs, "kinetic": raw.temperature_k}
        for name, value in values.items():
            self.series[name].append(np.nan if value is None else value)
        for key, value in atoms.info.items():
            if "temp" in str(key).lower() and np.isscalar(value) and not isinstance(value, str):
                self.keyed.setdefault(key, [np.nan] * index).append(float(value))
        if isolated.is_isolated(atoms):
            self.isolated[str(atoms.symbols)] = labels.labels(raw)["energy"]
        elif abs(np.linalg.det(np.asarray(atoms.cell))) > 1e-3 and np.isfinite(atoms.positions).all():
            self._add_structure(index, atoms)

    def _add_keys(self, atoms):
        if self.with_keys:
            found = label_names.label_keys(atoms, apart=self.of_guide.values())
            self.label_keys.update(key for keys in found.values() for key in keys)
            if not self.declared:
                self.keys_used.update(families.chosen(atoms).values())

    def _add_structure(self, index, atoms):
        self.cells.append(atoms.cell.cellpar())
        self.densities.append(atoms.get_masses().sum() / atoms.get_volume() * units.AMU_PER_A3_IN_G_PER_CM3)
        for pair, distance in geometry.closest_pairs(atoms).items():
            self.closest[pair] = min(distance, self.closest.get(pair, distance))
        earlier = self.seen.find(atoms, index)
        if earlier is not None:
            self.repeated.append((index, earlier))

    def counts(self):
        """Return labels, cells and structure for ``inspect``."""
        cells, densities = self.cells, self.densities
        return {
            "frames": self.frames,
            "n_atoms": sorted(self.n_atoms),
            "formulas": dict(self.formulas),
            "energies": dict(self.energies),
            "forces": self.forces,
            "virials": self.virials,
            "label_keys": dict(self.label_keys),
            "guide": dict(self.guide),
            "keys_used": sorted(self.keys_used),
            "pressure_gpa": [f(self.pressures) for f in (min, _mean, max)] if self.pressures else None,
            "isolated_atoms": self.isolated,
            "unconverged": self.unconverged,
            "contradictions": dict(self.contradictions),
            "largest_force_ev_per_angstrom": self.largest_force if self.forces else None,
            "cell_angstrom": [np.min(cells, axis=0).tolist(), np.max(cells, axis=0).tolist()] if cells else None,
            "density_g_per_cm3": [min(densities), float(np.mean(densities)), max(densities)] if densities else None,
            "closest_angstrom": self.closest,
            "repeated": self.repeated,
        }

    def times(self):
        """Return intervals, gaps, temperatures and plateaus for ``inspect``."""
        series = {name: np.array(values, float) for name, values in self.series.items()}
        key = next((name for name, values in self.keyed.items() if len(values) == self.frames), None)
        known_time = bool(np.isfinite(series["time"]).all())
        interval, found_gaps = gaps(series["time"] if known_time else series["step"])
        return {
            "interval_fs": interval if known_time else None,
            "interval_steps": None if known_time else interval,
            "gaps": found_gaps,
            "temperature_key": key,
            "plateaus": plateaus(series, self.keyed.get(key), known_time),
        }


def _mean(values):
    return float(np.mean(values))


def entry_texts(found, options=None, given=None, parts=None):
    """Return the entries for `trajectories:` of a configuration as text, one per plateau where frames state none.

    A file of one plateau has one entry; beside ramps, its frames alone are in it.

    Parameters
    ----------
    found : dict
        From ``inspect``.
    options : dict, optional
        Keys of the entry that were needed to read the file.
    given : dict, optional
        ``name``, ``temperature`` (K) and ``interval`` (fs), for what the file does not state, and ``role``.
    parts : list of dict, optional
        Those of the parts in ``found["plateaus"]`` that get an entry each, for example its ramps.

    Returns
    -------
    list of str
    """
    given = given or {}
    name = given.get("name") or name_of(found)
    plateaus = plateaus_of(found)
    if parts is None:
        parts = plateaus if found["temperature_key"] is None and len(found["plateaus"]) > 1 else [None]
    entries = []
    for part in parts:
        suffix = "" if part is None else f"-{part['temperature_k']:.0f}K-{part['start']}"
        lines = [f"  - name: {name}{suffix}", f"    file: {yaml_value(found['file'])}"]
        lines += [f"    {key}: {yaml_value(value)}" for key, value in (options or {}).items()]
        if part is not None:
            lines += [f"    start: {part['start']}", f"    stop: {part['stop']}"]
        lines.append(_temperature_line(found, part or plateaus[0], given.get("temperature")))
        if found["interval_fs"] is None:
            interval = given.get("interval")
            lines.append(
                f"    interval: {interval:g}   # fs between two frames"
                if interval
                else "    # interval: ...   # fs between two frames; not in the file"
            )
        if given.get("role"):
            lines.append(f"    role: {given['role']}")
        entries.append("\n".join(lines))
    return entries


def entry_text(found, options=None):
    """Return the entries of ``entry_texts`` under their key, ready to paste."""
    return "trajectories:\n" + "\n".join(entry_texts(found, options))


def name_of(found):
    """Return a name for a trajectory, from that of its file."""
    stem = bare_name(found["file"]).split(".")[0]
    return "".join(letter if letter.isalnum() else "-" for letter in stem).strip("-") or "run"


def plateaus_of(found):
    """Return the plateaus, or the ramps where there is no plateau."""
    return [part for part in found["plateaus"] if not part["ramp"]] or found["plateaus"]


def ramps_of(found):
    """Return the ramps beside plateaus, whose frames no entry has."""
    return [part for part in found["plateaus"] if part["ramp"] and part not in plateaus_of(found)]


def _temperature_line(found, part, given):
    """Return the line with the temperature of an entry, or with the key that holds it."""
    if found["temperature_key"] is not None:
        return f"    temperature_key: {yaml_value(found['temperature_key'])}"
    if given:
        return f"    temperature: {given:g}   # K"
    if part["temperature_k"]:
        advice = "mean of the kinetic temperature, give that of the thermostat"
        return f"    temperature: {part['temperature_k']:.0f}   # K; {advice}"
    return "    temperature: ...   # K; not in the file"


def yaml_value(value):
    """Return a value as YAML in one line; text that YAML could read as something else is quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{yaml_value(key)}: {yaml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(yaml_value, value)) + "]"
    if isinstance(value, str) and (value.lower() in YAML_WORDS or not re.fullmatch(r"[A-Za-z_./][\w./+-]*", value)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def text(found, options=None):
    """Return the result of ``inspect`` as lines for a person, followed by an entry to paste.

    Parameters
    ----------
    found : dict
        From ``inspect``.
    options : dict, optional
        As for ``entry_texts``.
    """
    return f"{found['file']}\n{summary(found)}\n\n{entry_text(found, options)}\n"


def summary(found):
    """Return the result of ``inspect`` as indented lines, each a name and its value."""
    rows = [("format", f"{found['title']} (format: {found['format']})")]
    if len(found["files"]) > 1:
        rows.append(("files", ", ".join(bare_name(path) for path in found["files"])))
    left_out = "".join(f"; left out: {count} {reason}" for reason, count in found["left_out"].items())
    formulas = ", ".join(f"{n} x {formula}" for formula, n in list(found["formulas"].items())[:SHOWN])
    rows += [
        ("frames", f"{found['frames']}{left_out}"),
        ("atoms", f"{' or '.join(map(str, found['n_atoms']))}: {formulas}"),
        ("labels", _labels(found)),
        *_key_rows(found),
        ("cell", _cell(found)),
        ("time", _time(found)),
    ]
    if found["density_g_per_cm3"]:
        low, mean, high = found["density_g_per_cm3"]
        rows.append(("density", f"{mean:.3f} g/cm³" + (f" ({low:.3f} to {high:.3f})" if high - low > 5e-4 else "")))
    rows += [("ramp" if part["ramp"] else "plateau", _plateau(part)) for part in found["plateaus"]]
    if found["closest_angstrom"]:
        pairs = sorted(found["closest_angstrom"].items())
        rows.append(("closest", ", ".join(f"{pair} {_distance(distance)}" for pair, distance in pairs) + " Å"))
    if found["repeated"]:
        shown = _first(f"{index} = {earlier}" for index, earlier in found["repeated"])
        rows.append(("repeated", f"{len(found['repeated'])} frames ({shown})"))
    if found["unconverged"]:
        rows.append(("unconverged", f"{found['unconverged']} frames (import.unconverged)"))
    if found["settings"]:
        rows.append(("settings", "; ".join(f"{key} {value}" for key, value in found["settings"].items())))
    rows += [("note", note) for note in found["notes"]]
    rows += [("rejected", f"{n} frames: {reason}") for reason, n in list(found["contradictions"].items())[:SHOWN]]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:{width}}  {value}" for name, value in rows)


def _key_rows(found):
    """Return the rows about the names of labels and about isolated atoms, for formats that have them."""
    rows = []
    if found["label_keys"]:
        used = [key for key in found["label_keys"] if key in found["keys_used"]]
        unused = [key for key in found["label_keys"] if key not in found["keys_used"]]
        words = f"used {', '.join(used) or 'none'}" + (f"; NOT USED {', '.join(unused)}" if unused else "")
        rows.append(("keys", words))
    if found["guide"]:
        words = (f"{kind} in {n} of {found['frames']} frames" for kind, n in found["guide"].items())
        rows.append(("guide", f"{', '.join(words)}: never a label"))
    if found["isolated_atoms"]:
        energies = (
            f"{symbol} without energy" if energy is None else f"{symbol} {energy:.6f} eV"
            for symbol, energy in found["isolated_atoms"].items()
        )
        rows.append(("isolated", f"{', '.join(energies)}: taken as e0, and in every training set"))
    return rows


def _distance(distance):
    """Return a closest distance in Å; at the reach of the search it says that nothing is closer."""
    return f"> {geometry.REACH:g}" if distance >= geometry.REACH else f"{distance:.2f}"


def _first(words):
    """Return the first words of a list, with an ellipsis if there are more."""
    words = list(words)
    return ", ".join(words[:SHOWN]) + (", ..." if len(words) > SHOWN else "")


def _labels(found):
    frames = found["frames"]

    def share(count):
        return "" if count == frames else f" in {count} of {frames} frames"

    parts = [f"energy ({kind}){share(count)}" for kind, count in found["energies"].items()]
    if found["forces"]:
        parts.append(f"forces{share(found['forces'])} (largest {found['largest_force_ev_per_angstrom']:.1f} eV/Å)")
    parts.append(f"virial{share(found['virials'])}{_pressure(found)}" if found["virials"] else "no virial")
    missing = [what for what, there in (("energy", found["energies"]), ("forces", found["forces"])) if not there]
    if missing:
        parts.append(
            f"NO {' AND NO '.join(missing).upper()}: no study can use it; what has them: {found['labels_from']}"
        )
    return ", ".join(parts)


def _pressure(found):
    """Return the pressures (GPa) that the virials stand for, in which a wrong unit is seen."""
    if not found["pressure_gpa"]:
        return ""
    low, mean, high = found["pressure_gpa"]
    return f" (pressure {mean:.3g} GPa, from {low:.3g} to {high:.3g})"


def _cell(found):
    if found["cell_angstrom"] is None and found["isolated_atoms"]:
        return "of isolated atoms, not used"
    if found["cell_angstrom"] is None:
        return "NONE: give `cell`, in Å"
    low, high = (np.array(values) for values in found["cell_angstrom"])
    edges = " ".join(f"{value:.3f}" for value in high[:3])
    shape = f"{edges} Å, {' '.join(f'{value:.1f}' for value in high[3:])} degrees"
    if np.allclose(low, high, atol=1e-4):
        return shape
    return f"{shape}; changes, edges from {' '.join(f'{value:.3f}' for value in low[:3])} Å"


def _time(found):
    unit, interval = "fs", found["interval_fs"]
    if interval is None:
        unit, interval = "steps", found["interval_steps"]
    if interval is None:
        return "not in the file"
    words = f"{interval:g} {unit} between frames"
    if found["gaps"]:
        shown = _first(f"{distance:g} {unit} before frame {index}" for index, distance in found["gaps"])
        words += f"; {len(found['gaps'])} gaps: {shown}"
    return words + ("" if unit == "fs" else "; the time step is not in the file")


def _plateau(part):
    words = f"frames {part['start']} to {part['stop'] - 1}: "
    if part["temperature_k"] is None:
        words += "temperature not in the file"
    else:
        words += f"{part['temperature_k']:.0f} K, fluctuation {part['spread_k']:.0f} K"
    if part["drift_mev_per_atom"] is None:
        return words
    return f"{words}, potential energy drifts by {part['drift_mev_per_atom']:+.2f} meV/atom per {part['drift_per']}"
