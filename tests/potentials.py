"""Small potentials of every kind that the engine evaluates, made by gap_fit, and quippy's numbers for them."""

import subprocess
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from ase.io import read, write

from gapglass.potential import _engine
from gapglass.potential.descriptor_text import many_body_text
from gapglass.potential.gap_fit import gap_fit_program
from gapglass.potential.gap_xml import Term, write_gap

ROOT = Path(__file__).parents[1]
FRAMES = ROOT / "resources/teo2-blyp-small/teo2-blyp-small.extxyz.xz"
PAIRS = (
    "distance_2b cutoff=4.0 covariance_type=ard_se theta_uniform=1.0 n_sparse=12 sparse_method=uniform delta=2.0 "
    "add_species=T"
)


def turbo(
    n_max=6,
    l_max=3,
    points=20,
    *,
    soft=4.0,
    hard=4.5,
    sigma=0.5,
    sigma_t=None,
    compress=True,
    enhancement=1,
    weight=1.0,
    zeta=4,
):
    """Two soap_turbo terms, of O and of Te."""

    def each(value):
        return f"{{{{{value} {value}}}}}"

    return " : ".join(
        f"soap_turbo l_max={l_max} alpha_max={each(n_max)} atom_sigma_r={each(sigma)} "
        f"atom_sigma_t={each(sigma_t or sigma)} "
        f"atom_sigma_r_scaling={each(0.0)} atom_sigma_t_scaling={each(0.0)} zeta={zeta} rcut_soft={soft} "
        f"rcut_hard={hard} basis=poly3gauss scaling_mode=polynomial amplitude_scaling={each(1.0)} n_species=2 "
        f"species_Z={{{{8 52}}}} central_index={index} central_weight={each(weight)} radial_enhancement={enhancement} "
        f"{'compress_mode=trivial ' if compress else ''}covariance_type=dot_product n_sparse={points} delta=0.5 "
        "sparse_method=cur_points add_species=F"
        for index in (1, 2)
    )


def soap(n_max=6, l_max=4, points=20):
    return (
        f"soap cutoff=4.5 cutoff_transition_width=0.5 n_max={n_max} l_max={l_max} atom_sigma=0.5 zeta=4 "
        f"delta=0.5 n_sparse={points} covariance_type=dot_product sparse_method=cur_points add_species=T"
    )


KINDS = {
    "soap_turbo": f"{PAIRS} : {turbo()}",
    "soap_turbo whole": turbo(4, 3, compress=False, enhancement=0),
    "soap_turbo other": f"{PAIRS} : "
    + turbo(5, 4, soft=4.3, sigma=0.6, sigma_t=0.4, enhancement=2, weight=0.5, zeta=2),
    "soap_turbo narrow": turbo(3, 2, sigma=0.3, soft=3.0, hard=5.0),
    "soap_turbo 8": f"{PAIRS} : {turbo(8, 4, 30)}",
    "soap": f"{PAIRS} : {soap()}",
    "distance_2b": PAIRS,
}
SEPARATE = {"soap", "soap_turbo whole"}  # their sparse points stand in files of their own
CORE_POINTS = np.arange(0.1, 2.2001, 0.02)


def core_energy(r, z1, z2):
    """A repulsion (eV) that ends smoothly at 2.2 Å."""
    t = np.clip(r / 2.2, 0, 1)
    return 14.399645 * z1 * z2 / 40 / r * np.exp(-1.5 * r) * (1 - t**3 * (10 - 15 * t + 6 * t**2))


def write_core(path):
    """Write a core of pair splines as IP Glue reads it."""
    zero = (
        '<density num_points="2" density_y1="0.0" density_yn="0.0"><point a="0.1" rho="0.0"/>'
        '<point a="0.2" rho="0.0"/></density><potential_density num_points="2"><point rho="0.0" E="0.0"/>'
        '<point rho="1.0" E="0.0"/></potential_density>'
    )
    text = '<Glue_params n_types="2">\n'
    numbers = {1: 8, 2: 52}
    for kind, z in numbers.items():
        text += f'<per_type_data atomic_num="{z}" type="{kind}">{zero}</per_type_data>\n'
    for a, b in ((1, 1), (1, 2), (2, 2)):
        energy = core_energy(CORE_POINTS, numbers[a], numbers[b])
        slope = (energy[1] - energy[0]) / (CORE_POINTS[1] - CORE_POINTS[0])
        points = "".join(f'<point r="{r:.6f}" E="{e:.12f}"/>' for r, e in zip(CORE_POINTS, energy, strict=True))
        text += (
            f'<per_pair_data type1="{a}" type2="{b}"><potential_pair num_points="{len(CORE_POINTS)}" '
            f'y1="{slope:.12f}" yn="0.0">{points}</potential_pair></per_pair_data>\n'
        )
    path.write_text(text + "</Glue_params>\n")


@lru_cache
def frames():
    return read(FRAMES, ":")[::9]


def fit(folder, kind, core=False):
    """Fit a potential of a kind in a folder and return the path of its gap.xml."""
    folder.mkdir(parents=True)
    write(folder / "train.extxyz", frames())
    arguments = [
        "at_file=train.extxyz",
        f"gap={{{KINDS[kind]}}}",
        "default_sigma={0.002 0.1 0.05 1.0}",
        "e0={O:-432.0:Te:-223.1}",
        "energy_parameter_name=REF_energy",
        "force_parameter_name=REF_forces",
        "virial_parameter_name=NONE",
        "stress_parameter_name=NONE",
        "sparse_jitter=1e-8",
        "do_copy_at_file=F",
        f"sparse_separate_file={'T' if kind in SEPARATE else 'F'}",
        "rnd_seed=1",
        "gp_file=gap.xml",
    ]
    if core:
        write_core(folder / "core.xml")
        arguments += ["core_param_file=core.xml", "core_ip_args={IP Glue}"]
    done = subprocess.run([gap_fit_program(), *arguments], cwd=folder, capture_output=True, text=True)
    assert (folder / "gap.xml").exists(), done.stdout[-2000:] + done.stderr[-2000:]
    return folder / "gap.xml"


def made(path, core=None, seed=5):
    """Write a potential of O and Te with sparse points and weights at random, with a core if given."""
    rng = np.random.default_rng(seed)
    terms = [
        Term(
            "distance_2b cutoff=3.5 cutoff_transition_width=0.5 covariance_type=ard_se theta_uniform=1.0 delta=2.0 "
            f"Z1={second} Z2={first}",
            "ard_se", 2.0, 1.0, np.linspace(1.7, 3.4, 6)[:, None], np.ones(6), rng.normal(size=6),
        )
        for first, second in ((8, 8), (8, 52), (52, 52))
    ]  # fmt: skip
    geometry = {"cutoff": 4.2, "cutoff_width": 0.5, "n_max": 4, "l_max": 3, "atom_sigma": 0.5, "zeta": 4}
    for index in (1, 2):
        text = many_body_text(geometry, [8, 52], index) + " delta=0.5"
        points = rng.uniform(size=(8, _engine.components(text)))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        terms.append(Term(text, "dot_product", 0.5, 4.0, points, np.ones(8), rng.normal(size=8)))
    write_gap(path, "made_here", {8: -432.0, 52: -223.1}, terms, core=core)
    return path


def assert_same(ours, theirs):
    """Two evaluations of energy, forces and virial agree to 1e-6 eV/atom and eV/Å, or of the largest value."""
    n_atoms = len(ours[1])
    assert abs(ours[0] - theirs[0]) < 1e-6 * n_atoms
    for mine, other, count in zip(ours[1:], theirs[1:], (1, n_atoms), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-6 * max(count, np.abs(other).max()))


def _quippy(path, structures):
    from quippy.potential import Potential

    label = "" if "<Glue_params" not in Path(path).read_text() else "xml_label=" + _label(path)
    potential = Potential(label, param_filename=str(path))
    out = []
    for atoms in structures:
        bare = atoms.copy()
        bare.calc = potential
        virial = -bare.get_stress(voigt=False) * bare.get_volume() if bare.cell.rank == 3 else None
        out.append((bare.get_potential_energy(), bare.get_forces(), virial))
    return out


def _label(path):
    return Path(path).read_text()[:200].split(">")[0].strip("<")


def quippy(path, structures):
    """Energies (eV), forces (eV/Å) and virials (eV) by quippy, which needs a process for every potential."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        return pool.submit(_quippy, path, structures).result()
