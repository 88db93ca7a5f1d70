"""Matrices of all pairs of frames: rows read from disk, precision of distances, median of values in pieces.

Up to the limits below, distances are in double precision and medians are exact. docs/reference/performance.md reports
the error beyond them. Kernels are always in double precision: a SOAP kernel is so close to 1 that a distance from a
kernel in single precision would have three significant digits.
"""

from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError

FLOAT64_UP_TO = 4000  # frames whose distances are held in double precision
IN_MEMORY = 50_000_000  # values that are gathered for an exact median


class MatrixOnDisk:
    """A square matrix in a .npy file that reads only the rows asked for and is not mapped into memory.

    Parameters
    ----------
    path : path-like
    """

    def __init__(self, path):
        self.path = path
        with Path(path).open("rb") as stream:
            np.lib.format.read_magic(stream)
            self.shape, _, self.dtype = np.lib.format.read_array_header_1_0(stream)
            self.start = stream.tell()

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        """Return the rows of a slice with start and stop."""
        width = self.shape[1]
        values = np.fromfile(
            self.path,
            self.dtype,
            (rows.stop - rows.start) * width,
            offset=self.start + rows.start * width * self.dtype.itemsize,
        )
        return values.reshape(-1, width)


def distance_dtype(n_frames):
    """Return the precision in which the distances of this many frames are held."""
    return np.float64 if n_frames <= FLOAT64_UP_TO else np.float32


def row_chunks(n_rows, size=500):
    """Yield slices over the rows of a matrix; a computation by slices needs little memory beside the matrix."""
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def upper_triangle(matrix):
    """Yield the values above the diagonal of a square matrix in pieces."""
    for rows in row_chunks(len(matrix)):
        yield np.concatenate([matrix[i, i + 1 :] for i in range(rows.start, rows.stop)])


def streamed_median(chunks, n_bins=2**22):
    """Return the median of many values given in pieces.

    The median is exact for up to fifty million values. Beyond, its error is at most the largest value over ``n_bins``.

    Parameters
    ----------
    chunks : callable
        Returns a fresh iterable over arrays of values >= 0; it is called two or three times.
    n_bins : int
    """
    count = sum(chunk.size for chunk in chunks())
    if count <= IN_MEMORY:
        return float(np.median(np.concatenate([chunk.ravel() for chunk in chunks()])))
    width = max(float(chunk.max()) for chunk in chunks() if chunk.size) / (n_bins - 1) or 1.0
    counts = np.zeros(n_bins, dtype=np.int64)
    for chunk in chunks():
        counts += np.bincount((chunk.ravel() / width).astype(np.int64), minlength=n_bins)
    return float(np.searchsorted(np.cumsum(counts), count / 2) * width)


def positive_median(chunks, what="Coulomb distances"):
    """Return the median of distances given in pieces, as a length scale.

    Parameters
    ----------
    chunks : callable
        See ``streamed_median``.
    what : str
        What the values are, for the message.

    Raises
    ------
    UserError
        When more than half of the values are zero.
    """
    median = streamed_median(chunks)
    if median <= 0:
        raise UserError(f"more than half of the {what} are zero: the frames are alike; check trajectories.stride")
    return median
