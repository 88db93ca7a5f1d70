"""Rows of frames block by block, their files, weights, and the energies of isolated atoms."""

import numpy as np
import pytest
import small_fits

from gapglass.base.errors import UserError
from gapglass.frames import isolated
from gapglass.potential import design, engine, gap_fit
from gapglass.potential.failures import FitFailed

pytestmark = pytest.mark.xdist_group("engine")


@pytest.fixture(scope="module")
def frames():
    """Nine frames, of which two have no virial."""
    found = small_fits.frames(9)
    del found[2].info["REF_virial"], found[7].info["REF_virial"]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("design")


@pytest.fixture(scope="module")
def terms(frames, folder):
    return small_fits.terms_of(frames, folder)


def joined(paths):
    rows = design.read(paths[0])
    for path in paths[1:]:
        rows.join(design.read(path))
    return rows


def blocks(frames, terms, folder, slices, classes):
    """Write the rows of blocks of frames, and return the files."""
    paths = [folder / f"rows_{n}.npz" for n in range(len(slices))]
    for path, part in zip(paths, slices, strict=True):
        small_fits.rows_of(frames[part], terms, folder, classes[part]).write(path)
    return paths


SLICES = [slice(0, 1), slice(1, 6), slice(6, 9)]
CLASSES = ["a", "b", "a", "a", "c", "b", "a", "b", "c"]


def test_blocks_that_are_joined_are_all_frames_at_once(tmp_path, frames, terms):
    whole = small_fits.rows_of(frames, terms, tmp_path, CLASSES)
    rows = joined(blocks(frames, terms, tmp_path, SLICES, CLASSES))
    assert set(rows.classes) == set(whole.classes) == set("abc")
    small_fits.assert_same_rows(rows, whole)
    np.testing.assert_allclose(rows.e0(rows.classes), whole.e0(whole.classes), rtol=1e-12)
    for name in "abc":
        assert rows.n_rows([name]) == whole.n_rows([name])
        assert rows.weights[name] == whole.weights[name] == 3 * 48 * CLASSES.count(name)
        mine, other = (found.energy_rows([name]) for found in (rows, whole))
        np.testing.assert_array_equal(mine, other)  # rows of energies are kept as they are
    # Left-out classes take their rows with them: what is left is a fit without these frames.
    rows.keep(["a", "c"])
    kept = [n for n, name in enumerate(CLASSES) if name != "b"]
    rest = small_fits.rows_of([frames[n] for n in kept], terms, tmp_path, [CLASSES[n] for n in kept])
    small_fits.assert_same_rows(rows, rest)
    assert rows.n_rows() == rest.n_rows()


def test_the_same_blocks_give_the_same_digits(tmp_path, frames, terms):
    paths = blocks(frames, terms, tmp_path, SLICES, CLASSES)
    one, two = (small_fits.write(tmp_path / f"{n}.xml", joined(paths), terms) for n in (1, 2))
    assert one.read_bytes() == two.read_bytes()
    # A block that a killed job computes again is the same file.
    before = paths[1].read_bytes()
    small_fits.rows_of(frames[SLICES[1]], terms, tmp_path, CLASSES[SLICES[1]]).write(paths[1])
    assert paths[1].read_bytes() == before
    # The order of joining is fixed, because sums depend on it; to rounding, they do not.
    weights = [small_fits.weights_of(joined(order), terms) for order in (paths, paths[::-1])]
    assert np.linalg.norm(weights[0] - weights[1]) < 1e-6 * np.linalg.norm(weights[0])


def test_rows_come_back_from_their_file(tmp_path, frames, terms):
    """The class a has few rows, which are kept as they are; b has more forces than columns, c more of all."""
    classes = ["a", *"bb", *"cccccc"]
    lone = [frames[0][[0]], *frames[1:]]
    lone[0].info |= {"REF_energy": -400.0}
    lone[0].info.pop("REF_virial")
    many = [*lone[:3], *(frame for frame in lone[3:] for _ in range(3))]
    many_classes = [*classes[:3], *["c"] * 18]
    rows = small_fits.rows_of(many, terms, tmp_path, many_classes)
    columns = rows.columns
    assert rows.n_rows(["a"]) == (1, 3, 0) and rows.forces["b"].n_rows == 288 > columns > rows.virials["b"].n_rows == 6
    assert rows.virials["c"].n_rows == 90 > columns
    for _ in range(2):  # what was read is written again
        rows.write(tmp_path / "rows.npz")
        back = design.read(tmp_path / "rows.npz")
        assert (back.columns, back.species, back.classes) == (columns, ["O", "Te"], ["a", "b", "c"])
        for name in back.classes:
            np.testing.assert_array_equal(back.energy_rows([name]), rows.energy_rows([name]))
            assert back.n_rows([name]) == rows.n_rows([name]) and back.weights[name] == rows.weights[name]
            for mine, other in ((back.forces, rows.forces), (back.virials, rows.virials)):
                np.testing.assert_array_equal(mine[name].stacked(), other[name].stacked())
        rows = back
    # Of a triangle only its upper half is stored.
    with np.load(tmp_path / "rows.npz") as stored:
        assert stored["force_2"].shape == ((columns + 1) * (columns + 2) // 2,)
        assert stored["force_0"].shape == (3, columns + 1) and stored["virial_0"].shape == (0, columns + 1)


def test_rows_of_other_sparse_points_are_not_joined(tmp_path, frames, terms):
    rows = small_fits.rows_of(frames[:1], terms, tmp_path)
    fewer = small_fits.terms_of(frames, tmp_path, n_sparse=10)
    with pytest.raises(UserError, match="sparse points or species differ"):
        rows.join(small_fits.rows_of(frames[:1], fewer, tmp_path))


def test_a_frame_of_weight_four_is_the_same_frame_four_times(tmp_path, frames, terms):
    heavy = frames[3].copy()
    heavy.info["weight"] = 4.0
    weighed = small_fits.rows_of([*frames[:3], heavy], terms, tmp_path)
    repeated = small_fits.rows_of([*frames[:3], *[frames[3]] * 4], terms, tmp_path)
    assert weighed.n_rows() == (4, 4 * 144, 3 * 6) and weighed.weights == repeated.weights
    small_fits.assert_same_rows(weighed, repeated)
    np.testing.assert_allclose(weighed.e0(["train"]), repeated.e0(["train"]), rtol=1e-9)
    one, other, once = (
        small_fits.weights_of(rows, terms)
        for rows in (weighed, repeated, small_fits.rows_of(frames[:4], terms, tmp_path))
    )
    assert np.linalg.norm(one - other) < 1e-5 * np.linalg.norm(other) < 1e-2 * np.linalg.norm(once - other)


@pytest.mark.parametrize("kind", ["energy", "force", "virial"])
def test_a_factor_on_the_expected_error_of_all_frames_is_another_expected_error(tmp_path, frames, terms, kind):
    factored = [frame.copy() for frame in frames]
    for frame in factored:
        frame.info[f"sigma_{kind}_factor"] = 2.5
    rows = small_fits.rows_of(factored, terms, tmp_path)
    plain = small_fits.rows_of(frames, terms, tmp_path)
    small_fits.assert_same_rows(rows, plain, {kind: 1 / 2.5**2})
    name = f"sigma_{kind}"
    one = small_fits.weights_of(rows, terms)
    other = small_fits.weights_of(plain, terms, **{name: 2.5 * small_fits.HYPERPARAMETERS[name]})
    assert np.linalg.norm(one - other) < 1e-5 * np.linalg.norm(other)


def test_rows_have_the_form_of_the_fit(tmp_path, frames, terms):
    """Energies and virials are divided by the root of the number of atoms, and a symmetric virial has six rows."""
    frame = frames[0].copy()
    frame.info |= {"weight": 9.0, "sigma_energy_factor": 2.0}
    rows, atoms = small_fits.rows_of([frame], terms, tmp_path), len(frame)
    row = rows.energy_rows(["train"])[0]
    np.testing.assert_allclose(
        row[rows.columns :], [*(np.array([32, 16, frame.info["REF_energy"]]) * 1.5 / np.sqrt(atoms)), atoms, 2.25]
    )
    virial, labels = rows.virials["train"].parts()
    stated = frame.info["REF_virial"].reshape(3, 3)
    wanted = 3 * np.array([stated[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))]) / np.sqrt(atoms)
    np.testing.assert_allclose(labels, wanted, rtol=1e-4)
    # The rows give the numbers of the potential that is written: energy, forces and virial.
    alpha = np.random.default_rng(1).normal(size=rows.columns)
    e0, h = np.array([-430.0, -220.0]), small_fits.HYPERPARAMETERS
    small_fits.engine_fit.write(tmp_path / "gap.xml", terms, alpha, h, e0, small_fits.SPECIES, "soap_turbo")
    calculator = engine.GAP(tmp_path / "gap.xml")
    calculator.calculate(frame)
    scale = small_fits.basis.by_column(terms, small_fits.basis.deltas(terms, h) ** 2)
    energy = (row[: rows.columns] * scale) @ alpha * np.sqrt(atoms) / 1.5 + 32 * e0[0] + 16 * e0[1]
    assert energy == pytest.approx(calculator.results["energy"], abs=1e-7)
    xx, yy, zz, yz, xz, xy = (virial * scale) @ alpha * np.sqrt(atoms) / 3
    np.testing.assert_allclose(
        [xx, yy, zz, yz, xz, xy], -calculator.results["stress"] * frame.get_volume(), rtol=0, atol=1e-7
    )
    plain = small_fits.rows_of([frames[0]], terms, tmp_path).forces["train"].parts()
    assert plain[0].shape == (rows.columns + 1, rows.columns)
    # |K x - y|² does not change when the rows become a triangle.
    residual = np.linalg.norm((plain[0] * scale) @ alpha - plain[1])
    assert residual == pytest.approx(np.linalg.norm(calculator.results["forces"] - frames[0].arrays["REF_forces"]))


def test_virials_are_left_out_where_the_study_has_none(tmp_path, frames, terms):
    assert small_fits.rows_of(frames, terms, tmp_path).n_rows() == (9, 9 * 144, 7 * 6)
    assert small_fits.rows_of(frames, terms, tmp_path, virials=False).n_rows() == (9, 9 * 144, 0)


@pytest.mark.parametrize("where", ["energy", "forces", "virial"])
def test_labels_that_are_not_finite_are_refused_with_their_frame(tmp_path, frames, terms, where):
    wrong = [frame.copy() for frame in frames]
    if where == "energy":
        wrong[1].info["REF_energy"] = np.inf
    elif where == "forces":
        wrong[1].arrays["REF_forces"][3, 2] = np.nan
    else:
        wrong[1].info["REF_virial"] = np.full((3, 3), np.nan)
    with pytest.raises(FitFailed, match="a label of training frame 2 of 9 is not a finite number"):
        small_fits.rows_of(wrong, terms, tmp_path)


def of(numbers, energies, known=None):
    """Return e0 of O and Te from numbers of atoms and energies of frames."""
    counts, roots = np.array(numbers, float), np.sqrt(np.sum(numbers, axis=1))
    return design.isolated_energies(counts / roots[:, None], np.array(energies) / roots, ["O", "Te"], known)


def test_one_composition_gives_every_species_the_mean_energy_per_atom():
    np.testing.assert_allclose(of([[32, 16], [64, 32]], [-48 * 3.0, -96 * 4.0]), [-11 / 3, -11 / 3])
    np.testing.assert_allclose(of([[32, 16]], [-480.0]), [-10, -10])


def test_several_compositions_give_the_energies_of_the_species():
    numbers = [[32, 16], [16, 16], [40, 8], [0, 3]]
    np.testing.assert_allclose(of(numbers, [5.0 * o - 7.0 * te for o, te in numbers]), [5, -7], rtol=1e-9)


def test_energies_of_isolated_atoms_are_taken_as_they_are():
    assert of([[32, 16]], [-480.0], {"O": -4.0, "Te": -5.0}).tolist() == [-4.0, -5.0]
    np.testing.assert_allclose(of([[32, 16]], [-480.0], {"O": -4.0}), [-4, -22])
    # A species that no frame holds has no energy that could be fitted.
    np.testing.assert_allclose(of([[0, 16]], [-32.0], {"O": -4.0}), [-4, -2])
    assert of([[8, 0]], [-32.0], {"O": -4.0}).tolist() == [-4.0, 0.0]


def test_e0_of_a_design_is_that_of_its_frames_without_reading_them_again(tmp_path, frames, terms):
    """Two frames have lost atoms, so the compositions differ; a class that is left out does not count."""
    mixed = [frame.copy() for frame in frames[:6]]
    for place, atoms in ((1, [0, 5]), (4, [40])):
        del mixed[place][atoms]
    classes = ["a", "a", "b", "a", "a", "b"]
    rows = small_fits.rows_of(mixed, terms, tmp_path, classes)
    for names, chosen in ((["a", "b"], mixed), (["a"], [f for f, c in zip(mixed, classes, strict=True) if c == "a"])):
        wanted = gap_fit.isolated_atom_energies(chosen)
        np.testing.assert_allclose(rows.e0(names), [wanted["O"], wanted["Te"]], rtol=1e-9)
    known = {"O": -431.0}
    wanted = gap_fit.isolated_atom_energies(mixed, known=known)
    np.testing.assert_allclose(rows.e0(["a", "b"], known), [-431.0, wanted["Te"]], rtol=1e-9)


def test_isolated_atoms_are_rows_like_others(tmp_path, frames, terms):
    atoms = isolated.frames({"O": -431.0, "Te": -222.0})
    rows = small_fits.rows_of([*frames[:2], *atoms], terms, tmp_path, ["0", "1", isolated.CLASS, isolated.CLASS])
    assert rows.n_rows([isolated.CLASS]) == (2, 6, 0)
    assert not rows.energy_rows([isolated.CLASS])[:, : rows.columns - 40].any()  # an atom alone has no pairs
    weights = small_fits.weights_of(rows, terms, np.array([-431.0, -222.0]))
    assert np.isfinite(weights).all()
