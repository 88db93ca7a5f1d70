"""The frames of a study with the labels of sets and store; the labels of their own trajectories become the guide.

The trajectories of such a study were made with a cheap method, and the labels are those of a better one. A frame that
no set has is left without a label: no energy of it can be read by mistake. Frames of a set that are in no trajectory,
for example those that a potential asked for, form a trajectory of their own.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.files import read_json
from gapglass.frames import isolated
from gapglass.frames.checks import Seen
from gapglass.frames.geometry import closest_pairs, keep
from gapglass.frames.store import read_frames
from gapglass.frames.trajectory import columns_of_labels, digest, row_of
from gapglass.labels import places, status
from gapglass.labels.matching import same
from gapglass.labels.sets import LabelSet

log = logging.getLogger("gapglass")
HARVESTED = "harvested"  # name of the trajectory of labelled frames that are in no other one


def sets_of(labels):
    """Return the sets and folders of the store whose labels a study may use, see ``places.folders``.

    Parameters
    ----------
    labels : dict
        Section ``labels`` of the configuration.

    Returns
    -------
    list of LabelSet
    """
    return [LabelSet(folder) for folder in places.folders(labels)]


@dataclass
class _Counts:
    """What the summary tells of the labels."""

    labelled: int = 0
    harvested: int = 0
    virials: int = 0

    def add(self, frame, entry):
        """Give a frame the label of an entry and count it."""
        _label(frame, entry.energy, entry.forces, entry.virial)
        self.labelled += 1
        self.virials += entry.virial is not None


def as_guide(frames, table, summary, settings, virials, atoms=()):
    """Return frames, table and summary of an import whose frames get their labels later, one by one.

    Parameters
    ----------
    frames, table, summary
        As for ``attach``; every frame of the trajectories is usable.
    settings : Settings
        Of the labels to come.
    virials : bool
        Whether they have virials.
    atoms : sequence of path-like
        Records of isolated atoms that have labels already.
    """
    import pandas as pd

    _refuse_guide(summary)
    energies = atom_energies(atoms)
    rows = table.to_dict("records")
    for frame, row in zip(frames, rows, strict=True):
        _make_guide(frame)
        row |= columns_of_labels(frame) | {"usable": True}
    told = {
        "guide": _n_guided(frames),
        "virials": virials,
        "n_virials": 0,
        "n_isolated": len(energies),
        "isolated_atom_energies": energies,
    }
    told["labels"] = _told(settings) | {"folders": [], "n_labelled": None, "n_harvested": 0}
    return frames, pd.DataFrame(rows), summary | told


def atom_energies(paths):
    """Return species -> energy (eV) from the records of isolated atoms, whose files have the names of the species.

    Raises
    ------
    UserError
        When a label is no longer where it was found.
    """
    energies = {}
    for path in map(Path, paths):
        record = read_json(path)
        if not Path(record["file"]).is_file():
            raise UserError(
                f"{record['file']}, the label of the atom {path.stem}, is gone; put it back, or let it be "
                "labelled anew with --forcerun label_atom"
            )
        energies[path.stem] = float(read_frames(record["file"])[record["number"]].info["REF_energy"])
    return energies


def _told(settings):
    return {"engine": settings.engine, "version": settings.version, "fingerprint": settings.fingerprint}


def read_labelled(path, numbers, offsets, records):
    """Return frame -> ase.Atoms with the labels that a study has for them.

    Parameters
    ----------
    path : path-like
        frames/frames.extxyz.
    numbers : iterable of int
    offsets : sequence of int
        Column ``offset_bytes`` of frames/table.csv.
    records : sequence of path-like
        Records of labelling jobs; with none, the labels are those of the file. Frames whose job gave no label are left
        out.
    """
    numbers = [int(number) for number in numbers]
    frames = dict(zip(numbers, read_frames(path, numbers, offsets), strict=True))
    if not records:
        return frames
    known = status.read_records(records)
    status.refuse_failures(known)
    return labelled(frames, known)


def labelled_among(frames, records):
    """Put the frames that records give a label in the place of those without, and return their numbers.

    Parameters
    ----------
    frames : list of ase.Atoms
        All frames of a study; changed.
    records : dict
        Frame -> record.
    """
    found = labelled({number: frames[number] for number in records}, records)
    for number, frame in found.items():
        frames[number] = frame
    return set(found)


def labelled(frames, records):
    """Return frames with the labels that records of labelling jobs name, without those that got none.

    Parameters
    ----------
    frames : dict
        Frame -> ase.Atoms.
    records : dict
        Frame -> record (``job.Record.as_json``), of all these frames.

    Returns
    -------
    dict
        Frame -> ase.Atoms, copies.

    Raises
    ------
    UserError
        When a label is no longer where it was found.
    """
    found, files = {}, {}
    for number, frame in frames.items():
        record = records[number]
        if record["file"] is None:
            log.warning("frame %d has no label: %s", number, record["reason"])
            continue
        path = record["file"]
        if path not in files:
            if not Path(path).is_file():
                raise UserError(
                    f"{path}, the label of frame {number}, is gone; put it back, or let the frame be labelled anew "
                    "with --forcerun label_frame"
                )
            files[path] = read_frames(path)
        label, copy = files[path][record["number"]], frame.copy()
        if not same(copy, label):
            raise UserError(f"{path} does not hold frame {number} any more; run again with --forcerun label_frame")
        _label(copy, float(label.info["REF_energy"]), label.arrays["REF_forces"], label.info.get("REF_virial"))
        found[number] = copy
    return found


def _refuse_guide(summary):
    if summary["guide"]:
        raise UserError(
            "the trajectories have labels of a guide (guide_energy), and with `labels` their own energies and forces "
            "are the guide; remove `labels`, or the guide from the files"
        )


def _make_guide(frame):
    """Turn the labels of a frame, where it has them, into those of a guide."""
    frame.info.pop("REF_virial", None)
    if "REF_energy" in frame.info:
        frame.info["guide_energy"] = frame.info.pop("REF_energy")
        frame.arrays["guide_forces"] = frame.arrays.pop("REF_forces")


def _n_guided(frames):
    return sum("guide_energy" in frame.info for frame in frames)


def attach(frames, table, summary, sets, e0="fitted"):
    """Return frames, table and summary of an import with the labels of sets instead of those of the trajectories.

    Parameters
    ----------
    frames : list of ase.Atoms
        Canonical frames, which are changed: labels of their trajectories, where they have them, become a guide's.
    table : pandas.DataFrame
    summary : dict
        As from ``trajectory.import_frames``.
    sets : list of LabelSet
        Of the same settings; the first that has a frame gives its label.
    e0 : "fitted" or dict
        ``potential.e0``, with which the energies of isolated atoms in the sets must agree.

    Returns
    -------
    frames : list of ase.Atoms
        Those of the trajectories, then labelled frames that are in no trajectory.
    table : pandas.DataFrame
        ``labelled`` tells which frames have a label; energies and forces of the others are NaN.
    summary : dict
        ``labels`` besides: settings, fingerprint, ``n_labelled`` and ``n_harvested``.

    Raises
    ------
    UserError
        When no frame has a label, frames have labels of a guide already, or a labelled frame that is in no trajectory
        states no temperature or has another species.
    """
    import pandas as pd

    _refuse_guide(summary)
    counts, taken, rows = _Counts(), set(), table.to_dict("records")
    for frame, row in zip(frames, rows, strict=True):
        _make_guide(frame)
        entries = [entry for one in sets if (entry := one.find(frame)) is not None]
        taken |= {(entry.file, entry.number) for entry in entries}
        if entries:
            counts.add(frame, entries[0])
        row |= columns_of_labels(frame)
    atoms, seen = [], Seen()
    for entry in (entry for one in sets for entry in one.entries() if (entry.file, entry.number) not in taken):
        if isolated.is_isolated(entry.atoms):
            atoms.append(_of_atom(entry))
            continue
        if seen.find(entry.atoms, entry.file) is not None:  # two sets hold it
            continue
        frame = _harvested(entry, len(frames), summary["species"])
        counts.add(frame, entry)
        frames.append(frame)
        pairs = closest_pairs(frame)
        # A number that follows from the geometry: the place in a set changes when frames are added to it.
        rows.append(row_of(frame, str(entry.file), int(digest(frame)[:7], 16), min(pairs.values())))
        keep(min, summary["closest_distance_angstrom"], pairs)
        counts.harvested += 1
    settings = sets[0].settings
    if counts.labelled == counts.harvested:
        raise UserError(
            f"no frame of the trajectories has a label in {', '.join(str(one.folder) for one in sets)} "
            f"({settings.title}); name the right sets with labels.sets, or label frames"
        )
    log.info("%d of %d frames have labels of %s", counts.labelled, len(frames), settings.title)
    summary = summary | {
        "n_frames": len(frames),
        "temperatures_k": sorted({frame.info["temperature"] for frame in frames}),
        "guide": _n_guided(frames),
        "virials": counts.virials > 0,
        "n_virials": counts.virials,
        "n_isolated": len(atoms),
        "isolated_atom_energies": isolated.energies(atoms, summary["species"], e0, log),
        "labels": {
            **_told(settings),
            "folders": [str(one.folder) for one in sets],
            "n_labelled": counts.labelled,
            "n_harvested": counts.harvested,
        },
    }
    if counts.harvested:
        summary["trajectories"] = summary["trajectories"] | {HARVESTED: counts.harvested}
    return frames, pd.DataFrame(rows), summary


def _label(frame, energy, forces, virial):
    """Give a canonical frame its label; the virial may be None."""
    frame.info["REF_energy"] = energy
    frame.arrays["REF_forces"] = forces
    if virial is not None:
        frame.info["REF_virial"] = np.asarray(virial).reshape(3, 3)


def _harvested(entry, number, species):
    """Return the canonical frame of an entry that is in no trajectory, without its label."""
    where = f"{entry.file}, frame {entry.number}"
    temperature = entry.info.get("temperature")
    if not isinstance(temperature, int | float | np.number):
        raise UserError(
            f"{where} is in no trajectory of the study and states no temperature (K); write temperature=... into its "
            "comment line, or take it out of the set"
        )
    if strange := sorted(set(entry.atoms.symbols) - set(species)):
        raise UserError(
            f"{where} is in no trajectory of the study and holds {', '.join(strange)}; take it out of the set"
        )
    frame = entry.atoms.copy()
    frame.info = {"frame": number, "trajectory": HARVESTED, "role": "extra", "temperature": float(temperature)}
    return frame


def _of_atom(entry):
    """Return the energy of an isolated atom, as the import of trajectories counts it."""
    return {
        "symbol": entry.atoms.symbols[0],
        "energy": entry.energy,
        "trajectory": str(entry.file),
        "source_index": entry.number,
    }
