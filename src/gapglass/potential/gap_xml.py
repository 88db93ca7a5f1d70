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
DOT_PRODUCT = 2  # covariance_type
CUTOFF = re.compile(r"\b(?:cutoff|rcut_hard)=([0-9.]+)")
CORE_POINT = re.compile(r'<point r="([^"]+)"')


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


def potential_descriptors(path):
    """Return the lines of a GAP file with the text of its descriptors."""
    with Path(path).open() as stream:
        return [line for line in stream if "<descriptor>" in line]


def potential_cutoff(path):
    """Return the largest cutoff (Å) of descriptors and core in a GAP file, infinity if no descriptor states one."""
    found, core = [], 0.0
    with Path(path).open() as stream:
        for line in stream:
            if "<descriptor>" in line:
                found += map(float, CUTOFF.findall(line))
            elif "<point r=" in line:
                core = max(core, *map(float, CORE_POINT.findall(line)))
    return max(core, *found) if found else math.inf


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


def core_text(core):
    """Return a core as QUIP's ``IP Glue`` reads it: pair splines, and densities of zero, without which it reads none.

    Parameters
    ----------
    core : dict of (int, int) to core.Table
        By atomic numbers, for every pair of the species.
    """
    numbers = sorted({number for pair in core for number in pair})
    lines = [f'<Glue_params n_types="{len(numbers)}">']
    for kind, number in enumerate(numbers, 1):
        lines += [
            f'<per_type_data atomic_num="{number}" type="{kind}">',
            '<density num_points="2" density_y1="0.0" density_yn="0.0">',
            '<point a="0.1" rho="0.0"/>\n<point a="0.2" rho="0.0"/>\n</density>',
            '<potential_density num_points="2">',
            '<point rho="0.0" E="0.0"/>\n<point rho="1.0" E="0.0"/>\n</potential_density>\n</per_type_data>',
        ]
    for pair, table in sorted(core.items()):
        first, second = (numbers.index(number) + 1 for number in pair)
        lines += [
            f'<per_pair_data type1="{first}" type2="{second}">',
            f'<potential_pair num_points="{len(table.r)}" y1="{float(table.slope)!r}" yn="0.0">',
            *(
                f'<point r="{float(r)!r}" E="{float(energy)!r}"/>'
                for r, energy in zip(table.r, table.energies, strict=True)
            ),
            "</potential_pair>\n</per_pair_data>",
        ]
    return "\n".join([*lines, "</Glue_params>\n"])


def write_gap(path, label, e0, terms, core=None):
    """Write a potential that the engine, quippy, and LAMMPS read.

    Parameters
    ----------
    path : path-like
    label : str
        Name of the potential inside the file, a word.
    e0 : dict of int to float
        Atomic number -> energy of the isolated atom (eV).
    terms : list of Term
    core : dict, optional
        From ``core.tables``; every evaluation of the file adds it, so it must not be in the labels of the fit.
    """
    init, do_core = f"IP GAP label={label}", "F"
    if core is not None:
        init, do_core = f"Sum init_args_pot1={{IP Glue}} init_args_pot2={{{init}}}", "T"
    with whole_file(path) as temporary, temporary.open("w") as out:
        out.write(f'<{label}>\n<Potential label="{label}" init_args="{init}"/>\n')
        if core is not None:
            out.write(core_text(core))
        out.write(f'<GAP_params label="{label}" gap_version="{GAP_VERSION}">\n  <GAP_data do_core="{do_core}">\n')
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


def read_terms(path):
    """Return the terms of a potential's file, with its sparse points and weights.

    Parameters
    ----------
    path : path-like
        As gap_fit or ``write_gap`` writes it, in one file.

    Returns
    -------
    list of Term
    """
    terms = []
    for text in re.findall(r"<gpCoordinates.*?</gpCoordinates>", Path(path).read_text(), flags=re.DOTALL):

        def number(name, text=text):
            return float(re.search(rf' {name}="([^"]+)"', text).group(1))

        rows = re.findall(r"<sparseX [^>]*>(.*?)</sparseX>", text, flags=re.DOTALL)
        points = np.array([[float(x) for x in re.sub(r"<[^>]*>", " ", row).split()] for row in rows])
        dot = number("covariance_type") == DOT_PRODUCT
        power = number("zeta") if dot else float(re.search(r"<theta>(.*?)</theta>", text, flags=re.DOTALL).group(1))
        terms.append(
            Term(
                re.search(r"<descriptor>(.*?)</descriptor>", text).group(1),
                "dot_product" if dot else "ard_se",
                number("signal_variance"),
                power,
                points,
                np.array([float(x) for x in re.findall(r'sparseCutoff="([^"]+)"', text)]),
                np.array([float(x) for x in re.findall(r'alpha="([^"]+)"', text)]),
            )
        )
    return terms
