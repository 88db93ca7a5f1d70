"""The tables of a model, their averages over replicas, and R_X."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from conftest import STRUCTURE

from gapglass.base.errors import UserError
from gapglass.base.files import read_header, read_table, write_table
from gapglass.structure import absence, analysis, kinds, replicas, transforms, vibrations, wright


@pytest.fixture(scope="module")
def glass_tables(blyp_frames):
    return analysis.analyse(blyp_frames[-10:], STRUCTURE)


def test_tables_and_their_columns(glass_tables):
    assert list(glass_tables) == list(kinds.TABLES)
    pairs = ["O-O", "O-Te", "Te-Te"]
    curves = {
        "sq": [*(f"S_{name}" for name in ("X", "N", *pairs))],
        "gr": [
            "G_X",
            "G_N",
            *(f"g_{pair}" for pair in pairs),
            *(f"n_{pair}" for pair in ("O-O", "O-Te", "Te-O", "Te-Te")),
        ],
        "angles": ["Te-O-Te", "O-Te-O"],
    }
    first = {
        "sq": ["q_inverse_angstrom", "n_vectors", "width_inverse_angstrom", "method"],
        "gr": ["r_angstrom"],
        "angles": ["angle_degree"],
    }
    for kind, names in curves.items():
        columns = [column for name in names for column in (name, f"{name}_error")]
        assert sorted(glass_tables[kind]) == sorted([*first[kind], *columns]), kind
        assert list(glass_tables[kind])[: len(first[kind])] == first[kind]
        assert (glass_tables[kind][[column for column in columns if column.endswith("_error")]].max() > 0).all()


def test_long_range_limits_are_one(blyp_frames):
    tables = analysis.analyse(blyp_frames[-25:], STRUCTURE | {"q_max": 20.0})
    sq, gr = tables["sq"], tables["gr"]
    high = sq["q_inverse_angstrom"] > 15
    for column in ("S_X", "S_N", "S_O-O", "S_O-Te", "S_Te-Te"):
        assert np.average(sq[column][high], weights=sq["n_vectors"][high]) == pytest.approx(1, abs=0.03)
    assert gr["r_angstrom"].iloc[-1] < 9.1146 / 2
    assert sq["q_inverse_angstrom"].iloc[0] == pytest.approx(2 * np.pi / 9.1146, rel=1e-3)


def test_coordination_agrees_with_the_running_coordination(glass_tables):
    """2.475 Å is the bin centre nearest to the cutoff of 2.46 Å."""
    row = glass_tables["gr"].set_index(glass_tables["gr"]["r_angstrom"].round(3)).loc[2.475]
    table = glass_tables["coordination"].set_index("centre")["coordination_number"]
    assert row["n_Te-O"] == pytest.approx(table["Te"], abs=0.05) and row["n_O-Te"] == pytest.approx(
        table["O"], abs=0.025
    )


def test_r_max_shortens_and_changes_nothing_else(blyp_frames, glass_tables):
    short = analysis.analyse(blyp_frames[-10:], STRUCTURE | {"r_max": 3.0})
    assert short["gr"]["r_angstrom"].iloc[-1] == pytest.approx(2.975)
    pd.testing.assert_frame_equal(short["gr"], glass_tables["gr"].iloc[:60])
    pd.testing.assert_frame_equal(short["sq"], glass_tables["sq"])


def test_join_of_the_two_ways(blyp_frames, glass_tables):
    direct = glass_tables["sq"]
    assert set(direct["method"]) == {"direct"} and (direct["n_vectors"] > 0).all()
    joined = analysis.analyse(blyp_frames[-10:], STRUCTURE | {"q_direct": 6.0, "r_max": 3.0})
    sq = joined["sq"]
    below = sq["q_inverse_angstrom"] < 6
    assert (sq["method"] == np.where(below, "direct", "transform")).all() and ((sq["n_vectors"] == 0) == ~below).all()
    pd.testing.assert_frame_equal(sq[below], direct[direct["q_inverse_angstrom"] < 6])
    assert sq["q_inverse_angstrom"].iloc[0] == pytest.approx(2 * np.pi / 9.1146, rel=1e-3)
    assert len(joined["gr"]) == 60
    # r_max limits the table only; the transform uses all of g(r).
    long = analysis.analyse(blyp_frames[-10:], STRUCTURE | {"q_direct": 6.0})
    pd.testing.assert_frame_equal(long["sq"], sq)
    assert any("differ by" in line for line in sq.attrs["notes"]) and not any(
        "differ by" in line for line in direct.attrs["notes"]
    )


def reduced_pair_distribution(frames, q_bin, r_max=4.5):
    gr = analysis.analyse(frames, STRUCTURE | {"q_max": 15.0, "q_bin": q_bin})["gr"]
    return gr.query("r_angstrom < @r_max")["G_X"].to_numpy()


def test_g_of_r_does_not_depend_on_the_bins_nor_on_the_cell_chosen(blyp_frames):
    glass = blyp_frames[-10:]
    fine = reduced_pair_distribution(glass, 0.05)
    assert wright.wright_parameter(fine, reduced_pair_distribution(glass, 0.1)) < 0.05
    # The same structure in a doubled cell has more wave vectors, and the density waves of the additional ones vanish.
    doubled = reduced_pair_distribution([frame * (2, 1, 1) for frame in glass], 0.05)
    assert wright.wright_parameter(fine, doubled[: len(fine)]) < 0.15


def test_breathing_cell_keeps_its_bins(blyp_frames, rng):
    glass = blyp_frames[-10:]
    breathing = []
    for frame in glass:
        breathing.append(frame.copy())
        breathing[-1].set_cell(frame.cell * (1 + rng.normal(0, 0.003)), scale_atoms=True)
    still, moved = (analysis.analyse(frames, STRUCTURE)["sq"] for frames in (glass, breathing))
    assert abs(len(still) - len(moved)) <= 2
    assert moved["q_inverse_angstrom"].iloc[0] == pytest.approx(still["q_inverse_angstrom"].iloc[0], rel=0.01)
    change = wright.wright_parameter(reduced_pair_distribution(glass, 0.1), reduced_pair_distribution(breathing, 0.1))
    assert change < 0.1


def test_order_of_the_atoms_does_not_matter(blyp_frames, rng):
    frames = blyp_frames[-6:]
    shuffled = [frame[rng.permutation(48)] for frame in frames]
    first, second = analysis.analyse(frames, STRUCTURE), analysis.analyse(shuffled, STRUCTURE)
    for kind, table in first.items():
        np.testing.assert_allclose(table.select_dtypes("number"), second[kind].select_dtypes("number"), atol=1e-6)


def test_species_without_scattering_length_costs_the_neutron_columns_only(rng):
    frames = [Atoms("Po10O20", positions=rng.uniform(0, 9, (30, 3)), cell=[9] * 3, pbc=True) for _ in range(2)]
    tables = analysis.analyse(frames, STRUCTURE | {"q_max": 6.0, "coordination_cutoffs": {}})
    assert "S_X" in tables["sq"] and "G_X" in tables["gr"] and "S_O-O" in tables["sq"]
    for kind in ("sq", "gr"):
        assert not {"S_N", "G_N"} & set(tables[kind])
        assert any("Po has no coherent neutron scattering length" in line for line in tables[kind].attrs["notes"])
    assert len(tables["coordination"]) == 0 and list(tables["angles"]) == ["angle_degree"]


def test_files_say_what_they_hold(blyp_frames, tmp_path):
    paths = SimpleNamespace(**{kind: tmp_path / f"{kind}.csv" for kind in kinds.TABLES})
    analysis.write_analysis(blyp_frames[-4:], STRUCTURE | {"q_direct": 6.0}, paths)
    for kind, words in {
        "sq": ["up to 6 1/A", "root mean square", "S_N(q) = ", "2 pi / L"],
        "gr": ["Qmax 12.0 1/A", "lorch", "n_a-b(r)", "root mean square"],
        "coordination": ["percent_l_fold"],
        "angles": ["integral 1", "Te-O 2.46 A"],
        "closest": ["first minimum"],
    }.items():
        text = getattr(paths, kind).read_text()
        assert all(word in text for word in [*words, "4 frames of 48 atoms"]), kind
    sq, gr = read_table(paths.sq), read_table(paths.gr)
    # The file alone gives the model's G(r) again.
    again = transforms.model_g(sq, gr["r_angstrom"].to_numpy(), "neutron", 12.0, "lorch")
    np.testing.assert_allclose(again, gr["G_N"], atol=1e-7)


def test_mean_and_error_over_replicas_by_hand():
    def table(shift, n):
        return pd.DataFrame({"r_angstrom": np.arange(n) + 0.5, "G_X": np.arange(n) + shift, "G_X_error": 9.0})

    tables = [table(0.0, 5), table(1.0, 4), table(5.0, 6)]
    assert replicas.average_tables(tables[:1]) is tables[0]
    mean = replicas.average_tables(tables)
    assert list(mean) == ["r_angstrom", "G_X", "G_X_error"]
    np.testing.assert_allclose(mean["r_angstrom"], [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_allclose(mean["G_X"], np.arange(4) + 2)
    np.testing.assert_allclose(mean["G_X_error"], np.sqrt((4 + 1 + 9) / 2 / 3))


def test_replicas_of_unlike_cells_meet_in_common_bins_of_q():
    def table(q, s, method):
        return pd.DataFrame({
            "q_inverse_angstrom": q, "n_vectors": [3, 6, 0][: len(q)], "width_inverse_angstrom": 0.1, "method": method,
            "S_X": s, "S_X_error": 0.0,
        })  # fmt: skip

    first = table([0.31, 0.58, 0.75], [1.0, 2.0, 3.0], ["direct", "direct", "transform"])
    second = table([0.33, 0.75], [2.0, 5.0], ["direct", "direct"])
    mean = replicas.average_tables([first, second], 0.1)
    assert list(mean) == list(first)
    np.testing.assert_allclose(mean["q_inverse_angstrom"], [0.32, 0.75])
    np.testing.assert_allclose(mean["S_X"], [1.5, 4.0])
    np.testing.assert_allclose(mean["S_X_error"], [0.5, 1.0])
    assert mean["method"].tolist() == ["direct", "transform"]


def test_coordination_over_replicas():
    def table(number, **shares):
        row = {
            "centre": "Te",
            "neighbour": "O",
            "cutoff_angstrom": 2.46,
            "coordination_number": number,
            "standard_error": 0.0,
        }
        return pd.DataFrame(
            [row | shares, row | {"centre": "O", "neighbour": "Te", "coordination_number": number / 2} | shares]
        )

    mean = replicas.average_tables(
        [table(4.0, percent_4_fold=100.0), table(3.5, percent_3_fold=50.0, percent_4_fold=50.0)]
    )
    assert mean["centre"].tolist() == ["Te", "O"] and list(mean)[-2:] == ["percent_3_fold", "percent_4_fold"]
    first = mean.iloc[0]
    assert first[["coordination_number", "standard_error", "percent_3_fold", "percent_4_fold"]].tolist() == [
        3.75,
        0.25,
        25.0,
        75.0,
    ]
    assert len(replicas.average_tables([table(4.0)[:0]] * 2)) == 0


def test_closest_approach_over_replicas_is_the_smallest():
    def table(closest, peak):
        return pd.DataFrame({
            "pair": ["O-Te", "Te-Te"], "closest_distance_angstrom": [closest, 3.0],
            "first_peak_angstrom": peak, "first_minimum_angstrom": np.nan,
        })  # fmt: skip

    mean = replicas.average_tables([table(1.8, [2.0, np.nan]), table(1.7, [1.9, 3.5])])
    assert mean["closest_distance_angstrom"].tolist() == [1.7, 3.0]
    np.testing.assert_allclose(mean["first_peak_angstrom"], [1.95, 3.5])
    assert mean["first_minimum_angstrom"].isna().all()


def test_real_tables_over_replicas(glass_tables, blyp_frames):
    other = analysis.analyse(blyp_frames[-20:-10], STRUCTURE)
    for kind, table in glass_tables.items():
        if kind == "network":  # of rows that one of them lacks there is a test of its own
            continue
        mean = replicas.average_tables([table, other[kind]], STRUCTURE["q_bin"])
        assert set(mean) == set(table) | set(other[kind]) and len(mean) == len(table), kind
        numbers = [column for column in table.select_dtypes("number") if not column.endswith("error")]
        numbers = [column for column in numbers if column in other[kind] and column != "closest_distance_angstrom"]
        np.testing.assert_allclose(mean[numbers], (table[numbers] + other[kind][numbers]) / 2)


def test_wright_parameter():
    curve = np.sin(np.linspace(0, 10, 50))
    assert wright.wright_parameter(curve, curve) == 0.0
    assert wright.wright_parameter(curve, 0 * curve) == 1.0
    assert wright.wright_parameter(curve, 1.1 * curve) == pytest.approx(0.1)


def test_r_x_over_the_range_that_both_have():
    r = np.arange(0.025, 5, 0.05)
    reference = pd.DataFrame({"r_angstrom": r, "G_X": np.where(r < 1, 10.0, np.sin(3 * r))})
    model = reference.assign(G_X=np.where(r < 1, 0.0, 1.1 * np.sin(3 * r)))
    assert wright.compare(reference, reference, 0.0)["r_x_percent"] == 0
    result = wright.compare(reference, model[:80], 1.0)
    assert result == {
        "r_x_percent": pytest.approx(10.0),
        "r_min_angstrom": r[20],
        "r_max_angstrom": r[79],
        "n_points": 60,
    }
    assert wright.compare(reference, model, 0.5)["r_x_percent"] > 50  # ripples below the closest atoms count
    with pytest.raises(UserError, match=r"R_X has 0 points between structure\.r_x_min 6 Å and 4\.98 Å"):
        wright.compare(reference, model, 6.0)
    with pytest.raises(UserError, match="different r grids"):
        wright.compare(reference, model.assign(r_angstrom=r + 0.01), 1.0)


def test_impossible_requests_are_refused(blyp_frames, gamma_teo2):
    with pytest.raises(UserError, match="must hold the same atoms"):
        analysis.analyse([blyp_frames[0], gamma_teo2[:24]], STRUCTURE)
    frame = blyp_frames[0].copy()
    frame.info |= {"role": "reference", "temperature": 650.0}
    with pytest.raises(UserError, match=r"temperature 300 K \(there are 650 K\)"):
        analysis.reference_frames([frame], 300)


def test_replicas_that_exploded_are_left_out_and_named(tmp_path, glass_tables):
    paths = [tmp_path / f"optimal_48_{n}" / "gr.csv" for n in (1, 2, 3)]
    table = glass_tables["gr"]
    for path, shift in zip(paths, (0.0, None, 1.0), strict=True):
        if shift is None:
            absence.write_empty_table(path, "gr", "the quench exploded in stage 2")
        else:
            write_table(path, table.assign(G_X=table["G_X"] + shift), ["formula", "frames"])
    target = tmp_path / "mean.csv"
    replicas.average_replicas(paths, "gr", target, 0.1)
    assert read_header(target) == [
        "formula",
        "mean over 2 replicas, *_error is the standard error over them",
        "left out: replica 2, the quench exploded in stage 2",
    ]
    np.testing.assert_allclose(read_table(target)["G_X"], table["G_X"] + 0.5, atol=1e-8)
    # The table of a single remaining replica is unchanged.
    replicas.average_replicas(paths[:2], "gr", target, 0.1)
    assert read_header(target)[:2] == ["formula", "frames"] and absence.absence(target) is None
    pd.testing.assert_frame_equal(read_table(target), read_table(paths[0]))
    replicas.average_replicas(paths[1:2], "gr", target, 0.1)
    assert absence.absence(target) == "replica 2, the quench exploded in stage 2" and read_table(target).empty
    assert list(absence.read_present([*paths, target])) == [paths[0], paths[2]]
    assert wright.compare_all([], [], [table], [], STRUCTURE) == {}


def test_warnings_of_replicas_stay_with_their_mean(tmp_path, glass_tables):
    paths = [tmp_path / f"optimal_48_{n}" / "gr.csv" for n in (1, 2, 3)]
    heads = ["formula", "frames", "warning: warm"], ["formula", "frames"], ["formula", "frames", "warning: cold"]
    for path, head in zip(paths, heads, strict=True):
        write_table(path, glass_tables["gr"], head)
    target = tmp_path / "mean.csv"
    replicas.average_replicas(paths, "gr", target, 0.1)
    assert read_header(target) == [
        "formula",
        "mean over 3 replicas, *_error is the standard error over them",
        "warning: replica 1, warm",
        "warning: replica 3, cold",
    ]
    replicas.average_replicas(paths[:1], "gr", target, 0.1)
    assert read_header(target)[-1] == "warning: warm"


@pytest.mark.parametrize("kind", list(absence.EMPTY))
def test_table_without_a_structure_has_the_first_columns_of_one_with(tmp_path, kind, glass_tables):
    absence.write_empty_table(tmp_path / "table.csv", kind, "why")
    velocities = np.random.default_rng(1).normal(size=(200, 3, 3))
    tables = glass_tables | {"vibrations": vibrations.density_of_states(velocities, ["O", "O", "Te"], 0.01, 2.0)}
    assert (
        set(read_table(tmp_path / "table.csv")) <= set(tables[kind])
        and absence.absence(tmp_path / "table.csv") == "why"
    )


def test_averages_and_comparisons_import_no_heavy_package():
    heavy = {"freud", "numba", "scipy", "periodictable", "matplotlib", "pandas"}
    modules = "gapglass.structure.replicas, gapglass.structure.wright, gapglass.structure.absence"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
