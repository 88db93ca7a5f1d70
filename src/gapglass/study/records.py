"""Search for results that were deleted, changed or truncated after a job made them.

Snakemake runs a job again when its input has changed. It does not notice an intermediate file that is missing while
all files made from it exist, and it does not read files. It keeps a record of every file that it made
(``.snakemake/metadata``): the rule, the input, and the time of the file. This module compares those records with the
files on the disk.
"""

import json
import zipfile
from base64 import urlsafe_b64decode
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from gapglass.base.errors import UserError
from gapglass.glass.explosion import NOT_MADE
from gapglass.potential.failures import FIT_FAILED

# Empty are a ledger before the first fit, Snakemake's record of a job on a full disk, a set without isolated atoms,
# the test frames of a loop that a cross-validation judges, the frames that the last round of harvest asks for, and all
# of a harvest that asked for none.
MAY_BE_EMPTY = ("*.jsonl", "isolated.extxyz", "test.extxyz", "asked.extxyz", "harvested.extxyz")
# Rules whose results a loop removes when an iteration ends, or Snakemake when all jobs that use them are done.
REMOVED = ("choose_sparse_points", "compute_rows", "compute_guide_rows")
TIME_RESOLUTION = 1.0  # s; some file systems store no fraction of a second
# The first bytes of files that state why there is no result, after an exploded quench and after a failed fit.
IN_PLACE_OF_A_RESULT = (NOT_MADE.encode(), FIT_FAILED.encode())
TIMESTAMP = ".snakemake_timestamp"  # Snakemake's mark in a folder that is an output


@dataclass(frozen=True)
class CorruptResult:
    """A result that differs from the one that its job made.

    Attributes
    ----------
    path : str
        Path in Snakemake's records.
    rule : str
        Rule whose job made it.
    what : str
        "missing", "changed" or "broken", with the reason.
    """

    path: str
    rule: str
    what: str


def read_records(metadata, root):
    """Return Snakemake's records of the files below a folder.

    Parameters
    ----------
    metadata : path-like
        .snakemake/metadata.
    root : str
        results/{study}; the records of other studies are left out.

    Returns
    -------
    dict
        Path of a result -> record: ``rule``, ``input`` (paths), ``log`` (paths) and ``endtime`` (s), the time of the
        file.
    """
    records = {}
    for place in Path(metadata).rglob("*"):
        if not place.is_file():
            continue
        # Snakemake splits long names into folders whose names begin with @.
        name = "".join(part.removeprefix("@") for part in place.relative_to(metadata).parts)
        path = urlsafe_b64decode(name).decode()
        if path.startswith(f"{root}/"):
            records[path] = json.loads(place.read_text())
    return records


def find_corrupt(metadata, root):
    """Return the results of a study that differ from Snakemake's records of them.

    Parameters
    ----------
    metadata, root
        As for ``read_records``.

    Returns
    -------
    corrupt : list of CorruptResult
        A missing file is listed when another result was made from it, or by the same job, unless the workflow itself
        removes it (``REMOVED``). The next run makes all other missing files without help.
    n_records : int
        Number of records.
    """
    records = read_records(metadata, root)
    there = {path for path in records if Path(path).exists()}
    used = {source for path in there for source in records[path].get("input") or []}
    used_jobs = {_job(records[path]) for path in there}
    corrupt = []
    for path, record in sorted(records.items()):
        if path not in there:
            removed = record["rule"].startswith(REMOVED)
            if not removed and (path in used or _job(record) in used_jobs):
                corrupt.append(CorruptResult(path, record["rule"], "missing"))
            continue
        what = _changed(Path(path), record.get("endtime")) or _broken(Path(path))
        if what:
            corrupt.append(CorruptResult(path, record["rule"], what))
    return corrupt, len(records)


def _job(record):
    """Return a key that the results of one job have in common."""
    return record["rule"], tuple(record.get("log") or ())


def _changed(path, made):
    """Return how the time of a result differs from its record, an empty text when it agrees."""
    if path.is_dir():
        mark = path / TIMESTAMP
        if not mark.exists():
            return "changed: Snakemake's mark in this folder is gone"
        newer = [item.name for item in path.iterdir() if item.stat().st_mtime > mark.stat().st_mtime + TIME_RESOLUTION]
        return f"changed: {newer[0]} is newer than the folder" if newer else ""
    if made is not None and abs(path.stat().st_mtime - made) > TIME_RESOLUTION:
        return "changed since it was made"
    return ""


def _broken(path):
    """Return why a file or folder cannot be complete, an empty text when nothing shows it."""
    if path.is_dir():
        found = ((item, _broken(item)) for item in sorted(path.iterdir()) if item.name != TIMESTAMP)
        return next((f"broken: {item.name} is {why.removeprefix('broken: ')}" for item, why in found if why), "")
    if path.stat().st_size == 0:
        return "" if any(map(path.match, MAY_BE_EMPTY)) else "broken: empty"
    with path.open("rb") as stream:
        if stream.read(64).startswith(IN_PLACE_OF_A_RESULT):
            return ""
    try:
        check = CHECKS.get(path.suffix)
        why = check(path) if check else ""
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        ElementTree.ParseError,
        UnicodeDecodeError,
    ) as error:
        why = str(error) or type(error).__name__
    return f"broken: {why}" if why else ""


def _json(path):
    json.loads(path.read_text())


def _json_lines(path):
    for line in path.read_text().splitlines():
        json.loads(line)


def _csv(path):
    lines = path.read_bytes().splitlines(keepends=True)
    return "" if lines[-1].endswith(b"\n") else "its last line is cut off"


def _npz(path):
    with zipfile.ZipFile(path) as archive:
        bad = archive.testzip()
    return f"{bad} in it is damaged" if bad else ""


def _npy(path):
    import numpy as np

    np.load(path, mmap_mode="r", allow_pickle=False)


def _xml(path):
    for _ in ElementTree.iterparse(path):
        pass


def _extxyz(path):
    with path.open() as stream:
        for line in stream:
            n_atoms = int(line)
            lines = [stream.readline() for _ in range(n_atoms + 1)]
            if not lines[-1].endswith("\n"):
                return "its last frame is cut off"


def _ends_with(tail):
    """Return the check that a file ends with these bytes."""

    def check(path):
        with path.open("rb") as stream:
            stream.seek(-min(32, path.stat().st_size), 2)
            return "" if tail in stream.read() else "its end is cut off"

    return check


# Ending of a file -> function that returns why it is broken, or raises the error of its parser.
CHECKS = {
    ".csv": _csv,
    ".extxyz": _extxyz,
    ".html": _ends_with(b"</html>"),
    ".json": _json,
    ".jsonl": _json_lines,
    ".npy": _npy,
    ".npz": _npz,
    ".pdf": _ends_with(b"%%EOF"),
    ".png": _ends_with(b"IEND"),
    ".xml": _xml,
}


def all_times_differ(corrupt, n_records):
    """Return whether nearly all times differ from the records, as after a copy that did not keep them."""
    changed = Counter(one.what for one in corrupt)["changed since it was made"]
    return n_records > 10 and changed > 0.9 * n_records


def advice(corrupt, program, options):
    """Return a message with the corrupt results and the commands that repair them.

    Parameters
    ----------
    corrupt : list of CorruptResult
    program, options : str
        Command that runs this study, in two parts with targets between them: ``snakemake`` and ``--configfile ...``,
        behind which Snakemake would read a target as another configuration file, or ``gapglass run STUDY.yaml`` and an
        empty text.
    """
    lines = [f"{len(corrupt)} result(s) are not as they were made:"]
    lines += [f"  - {one.path}: {one.what} (made by rule {one.rule})" for one in corrupt]
    damaged = [one.path for one in corrupt if one.what != "missing"]
    lines.append("To repair, and nothing else is lost:")
    if damaged:
        lines.append("  rm -r " + " ".join(damaged))
    lines.append(" ".join(["  " + program, *(one.path for one in corrupt), options]).rstrip())
    lines.append(f"  {program} {options}".rstrip())
    return "\n".join(lines)


def verify(metadata, root, program, options):
    """Compare the results of a study with Snakemake's records of them.

    Parameters
    ----------
    metadata, root
        As for ``read_records``.
    program, options : str
        As for ``advice``.

    Returns
    -------
    int
        Number of results that were compared.

    Raises
    ------
    UserError
        Naming the missing, changed and broken results with the commands that repair them, or the reason why the
        records decide nothing.
    """
    found, n_records = find_corrupt(metadata, root)
    if not n_records:
        raise UserError(f"{metadata} has no record of {root}: nothing was made here yet, or in another folder")
    if all_times_differ(found, n_records):
        raise UserError(
            f"the times of nearly all results in {root} differ from their records: was the study copied without them? "
            "Copy it with cp -a or rsync -a; times cannot tell what has changed otherwise"
        )
    if found:
        raise UserError(advice(found, program, options))
    return n_records
