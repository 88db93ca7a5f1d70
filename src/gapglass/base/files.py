"""Files that are whole or absent: written under a temporary name, then renamed."""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import numpy as np
import pandas as pd

from gapglass.base.errors import UserError, system_problem

TEMPORARY = ".partial-"


@contextmanager
def whole_file(path):
    """Yield a temporary path beside ``path`` that replaces it when the block ends without an error.

    The temporary name ends like the final one, because writers such as numpy and ASE look at the ending.

    Raises
    ------
    UserError
        Naming ``path`` and the fix when it cannot be written: disk full, read-only, no permission.
    """
    path = Path(path)
    try:
        with _replacement(path) as temporary:
            yield temporary
    except OSError as error:
        problem = system_problem(error, path if _tells_nothing(error.filename) else error.filename)
        if problem is None:
            raise
        raise UserError(problem) from error


def _tells_nothing(name):
    """Say whether a file name is none, or one of ours that no user knows."""
    return name is None or TEMPORARY in str(name)


@contextmanager
def _replacement(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY, suffix="-" + path.name)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder):
    """Remove what killed jobs left half-written below a folder; for the start of a run, when no other is at work there."""
    for path in Path(folder).rglob(f"{TEMPORARY}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _umask():
    value = os.umask(0)
    os.umask(value)
    return value


def _plain(value):
    """Turn numpy scalars and arrays into what the json module writes."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def write_json(path, data):
    """Write ``data`` as sorted, indented JSON; NaN and infinity are refused, they are not JSON."""
    text = json.dumps(data, indent=2, sort_keys=True, default=_plain, allow_nan=False)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n")


@contextmanager
def damage_is_told(path):
    """Turn what a parser says of a file that gapglass has written, and somebody has changed since, into a message."""
    try:
        yield
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(
            f"{path} is damaged ({' '.join(str(error).split())}); delete it, and the next run makes it anew"
        ) from error


def read_json(path):
    """Read one JSON document.

    Raises
    ------
    UserError
        When it is no JSON.
    """
    with damage_is_told(path):
        return json.loads(Path(path).read_text())


def write_json_lines(path, rows):
    """Write one JSON document per line."""
    with whole_file(path) as temporary:
        temporary.write_text("".join(json.dumps(row, sort_keys=True, default=_plain) + "\n" for row in rows))


def read_json_lines(path):
    """Read one JSON document per line, like ``read_json``."""
    with damage_is_told(path):
        return [json.loads(line) for line in Path(path).read_text().splitlines()]


def write_table(path, table, header=()):
    """Write a pandas table as CSV, with ``header`` lines before it as comments.

    Read it back with ``read_table`` or ``pandas.read_csv(path, comment="#")``.
    """
    with whole_file(path) as temporary, temporary.open("w") as stream:
        # a line of its own each: what a user wrote into one (a source, say) must not pass for rows
        stream.writelines(f"# {' '.join(str(line).split())}\n" for line in header)
        table.to_csv(stream, index=False, float_format="%.10g", lineterminator="\n")


def read_header(path):
    """Return the comment lines before a CSV written by ``write_table``."""
    with Path(path).open() as stream:
        return [line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), stream)]


def read_table(path):
    """Read a CSV written by ``write_table``.

    Raises
    ------
    UserError
        When it is no table.
    """
    with damage_is_told(path):
        return pd.read_csv(path, comment="#")
