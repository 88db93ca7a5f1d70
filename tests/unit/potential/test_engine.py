"""The engine against quippy, against differences of its own energies, and with files and structures that are wrong."""

import re
import shutil
import subprocess
import sys

import numpy as np
import potentials
import pytest
from ase import Atoms, units
from ase.build import make_supercell
from ase.io import read
from ase.md.verlet import VelocityVerlet
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from gapglass.potential import GAP, _engine, engine
from gapglass.potential.engine import EngineError
from gapglass.potential.failures import FitFailed
from gapglass.potential.gap_xml import potential_label
from gapglass.potential.variance import factors, write_factors

pytestmark = pytest.mark.xdist_group("engine")  # its potentials are made once


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    """Return a function from the kind of potential to its gap.xml."""
    folder, made = tmp_path_factory.mktemp("potentials"), {}

    def get(kind, core=False):
        if (kind, core) not in made:
            made[kind, core] = potentials.fit(folder / f"{len(made)}", kind, core)
        return made[kind, core]

    return get


def structures():
    """A frame; rattled; compressed; small, triclinic, and partly periodic cells."""
    frame = read(potentials.FRAMES, "40")
    bare = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
    rattled = bare.copy()
    rattled.rattle(0.3, seed=1)
    compressed = bare.copy()
    compressed.set_cell(bare.cell * 0.85 ** (1 / 3), scale_atoms=True)
    small = Atoms(
        "TeO2", scaled_positions=[[0, 0, 0], [0.4, 0.1, 0.5], [0.6, 0.6, 0.1]], cell=[3.9, 4.2, 3.7], pbc=True
    )
    triclinic = make_supercell(small, [[2, 0, 0], [1, 2, 0], [0, -1, 1]])
    triclinic.set_cell(triclinic.cell @ [[1, 0.2, 0], [0, 1, 0.1], [0.05, 0, 1]], scale_atoms=True)
    slab = bare.copy()
    slab.pbc = [True, True, False]
    wire = bare.copy()
    wire.pbc = [False, False, True]
    cluster = bare[:12]
    cluster.pbc = False
    outside = bare.copy()
    outside.positions[::3] += 2 * bare.cell[0] - bare.cell[2]
    return {
        "frame": bare, "rattled": rattled, "compressed": compressed, "small": small, "triclinic": triclinic,
        "slab": slab, "wire": wire, "cluster": cluster, "outside": outside,
    }  # fmt: skip


def results(path, atoms, **keywords):
    atoms = atoms.copy()
    atoms.calc = GAP(path, **keywords)
    return atoms.get_potential_energy(), atoms.get_forces(), -atoms.get_stress(voigt=False) * atoms.get_volume()


@pytest.mark.parametrize(("kind", "core"), [(kind, False) for kind in potentials.KINDS] + [("soap_turbo", True)])
def test_equals_quippy(fitted, kind, core):
    path, tried = fitted(kind, core), structures()
    judged = potentials.quippy(path, list(tried.values()))
    for (name, atoms), (energy, forces, virial) in zip(tried.items(), judged, strict=True):
        ours = results(path, atoms)
        largest = max(1.0, np.abs(forces).max())
        # With n_max 8 the basis is nearly dependent, and rounding alone moves energies.
        assert abs(ours[0] - energy) / len(atoms) < (2e-7 if kind == "soap_turbo 8" else 1e-9), name
        assert np.abs(ours[1] - forces).max() < 2e-6 * largest, name
        per_atom = np.abs(virial).max() / len(atoms)
        assert np.abs(ours[2] - virial).max() / len(atoms) < 2e-6 * max(1, per_atom), name


def test_core_counts_in_full(fitted):
    """The core is added to what gap_fit fitted, which is the difference from it: alone it repels two atoms."""
    pair = Atoms("O2", positions=[[0, 0, 0], [0, 0, 0.7]])
    path = fitted("soap_turbo", True)
    text = path.read_text()
    bare = path.parent / "bare.xml"
    bare.write_text(
        re.sub(r"<Glue_params.*</Glue_params>", "", text, flags=re.S).replace(
            re.search(r'init_args="(Sum[^"]*)"', text).group(1), f"IP GAP label={potential_label(path)}"
        )
    )
    energy = {}
    for name in (path, bare):
        atoms = pair.copy()
        atoms.calc = GAP(name)
        energy[name] = atoms.get_potential_energy()
    assert energy[path] - energy[bare] == pytest.approx(potentials.core_energy(0.7, 8, 8), abs=1e-4)


def test_levels_agree_and_one_can_be_forced(fitted, monkeypatch):
    atoms = structures()["rattled"]
    for kind in ("soap_turbo", "soap"):
        energy, forces, virial = results(fitted(kind), atoms)
        for level in _engine.simd_levels():
            other = results(fitted(kind), atoms, simd=level)
            assert other[0] == pytest.approx(energy, rel=1e-10)
            assert np.allclose(other[1], forces, atol=1e-8) and np.allclose(other[2], virial, atol=1e-7)
    monkeypatch.setenv("GAPGLASS_SIMD", "plain")
    assert engine.level() == "plain" and GAP(fitted("soap")).simd == "plain"
    monkeypatch.setenv("GAPGLASS_SIMD", "sse9")
    with pytest.raises(EngineError, match=r"GAPGLASS_SIMD is sse9; this build has on this machine: .*plain"):
        GAP(fitted("soap"))


def test_same_numbers_in_any_batch(fitted):
    """An atom's numbers do not depend on its company, so they are the same on any number of MPI ranks."""
    atoms, calculator = structures()["frame"], GAP(fitted("soap_turbo"))
    calculator.calculate(atoms)
    energies = calculator.results["energies"]
    order = np.random.default_rng(1).permutation(len(atoms))
    calculator.calculate(atoms[order].repeat((2, 1, 1)))
    assert np.abs(calculator.results["energies"] - np.tile(energies[order], 2)).max() < 1e-10


@pytest.mark.parametrize("kind", ["soap_turbo", "soap_turbo other", "soap", "distance_2b"])
def test_forces_and_stress_are_derivatives(fitted, kind):
    atoms, step = structures()["rattled"], 1e-5
    calculator = GAP(fitted(kind))
    _, forces, virial = results(fitted(kind), atoms)

    def energy(moved):
        calculator.calculate(moved)
        return calculator.results["energy"]

    for atom, axis in ((0, 0), (5, 1), (20, 2), (47, 0)):
        values = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            values.append(energy(moved))
        assert -(values[0] - values[1]) / (2 * step) == pytest.approx(forces[atom, axis], abs=2e-5)
    for a, b in ((0, 0), (1, 2)):
        values = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * step
            moved = atoms.copy()
            moved.set_cell(atoms.cell @ strain, scale_atoms=True)
            values.append(energy(moved))
        assert -(values[0] - values[1]) / (2 * step) == pytest.approx(virial[a, b], abs=1e-3)


@pytest.mark.parametrize("kind", ["soap_turbo", "soap", "distance_2b"])
def test_dimer_force_is_the_slope_at_every_distance(fitted, kind):
    """From 0.4 Å across all knots of the tables to beyond the cutoff; both sides of soap_turbo's inner switch."""
    calculator, step = GAP(fitted(kind)), 3e-6  # a kink of the slope (cutoffs) counts with the step
    jumps = (4.0 - 4 * 0.5, 8 * 0.5)  # soap_turbo: rcut_soft - 4 atom_sigma_r, and 8 atom_sigma_r

    def dimer(distance):
        calculator.calculate(Atoms("TeO", positions=[[0, 0, 0], [0.6 * distance, 0, 0.8 * distance]]))
        force = calculator.results["forces"][1]
        return calculator.results["energy"], force[0] * 0.6 + force[2] * 0.8

    for distance in [*np.linspace(0.4, 4.6, 421) + 0.00123, 4.0, 4.4999, 4.5, 4.0 - 1e-7, 3.5]:
        if kind == "soap_turbo" and min(abs(distance - jump) for jump in jumps) < 2 * step:
            continue
        slope = (dimer(distance + step)[0] - dimer(distance - step)[0]) / (2 * step)
        scale = max(1.0, abs(slope))
        assert -slope == pytest.approx(dimer(distance)[1], abs=1e-5 * scale), distance


def test_jump_at_the_inner_switch_is_that_of_quippy(fitted):
    path, switch = fitted("soap_turbo narrow"), 3.0 - 4 * 0.3
    sides = [
        Atoms("TeO", positions=[[9, 9, 9], [9 + switch + d, 9, 9]], cell=[20] * 3, pbc=True) for d in (-1e-7, 1e-7)
    ]
    judged = [energy for energy, _, _ in potentials.quippy(path, sides)]
    ours = [results(path, atoms)[0] for atoms in sides]
    slope = results(path, sides[0])[1][1, 0]
    assert ours == pytest.approx(judged, abs=1e-9)
    assert abs(judged[1] - judged[0] + slope * 2e-7) > 1e-9  # there is a jump
    assert ours[1] - ours[0] == pytest.approx(judged[1] - judged[0], abs=2e-9)


def test_energy_is_conserved(fitted):
    atoms = structures()["frame"]
    atoms.calc = GAP(fitted("soap_turbo"))
    momenta = (
        np.random.default_rng(3).normal(size=(len(atoms), 3)) * np.sqrt(atoms.get_masses() * 300 * units.kB)[:, None]
    )
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    energies, dynamics = [], VelocityVerlet(atoms, 1 * units.fs)
    dynamics.attach(lambda: energies.append(atoms.get_total_energy() / len(atoms)))
    dynamics.run(2000)
    late = np.array(energies[200:])
    drift = np.polyfit(np.arange(len(late)) / 1000, late, 1)[0]
    assert abs(drift) < 5e-6 and np.ptp(late) < 2e-3


def test_calculator_gives_all_that_ase_asks_for(fitted):
    atoms = structures()["triclinic"]
    atoms.calc = GAP(fitted("soap_turbo"))
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy())
    assert np.allclose(atoms.get_stresses().sum(axis=0), atoms.get_stress())
    assert atoms.calc.cutoff == 4.5 and atoms.calc.atomic_numbers == [8, 52]
    before = atoms.get_potential_energy()
    atoms.positions[0] += 0.1
    assert atoms.get_potential_energy() != before
    cluster = structures()["cluster"]
    cluster.cell = None
    cluster.calc = GAP(fitted("soap_turbo"))
    assert np.isfinite(cluster.get_forces()).all() and "stress" not in cluster.calc.results


def test_one_atom_without_neighbours(fitted):
    lone = Atoms("Te", positions=[[5, 5, 5]], cell=[20] * 3, pbc=True)
    for kind in ("soap_turbo", "soap", "distance_2b", "soap_turbo other"):
        [(energy, _, _)] = potentials.quippy(fitted(kind), [lone])
        ours, forces, _ = results(fitted(kind), lone)
        assert ours == pytest.approx(energy, abs=1e-9) and not forces.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.positions.__setitem__(3, a.positions[7]), "atoms 4 and 8 are 0 Å apart"),
        (lambda a: a.positions.__setitem__((2, 1), np.nan), "position of atom 3 is not a number"),
        (lambda a: a.positions.__setitem__((2, 1), np.inf), "position of atom 3 is not a number"),
        (lambda a: a.numbers.__setitem__(5, 14), "atom 6 has the atomic number 14, which the potential lacks"),
        (lambda a: a.set_cell([a.cell[0], a.cell[0], a.cell[2]]), "plane|parallel"),
        (lambda a: a.set_cell([a.cell[0], [0, 0, 0], a.cell[2]]), "the cell vector of a periodic axis is zero"),
    ],
)
def test_structures_without_a_meaning_are_refused(fitted, change, message):
    atoms = structures()["frame"]
    change(atoms)
    with pytest.raises(EngineError, match=message):
        GAP(fitted("soap_turbo")).calculate(atoms)
    with pytest.raises(EngineError, match=f"frame 1 of the 2 to evaluate.*({message})"):
        engine.predict(fitted("soap_turbo"), [structures()["frame"], atoms])


WRONG = [
    (r"basis=poly3gauss", "basis=poly3", "basis=poly3 is not implemented"),
    (r"compress_mode=trivial", "compress_mode=linear", "compress_mode=linear is not implemented"),
    (r"alpha_max=\{6 6\}|alpha_max=\{\{6 6\}\}", "alpha_max={9 9}", "alpha_max above 8 is refused: .*2e-15 at 10"),
    (r"atom_sigma_r_scaling=\{+0.0 0.0\}+", "atom_sigma_r_scaling={0.1 0.0}", "atom_sigma_r_scaling other than 0"),
    (r"central_index=1", "central_index=1 multipole_cutoff=3", "multipole_cutoff is not implemented"),
    (r"soap_turbo l_max", "angle_3b l_max", "descriptor angle_3b: the engine implements soap, soap_turbo and"),
    (r"zeta=4 ", "zeta=2 ", "the file contradicts itself"),
    (r"delta=0.5", "delta=0.7", "the file contradicts itself"),
    (r'covariance_type="2"', 'covariance_type="3"', "covariance_type 3 is not implemented"),
    (r'signal_mean="[^"]*"', 'signal_mean="1.0"', "signal_mean"),
    (r'n_sparseX="20"', 'n_sparseX="21"', "20 sparse points where n_sparseX says 21"),
    (r'n_coordinate="5"', 'n_coordinate="6"', "5 terms where n_coordinate says 6"),
    (r'init_args="IP GAP', 'init_args="IP SW', "the potential is \"IP SW"),
    (r"l_max=3", "l_max=2", "dimensions is 92, but the descriptor has"),
    (r'alpha="[^"]*"', 'alpha="abc"', '"abc" is not a finite number'),
    (r'alpha="[^"]*"', 'alpha="NaN"', '"NaN" is not a finite number'),
    (r"Z1=52 Z2=52", "Z1=52", "lacks Z2"),
    (r"cutoff=4.0", "cutoff=4.0 exponents=-1", "exponents is not implemented"),
    (r"n_species=2", "n_species=3", "species_Z has 2 values where 3 belong"),
    (r'<e0 Z="52"[^>]*>', "", "e0 of Z 52 is absent"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "replacement", "message"), WRONG)
def test_what_is_not_implemented_or_contradicts_itself_is_refused(fitted, tmp_path, pattern, replacement, message):
    text, changes = re.subn(pattern, lambda _: replacement, fitted("soap_turbo").read_text(), count=1)
    assert changes
    (tmp_path / "gap.xml").write_text(text)
    with pytest.raises(EngineError, match=message) as error:
        GAP(tmp_path / "gap.xml")
    assert "gap.xml" in str(error.value)


def test_core_that_is_not_of_pair_splines_is_refused(fitted, tmp_path):
    text = fitted("soap_turbo", True).read_text()
    for pattern, replacement, message in (
        (r'rho="1.0" E="0.0"', 'rho="1.0" E="-1.0"', "a core with <potential_density> is not implemented"),
        (r"<Glue_params.*</Glue_params>", "", "<Glue_params> is absent"),
        (r"init_args_pot1=\{IP Glue\}", "init_args_pot1={IP LJ}", "the engine implements IP GAP"),
        (r'num_points="106"', 'num_points="107"', "num_points is not the number of points"),
    ):
        changed, changes = re.subn(pattern, replacement, text, count=1, flags=re.S)
        assert changes, pattern
        (tmp_path / "gap.xml").write_text(changed)
        with pytest.raises(EngineError, match=message):
            GAP(tmp_path / "gap.xml")


def test_damaged_files_are_refused_at_every_place(fitted, tmp_path):
    text = fitted("soap_turbo").read_text()
    for share in (0.0, 0.001, 0.3, 0.7, 0.999):
        (tmp_path / "gap.xml").write_text(text[: int(share * len(text))])
        with pytest.raises(EngineError, match=r"gap\.xml"):
            GAP(tmp_path / "gap.xml")
    for wrong in ("<a></b>", "<a b></a>", "<a b=1/>", "no xml", "<a/><b/>", "<a><GAP_params/></a>"):
        (tmp_path / "gap.xml").write_text(wrong)
        with pytest.raises(EngineError, match=r"gap\.xml"):
            GAP(tmp_path / "gap.xml")


def test_separate_files_are_found_beside_the_potential_and_compared(fitted, tmp_path, monkeypatch):
    source = fitted("soap").parent
    for file in source.glob("gap.xml*"):
        shutil.copyfile(file, tmp_path / file.name)
    atoms = structures()["frame"]
    here, there = results(fitted("soap"), atoms)[0], results(tmp_path / "gap.xml", atoms)[0]
    assert here == there
    monkeypatch.chdir(tmp_path)
    assert results("gap.xml", atoms)[0] == here
    points = max(tmp_path.glob("gap.xml.sparseX*"), key=lambda file: file.stat().st_size)
    text = points.read_text()
    points.write_text(text.replace("1", "2", 1))
    with pytest.raises(EngineError, match="its MD5 sum differs"):
        GAP(tmp_path / "gap.xml")
    points.unlink()
    with pytest.raises(EngineError, match="keep the files of gap_fit together"):
        GAP(tmp_path / "gap.xml")


def test_a_potential_of_infinite_energies_is_a_failed_fit(fitted, tmp_path):
    text = re.sub(r'alpha="[^"]*"', 'alpha="1e308"', fitted("distance_2b").read_text())
    (tmp_path / "gap.xml").write_text(text)
    with pytest.raises(FitFailed, match="not finite"):
        engine.predict(tmp_path / "gap.xml", [structures()["frame"]])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.lists(st.floats(2.0, 9.0), min_size=3, max_size=3),
    st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.integers(0, 10**6),
)
def test_neighbours_equal_those_of_ase(count, lengths, tilts, periodic, seed):
    random = np.random.default_rng(seed)
    cell = np.diag(lengths)
    cell[1, 0], cell[2, 0], cell[2, 1] = tilts
    positions = random.uniform(-1, 2, (count, 3)) @ cell
    atoms = Atoms("O" * count, positions=positions, cell=cell, pbc=periodic)
    i, distance = neighbor_list("id", atoms, 4.0123)
    if len(distance) and distance.min() < 0.06:
        return
    first, index, vectors = _engine.find_neighbours(positions, cell, list(periodic), 4.0123)
    assert np.array_equal(np.diff(first), np.bincount(i, minlength=count))
    assert np.allclose(np.sort(np.linalg.norm(vectors, axis=1)), np.sort(distance))
    assert len(index) == len(distance)


def test_variance_follows_from_the_factors(fitted, tmp_path):
    """The mathematics by numpy, with covariances of a factor made here and descriptors of quippy."""
    path = fitted("distance_2b")
    potential = _engine.Potential.read(str(path))
    random = np.random.default_rng(5)
    terms = re.findall(r"<gpCoordinates.*?</gpCoordinates>", path.read_text(), flags=re.S)
    points = [np.array([float(x) for x in re.findall(r">\s*(\S+)\s*</sparseX>", term)]) for term in terms]
    fade = [np.array([float(x) for x in re.findall(r'sparseCutoff="(\S+)"', term)]) for term in terms]
    pairs = [tuple(int(z) for z in re.search(r"Z1=(\d+) Z2=(\d+)", term).groups()) for term in terms]
    starts = np.cumsum([0, *map(len, points)])
    prior = np.zeros((starts[-1], starts[-1]))
    for k, x in enumerate(points):
        part = slice(starts[k], starts[k + 1])
        prior[part, part] = 4 * np.exp(-0.5 * (x[:, None] - x) ** 2) * np.outer(fade[k], fade[k]) + 1e-6 * np.eye(
            len(x)
        )
    rows = random.normal(size=(40, starts[-1]))
    triangle = np.linalg.qr(np.vstack([rows, np.linalg.cholesky(prior).T]), mode="r")
    species = {}
    for z in potential.elements:
        own = np.concatenate([np.arange(starts[k], starts[k + 1]) for k, pair in enumerate(pairs) if z in pair])
        species[z] = factors(prior, triangle, own)
    write_factors(tmp_path / "variance", potential_label(path), species)

    atoms = structures()["small"].repeat((2, 1, 1))
    calculator = GAP(path, variance=tmp_path / "variance")
    calculator.calculate(atoms)
    i, j, distance = neighbor_list("ijd", atoms, 4.0)
    cut = np.where(distance > 3.5, 0.5 * (1 + np.cos(np.pi * (distance - 3.5) / 0.5)), 1.0)
    inverse_prior, inverse = np.linalg.inv(prior), np.linalg.inv(triangle.T @ triangle)
    for atom in range(len(atoms)):
        k, own = np.zeros(starts[-1]), 0.0
        for term, (a, b) in enumerate(pairs):
            here = (i == atom) & np.isin(atoms.numbers[j], [b if atoms.numbers[atom] == a else a])
            if atoms.numbers[atom] not in (a, b):
                continue
            r, f = distance[here], cut[here]
            x = points[term]
            k[starts[term] : starts[term + 1]] = 4 * fade[term] * (f @ np.exp(-0.5 * (r[:, None] - x) ** 2))
            own += 4 * f @ np.exp(-0.5 * (r[:, None] - r) ** 2) @ f
        wanted = own - k @ inverse_prior @ k + k @ inverse @ k
        assert calculator.results["energy_variances"][atom] == pytest.approx(max(wanted, 0), rel=1e-4, abs=1e-4 * own)

    with pytest.raises(EngineError, match="belongs to the potential"):
        GAP(fitted("soap_turbo"), variance=tmp_path / "variance")
    (tmp_path / "cut").write_bytes((tmp_path / "variance").read_bytes()[:-8])
    with pytest.raises(EngineError, match="ends too early"):
        GAP(path, variance=tmp_path / "cut")


def test_variance_of_a_many_body_term(fitted, tmp_path):
    """Where both factors are equal nothing is known, and the variance is delta²; a row of ones adds a square."""
    path = fitted("soap_turbo whole")
    counts = [_engine.Potential.read(str(path)).sparse_points(s) for s in (0, 1)]
    random = np.random.default_rng(2)
    same = {z: (random.normal(size=(5, n)),) * 2 for z, n in zip((8, 52), counts, strict=True)}
    write_factors(tmp_path / "same", potential_label(path), same)
    atoms = structures()["frame"]
    calculator = GAP(path, variance=tmp_path / "same")
    calculator.calculate(atoms)
    assert np.allclose(calculator.results["energy_variances"], 0.25, atol=1e-9)
    # One row that sums all covariances, against the energy of a potential whose alphas are all 1.
    ones = {z: (np.ones((1, n)), np.zeros((1, n))) for z, n in zip((8, 52), counts, strict=True)}
    ones = {z: (posterior, prior) for z, (prior, posterior) in ones.items()}
    write_factors(tmp_path / "ones", potential_label(path), ones)
    text = re.sub(r'alpha="[^"]*"', 'alpha="1.0"', path.read_text())
    for file in path.parent.glob("gap.xml.sparseX*"):
        shutil.copyfile(file, tmp_path / file.name)
    (tmp_path / "gap.xml").write_text(re.sub(r'(<e0 Z="\d+" value=)"[^"]*"', r'\1"0.0"', text))
    sums = GAP(tmp_path / "gap.xml")
    sums.calculate(atoms)
    calculator = GAP(path, variance=tmp_path / "ones")
    calculator.calculate(atoms)
    assert np.allclose(calculator.results["energy_variances"], 0.25 + sums.results["energies"] ** 2, rtol=1e-9)


@pytest.mark.parametrize("kind", ["soap_turbo", "soap_turbo whole", "soap_turbo other", "soap", "distance_2b"])
def test_rows_times_weights_are_the_potential(fitted, kind):
    """Energies, forces and virials are sums over the sparse points of covariances times weights."""
    text = fitted(kind).read_text()
    alpha = np.array([float(x) for x in re.findall(r'alpha="([^"]+)"', text)])
    potential, atoms = _engine.Potential.read(str(fitted(kind))), structures()["rattled"]
    arrays = atoms.positions, atoms.numbers.astype(np.int32), atoms.cell.array, [True] * 3
    isolated = sum(potential.isolated_atom_energy(potential.elements.index(z)) for z in atoms.numbers)
    for level in _engine.simd_levels():
        evaluator = _engine.Evaluator(potential, level)
        energies, forces, virials, _ = evaluator.evaluate(potential, *arrays)
        energy_row, force_rows, virial_rows = _engine.rows(evaluator, potential, *arrays)
        assert energy_row @ alpha == pytest.approx(energies.sum() - isolated, abs=1e-6)
        assert np.allclose((force_rows @ alpha).reshape(-1, 3), forces, atol=2e-7)
        virial = virials.sum(axis=0)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]  # xx yy zz yz xz xy
        assert np.allclose(virial_rows @ alpha, virial, atol=2e-6)
        only, none, _ = _engine.rows(evaluator, potential, *arrays, derivatives=False)
        assert np.array_equal(only, energy_row) and none.shape == (0, len(alpha))


def test_descriptors_are_those_of_quippy(fitted):
    from quippy.descriptors import Descriptor

    atoms = structures()["frame"]
    arrays = atoms.positions, atoms.numbers.astype(np.int32), atoms.cell.array, [True] * 3
    for kind, limit in (("soap_turbo other", 1e-8), ("soap", 1e-8)):
        text = fitted(kind).read_text()
        potential = _engine.Potential.read(str(fitted(kind)))
        evaluator = _engine.Evaluator(potential, "plain")
        words = [word.strip() for word in re.findall(r"<descriptor>(.*?)</descriptor>", text)]
        words = [word for word in words if not word.startswith("distance_2b")]
        for term, word in enumerate(words[:1]):  # a process of quippy has one radial basis
            ours = _engine.descriptors(evaluator, potential, term, *arrays)
            theirs = Descriptor(word).calc(atoms)["data"]
            assert _engine.components(word) == theirs.shape[1]
            assert np.abs(ours - theirs[:, : ours.shape[1]]).max() < limit and not theirs[:, ours.shape[1] :].any()


def test_calculator_is_imported_without_quippy():
    code = "import sys; from gapglass.potential import GAP; sys.exit('quippy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
