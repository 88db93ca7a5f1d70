"""The XML file of a potential: what gap_fit writes, and what gapglass writes in its form."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.files import whole_file

GAP_VERSION = 1769700636  # of the files of gap_fit whose form is written here
SLICE = 50  # numbers in one element, as gap_fit writes them
PER_LINE = 25  # numbers in a line; QUIP's reader divides lines of more than some 1000 characters inside a number
CUTOFF = re.compile(r"\b(?:cutoff|rcut_hard)=([0-9.]+)")


def potential_label(path):
    """Return the label inside a GAP file, by which LAMMPS names the potential.

    Raises
    ------
    UserError
        When the file is not one of gap_fit.
    """
    with Path(path).open() as stream:
        head = stream.read(2000)
    match = re.search(r'<Potential label="([^"]+)"', head)
    if match is None:
        raise UserError(f"{path} is not a GAP file of gap_fit (no Potential label at its head)")
    return match.group(1)


def potential_cutoff(path):
    """Return the largest cutoff (Å) of the descriptors in a GAP file, infinity if none states a cutoff."""
    with Path(path).open() as stream:
        found = [CUTOFF.findall(line) for line in stream if "<descriptor>" in line]
    return max((float(value) for line in found for value in line), default=math.inf)


@dataclass
class Term:
    """One term of a GAP: a descriptor, its covariance, and the sparse points.

    Attributes
    ----------
    descriptor : str
        Text as gap_fit writes it, of one species of the centre or one pair of species.
    covariance : {"dot_product", "ard_se"}
    delta : float
        eV.
    power : float
        zeta of a dot product, theta of ard_se.
    points : numpy.ndarray, shape (m, n_components)
    cutoff : numpy.ndarray, shape (m,)
        Cutoff function of each sparse point, which multiplies its covariances.
    alpha : numpy.ndarray, shape (m,)
        Weights, the result of the fit.
    """

    descriptor: str
    covariance: str
    delta: float
    power: float
    points: np.ndarray
    cutoff: np.ndarray
    alpha: np.ndarray

    def among_points(self):
        """Return the covariances of the sparse points with each other, shape (m, m), eV²."""
        if self.covariance == "dot_product":
            kernel = (self.points @ self.points.T) ** self.power
        else:
            kernel = np.exp(-0.5 * ((self.points - self.points.T) / self.power) ** 2)
        return self.delta**2 * kernel * np.outer(self.cutoff, self.cutoff)


def write_gap(path, label, e0, terms):
    """Write a potential that the engine, quippy, and LAMMPS read.

    Parameters
    ----------
    path : path-like
    label : str
        Name of the potential inside the file, a word.
    e0 : dict of int to float
        Atomic number -> energy of the isolated atom (eV).
    terms : list of Term
    """
    with whole_file(path) as temporary, temporary.open("w") as out:
        out.write(f'<{label}>\n<Potential label="{label}" init_args="IP GAP label={label}"/>\n')
        out.write(f'<GAP_params label="{label}" gap_version="{GAP_VERSION}">\n  <GAP_data do_core="F">\n')
        for number in range(1, 119):
            out.write(f'    <e0 Z="{number}" value="{float(e0.get(number, 0.0))!r}"/>\n')
        out.write(f'  </GAP_data>\n  <gpSparse label="{label}" n_coordinate="{len(terms)}" fitted="T">\n')
        for number, term in enumerate(terms, 1):
            _write_term(out, f"{label}{number}", term)
        out.write(f"  </gpSparse>\n</GAP_params>\n</{label}>\n")


def _write_term(out, label, term):
    dot = term.covariance == "dot_product"
    out.write(
        f'    <gpCoordinates label="{label}" dimensions="{term.points.shape[1]}" signal_variance="{term.delta!r}" '
        'signal_mean="0.0" sparsified="T" n_permutations="1" '
        f'covariance_type="{2 if dot else 1}"{f" zeta={chr(34)}{float(term.power)!r}{chr(34)}" if dot else ""} '
        f'n_sparseX="{len(term.points)}">\n'
    )
    if not dot:
        out.write(f"      <theta> {float(term.power)!r} </theta>\n")
    out.write(f"      <descriptor>{term.descriptor}</descriptor>\n")
    out.write('      <permutation i="1">1  </permutation>\n')
    for i, (point, cutoff, alpha) in enumerate(zip(term.points, term.cutoff, term.alpha, strict=True), 1):
        numbers = [f"{x:.17E}" for x in point]
        out.write(f'      <sparseX i="{i}" alpha="{float(alpha)!r}" sparseCutoff="{float(cutoff)!r}"')
        if len(numbers) <= PER_LINE:
            out.write(f">{' '.join(numbers)}</sparseX>\n")
            continue
        out.write(' sliced="T">\n')
        for start in range(0, len(numbers), SLICE):
            part = numbers[start : start + SLICE]
            lines = "\n".join(" ".join(part[i : i + PER_LINE]) for i in range(0, len(part), PER_LINE))
            out.write(
                f'        <sparseX_slice start="{start + 1}" end="{start + len(part)}">{lines}</sparseX_slice>\n'
            )
        out.write("      </sparseX>\n")
    out.write("    </gpCoordinates>\n")
