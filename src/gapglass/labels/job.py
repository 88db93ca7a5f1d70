"""Labelling one frame: look it up, claim it, compute it, check it, store it.

A job can be killed at any moment: an entry appears in the store in one step, complete and checked, and a claim ends
with its process, so the next run computes what is missing and nothing twice.
"""

import logging
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.frames.readers.opening import READING_ERRORS
from gapglass.frames.store import read_frames, write_frames
from gapglass.frames.trajectory import digest
from gapglass.labels import checks
from gapglass.labels.engines import running
from gapglass.labels.label import LabelFailed
from gapglass.labels.matching import bare, mean_displacement, species_key
from gapglass.labels.settings import digest_of
from gapglass.labels.store import POLL

log = logging.getLogger("gapglass")
STORED, COMPUTED, RETRIED, FAILED, ABSENT = "stored", "computed", "retried", "failed", "absent"
SCRATCH = "labelling-"
GUESSES = 8  # wave functions that are kept for the next frames
FEWEST_TRIED = 5  # frames, below which the share of failures says nothing
LARGEST_FAILED_SHARE = 0.2
CLOSE = 1.5  # Å; mean displacement up to which wave functions of another frame help


@dataclass
class Record:
    """How a frame came to its label; a rule writes it as JSON.

    Attributes
    ----------
    state : str
        stored (found in a set or the store), computed, retried (computed with the fallback settings), failed, or
        absent (``engine: none`` and no label).
    fingerprint : str
    file : str or None
        File of the entry.
    number : int or None
        Place of the entry in its file.
    seconds : float or None
        Wall time of the calculation, or of all tries.
    core_seconds : float or None
        The same times ranks and threads.
    scf_steps : int or None
    reason : str
        Why it failed, or why the fallback settings were needed.
    notes : list of str
        What was done to the label.
    own : bool
        Whether this study computed it, now or in an earlier run.
    """

    state: str
    fingerprint: str
    file: str | None = None
    number: int | None = None
    seconds: float | None = None
    core_seconds: float | None = None
    scf_steps: int | None = None
    reason: str = ""
    notes: list | None = None
    own: bool = False

    def as_json(self):
        """Return the record as a dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class Options:
    """How frames are labelled.

    Attributes
    ----------
    keep : path-like or None
        Folder for inputs and outputs of the calculations; a subfolder for each try.
    guesses : path-like or None
        Folder with wave functions of the last frames, for the first guess of this one.
    max_seconds : float or None
        Wall time of one try.
    provenance : dict or None
        Words and numbers that the entry keeps, such as trajectory, step and temperature.
    study : str or None
        Name of the study, which the entry keeps too: its own labels count for its budget, those that it finds do not.
    floor : float
        eV/atom, see ``checks.problems``.
    spin : int or None
        Number of unpaired electrons of an isolated atom.
    scratch : path-like or None
        Folder of this frame alone in which the calculations run; by default that of the system.
    poll : float
        Seconds between two looks at a frame that another process labels.
    """

    keep: str | Path | None = None
    guesses: str | Path | None = None
    max_seconds: float | None = None
    provenance: dict | None = None
    study: str | None = None
    floor: float = checks.FLOOR
    spin: int | None = None
    scratch: str | Path | None = None
    poll: float = POLL


def find(frame, sets, stored=None):
    """Return the entry of a frame in some sets or else in the set of the store, or None.

    Parameters
    ----------
    frame : ase.Atoms
    sets : iterable of LabelSet
    stored : StoredSet, optional
    """
    for labels in (*sets, *([stored] if stored is not None else [])):
        if (entry := labels.find(frame)) is not None:
            return entry
    return None


def of_entry(entry, fingerprint, state=STORED, study=None):
    """Return the record of a frame whose label is known."""
    info = entry.info
    steps = info.get("scf_steps")
    notes = info.get("notes")
    return Record(
        state=state,
        fingerprint=fingerprint,
        file=str(entry.file),
        number=entry.number,
        seconds=_seconds(info),
        core_seconds=_core_seconds(info),
        scf_steps=None if steps is None else int(steps),
        notes=[str(notes)] if notes else [],
        own=is_own(entry, study),
    )


def is_own(entry, study):
    """Return whether a study computed the label of an entry."""
    return study is not None and str(entry.info.get("study")) == study


def _seconds(info):
    return float(info["seconds"]) if "seconds" in info else None


def _core_seconds(info):
    seconds = _seconds(info)
    return None if seconds is None else seconds * int(info.get("ranks", 1)) * int(info.get("threads", 1))


def label_frame(frame, engine, stored, sets=(), **options):
    """Return the record of a frame, which is labelled if no set and no store has its label.

    Parameters
    ----------
    frame : ase.Atoms
    engine : Engine
    stored : StoredSet
        Set of the store with the settings of the engine.
    sets : sequence of LabelSet
        Read-only sets of the same settings, searched first.
    **options
        Of ``Options``.

    Raises
    ------
    UserError
        For mistakes of the settings and of the machine, which other frames would meet too.
    """
    options = Options(**options)
    fingerprint = engine.settings().fingerprint
    _refuse_other_settings(fingerprint, (*sets, stored))
    if (entry := find(frame, sets)) is not None:
        return of_entry(entry, fingerprint, study=options.study)
    attempts = digest_of("\n".join([*engine.attempts(), repr((options.max_seconds, options.spin))]))
    with stored.claimed(frame, options.poll) as entry:
        if entry is not None:
            return of_entry(entry, fingerprint, study=options.study)
        if (failure := stored.failure(frame, attempts)) is not None:
            found, path = failure
            known = f"{found['reason']} (known from an earlier run; delete {path} to try again)"
            own = options.study is not None and found.get("study") == options.study
            times = {name: found.get(name) for name in ("seconds", "core_seconds")}
            return Record(FAILED, fingerprint, reason=known, notes=[], own=own, **times)
        _refuse_many_failures(stored, attempts)
        energies = np.concatenate([labels.energies(frame) for labels in (*sets, stored)])
        return _compute(frame, engine, stored, attempts, energies, options)


def _refuse_many_failures(stored, attempts):
    """Stop before another frame is tried in vain, as the others with the same inputs were."""
    reasons = stored.failures(attempts)
    if len(reasons) >= FEWEST_TRIED and len(reasons) > LARGEST_FAILED_SHARE * (len(reasons) + len(stored)):
        raise UserError(
            f"{len(reasons)} frames got no label with these inputs ({len(stored)} have one), the last because "
            f"{reasons[-1]}. Mend labels.template, labels.fallback or labels.command; what failed is in "
            f"{stored.folder / 'failed'}"
        )


def _refuse_other_settings(fingerprint, sets):
    for labels in sets:
        if labels.settings.fingerprint != fingerprint:
            raise UserError(
                f"the labels in {labels.folder} have the fingerprint {labels.settings.fingerprint}, the settings of "
                f"labels.engine have {fingerprint}; drop this set, or use its settings"
            )


def _compute(frame, engine, stored, attempts, energies, options):
    """Compute a label with the settings and, if that fails, with the fallback settings; store it or the failure."""
    reasons, seconds = [], 0.0
    scratch = _emptied(options.scratch)
    for fallback in engine.tries:
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=scratch) as folder:
            try:
                guess = None if fallback else _closest_guess(options.guesses, frame, engine)
                engine.prepare(frame, folder, fallback=fallback, guess=guess, spin=options.spin)
                label = _run(frame, engine, folder, options, energies)
            except LabelFailed as error:
                reasons.append(str(error))
                seconds += getattr(error, "seconds", 0.0)
                log.warning("no label with the %s: %s", "fallback settings" if fallback else "settings", error)
                continue
            finally:
                _keep(engine, folder, options.keep, fallback)
            label.seconds += seconds
            if fallback:
                label.notes.append(f"with the fallback settings, because {reasons[0]}")
            of_study = {} if options.study is None else {"study": options.study}
            entry = stored.put(frame, label, {**(options.provenance or {}), **of_study})
            _keep_guess(engine, folder, options.guesses, frame)
        state = RETRIED if fallback else COMPUTED
        record = of_entry(entry, engine.settings().fingerprint, state, options.study)
        record.reason = reasons[0] if reasons else ""
        record.seconds = round(label.seconds, 2)
        return record
    reason = "; then with the fallback settings: ".join(reasons)
    spent = {"seconds": round(seconds, 2), "core_seconds": round(seconds * engine.ranks * engine.threads, 2)}
    stored.put_failure(frame, attempts, reason, study=options.study, **spent)
    own = options.study is not None
    return Record(FAILED, engine.settings().fingerprint, reason=reason, notes=[], own=own, **spent)


def _emptied(scratch):
    """Make the folder for calculations, and remove what a killed job of the same frame left there."""
    if scratch is not None:
        Path(scratch).mkdir(parents=True, exist_ok=True)
        for path in Path(scratch).glob(f"{SCRATCH}*"):
            shutil.rmtree(path, ignore_errors=True)
    return scratch


def _run(frame, engine, folder, options, energies):
    """Run one try and return its checked label."""
    begun = running.clock()
    try:
        running.run(engine, folder, options.max_seconds)
        label = engine.read(frame, folder)
        label.seconds = running.clock() - begun
        if label.threads is not None and label.threads != engine.threads:
            label.notes.append(f"{label.threads} threads per rank, {engine.threads} were asked for")
        found = checks.problems(frame, label, engine.virials, energies, options.floor)
        if found:
            raise LabelFailed("; ".join(found))
    except LabelFailed as error:
        error.seconds = running.clock() - begun
        raise
    checks.without_mean_force(label)
    if label.virial is not None and not engine.virials:
        label.virial = None
    return label


def _keep(engine, folder, keep, fallback):
    """Copy inputs and outputs of a try into the folder that keeps them."""
    if keep is None:
        return
    target = Path(keep) / ("fallback" if fallback else "first")
    target.mkdir(parents=True, exist_ok=True)
    for name in engine.kept:
        if (Path(folder) / name).is_file():
            shutil.copyfile(Path(folder) / name, target / name)


def _closest_guess(guesses, frame, engine):
    """Return the wave functions of the closest kept frame of the same species and cell, or None."""
    if guesses is None or not engine.restarts or not Path(guesses).is_dir():
        return None
    best = None
    for path in Path(guesses).glob("*.extxyz"):
        try:
            (other,) = read_frames(path)
        except READING_ERRORS:
            continue  # another job has just replaced it
        waves = path.with_suffix(".waves")
        alike = species_key(other) == species_key(frame) and abs(other.cell - frame.cell).max() < 0.5
        if alike and waves.is_file():
            apart = mean_displacement(frame, other)
            best = min(best or (CLOSE, None), (apart, waves))
    return best[1] if best else None


def _keep_guess(engine, folder, guesses, frame):
    """Keep the wave functions of a calculation for the next frames, and remove the oldest."""
    waves = engine.wave_functions(folder) if guesses is not None else None
    if waves is None:
        return
    path = Path(guesses) / f"{digest(frame)[:12]}.extxyz"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(waves, path.with_suffix(".waves"))
        write_frames(path, [bare(frame)])  # after the wave functions, so that no other job takes half of them
        kept = sorted(path.parent.glob("*.extxyz"), key=lambda path: path.stat().st_mtime)
        for old in kept[:-GUESSES]:
            old.unlink(missing_ok=True)
            old.with_suffix(".waves").unlink(missing_ok=True)
    except (OSError, UserError) as error:  # a full disk must not cost the label, which is stored
        log.warning("the wave functions could not be kept: %s", error)
