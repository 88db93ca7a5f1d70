"""Files that are complete or absent: each is written under a temporary name and then renamed."""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import numpy as np

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
        problem = system_problem(error, path if _is_unknown_to_users(error.filename) else error.filename)
        if problem is None:
            raise
        raise UserError(problem) from error


def _is_unknown_to_users(name):
    """Return whether an error names no file or a temporary file."""
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
    """Remove the temporary files that killed jobs left below a folder.

    Call it only at the start of a run, while no other run is at work in the folder.
    """
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
    """Return numpy scalars and arrays as the types that the json module writes."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def write_json(path, data):
    """Write ``data`` as sorted, indented JSON.

    Raises
    ------
    ValueError
        When ``data`` contains NaN or infinity, which JSON cannot represent.
    """
    text = json.dumps(data, indent=2, sort_keys=True, default=_plain, allow_nan=False)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n")


@contextmanager
def reporting_corruption(path):
    """Report a file of gapglass that a parser refuses as corrupt: somebody has changed it since it was written.

    Raises
    ------
    UserError
        When the block raises ``ValueError``, from which the errors of json and of the pandas parsers derive.
    """
    try:
        yield
    except ValueError as error:
        raise UserError(
            f"{path} is corrupt ({' '.join(str(error).split())}); delete it, and the next run rebuilds it"
        ) from error


def read_json(path):
    """Read one JSON document.

    Raises
    ------
    UserError
        When the file is not valid JSON.
    """
    with reporting_corruption(path):
        return json.loads(Path(path).read_text())


def write_json_lines(path, rows):
    """Write one JSON document per line."""
    with whole_file(path) as temporary:
        temporary.write_text("".join(json.dumps(row, sort_keys=True, default=_plain) + "\n" for row in rows))


def read_json_lines(path):
    """Read one JSON document per line, with the errors of ``read_json``."""
    with reporting_corruption(path):
        return [json.loads(line) for line in Path(path).read_text().splitlines()]


def write_table(path, table, header=()):
    """Write a pandas table as CSV, with ``header`` lines before it as comments.

    Read it back with ``read_table`` or ``pandas.read_csv(path, comment="#")``.
    """
    with whole_file(path) as temporary, temporary.open("w") as stream:
        # Each entry stays on one line, so that a line break in a user's text cannot turn into a row of the table.
        stream.writelines(f"# {' '.join(str(line).split())}\n" for line in header)
        table.to_csv(stream, index=False, float_format="%.10g", lineterminator="\n")


def read_header(path):
    """Return the comment lines before a CSV written by ``write_table``."""
    with Path(path).open() as stream:
        return [line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), stream)]


def read_table(path):
    """Read a CSV written by ``write_table`` into a pandas table.

    Raises
    ------
    UserError
        When the file is not a table.
    """
    import pandas as pd  # a third of a second, which jobs without tables do not pay

    with reporting_corruption(path):
        return pd.read_csv(path, comment="#")
