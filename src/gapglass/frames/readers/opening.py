"""How readers find and open the files of a trajectory, compressed or not."""

import bz2
import gzip
import io
import lzma
import sqlite3
from pathlib import Path

COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
HEAD_BYTES = 16384
# Errors that a corrupt or foreign file causes in a reader.
READING_ERRORS = (
    ValueError,
    KeyError,
    IndexError,
    OSError,
    EOFError,
    RuntimeError,
    TypeError,
    AttributeError,
    lzma.LZMAError,
    sqlite3.Error,
)


def open_bytes(path):
    """Return a binary file that can be read and sought.

    A compressed file is unpacked into memory, because seeking in it is very slow.
    """
    opener = COMPRESSED.get(Path(path).suffix)
    if opener is None:
        return Path(path).open("rb")
    with opener(path, "rb") as stream:
        return io.BytesIO(stream.read())


def first_bytes(path):
    """Return the first bytes of a file as text, or nothing if it cannot be unpacked."""
    opener = COMPRESSED.get(Path(path).suffix, open)
    try:
        with opener(path, "rb") as stream:
            return stream.read(HEAD_BYTES).decode("latin-1")
    except READING_ERRORS:
        return ""


def lines(path):
    """Yield the lines of a text file, compressed or not."""
    opener = COMPRESSED.get(Path(path).suffix, open)
    with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
        yield from stream


def bare_name(path):
    """Return the name of a file without the suffix of a compression."""
    path = Path(path)
    return path.stem if path.suffix in COMPRESSED else path.name


def beside(path, *names):
    """Return the first of the names that exists beside ``path``, compressed or not, else None."""
    for name in names:
        for ending in ("", *COMPRESSED):
            found = Path(path).parent / (name + ending)
            if found.is_file() and found != Path(path):
                return found
    return None


def present(**found):
    """Return the companions that were found, by name, without those that are None."""
    return {what: path for what, path in found.items() if path is not None}
