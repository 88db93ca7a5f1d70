"""Rings, Q^n and bridging species on crystals, molecules and graphs with a known answer."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from gapglass.structure import replicas
from gapglass.structure.network import network
from gapglass.structure.rings import rings_through

SILICA = {"formers": ["Si"], "bridges": ["O"], "max_ring": 12}
CUTOFFS = {"Si-O": 1.9}


def quartz():
    """Return α-quartz, P3(1)21, with the coordinates of Levien, Prewitt and Weidner (1980)."""
    sites = [(0.4697, 0, 1 / 3), (0.4133, 0.2672, 0.2145)]
    return crystal(["Si", "O"], sites, spacegroup=152, cellpar=[4.916, 4.916, 5.4054, 90, 90, 120])


def alpha_cristobalite():
    """Return α-cristobalite, P4(1)2(1)2."""
    sites = [(0.3003, 0.3003, 0), (0.2392, 0.1044, 0.1787)]
    return crystal(["Si", "O"], sites, spacegroup=92, cellpar=[4.9717, 4.9717, 6.9223, 90, 90, 90])


def beta_cristobalite():
    """Return ideal β-cristobalite: Si on the sites of diamond, O in the middle of its bonds."""
    sites = [(0.125, 0.125, 0.125), (0, 0, 0)]
    return crystal(["Si", "O"], sites, spacegroup=227, setting=2, cellpar=[7.16, 7.16, 7.16, 90, 90, 90])


def rings_of(atoms, cutoffs=CUTOFFS, settings=SILICA):
    """Return {formers in the ring: rings per former} of one frame, without sizes that do not occur."""
    table = network([atoms], cutoffs, settings)[0].set_index("formers_in_ring")["rings_per_former"]
    return {size: pytest.approx(value) for size, value in table[table > 0].items()}


@pytest.mark.parametrize(
    ("atoms", "known"),
    [
        # Through each Si of quartz run 6 rings of six and 40 of eight, through each of cristobalite 12 of six.
        (quartz(), {6: 6 / 6, 8: 40 / 8}),
        (alpha_cristobalite(), {6: 12 / 6}),
        (beta_cristobalite(), {6: 12 / 6}),
    ],
    ids=["quartz", "alpha-cristobalite", "beta-cristobalite"],
)
def test_rings_of_crystals_in_any_cell(atoms, known):
    """Cells of 3 to 8 Si are far smaller than the rings."""
    assert rings_of(atoms) == known
    assert rings_of(atoms * (2, 1, 1)) == known
    shifted = atoms.copy()
    shifted.positions += (3.0, -17.0, 40.0)
    assert rings_of(shifted) == known
    species = network([atoms], CUTOFFS, SILICA)[1]
    found = species.set_index(["quantity", "species", "n"])["share_percent"].to_dict()
    assert found == {("Q", "Si", 4): 100.0, ("bridge", "O", 2): 100.0, ("shared", "Si", 1): 100.0}


def test_rings_of_directly_bonded_formers():
    """Diamond has two rings of six per atom; hexagonal layers have half a ring of six per atom."""
    direct = {"formers": ["C"], "bridges": [], "max_ring": 10}
    assert rings_of(bulk("C", cubic=True), {"C-C": 1.7}, direct) == {6: 2.0}
    layer = Atoms("C2", scaled_positions=[(0, 0, 0), (1 / 3, 2 / 3, 0)], cell=[2.46, 2.46, 12, 90, 90, 120], pbc=True)
    assert rings_of(layer, {"C-C": 1.6}, direct) == {6: 0.5}
    assert network([layer], {"C-C": 1.6}, direct)[1].empty


def primitive_cycles(n_nodes, bonds, longest):
    """Return the number of primitive rings through every node of a finite graph: all cycles, then all distances."""
    around = {node: set() for node in range(n_nodes)}
    for a, b in bonds:
        around[a].add(b)
        around[b].add(a)
    apart = np.full((n_nodes, n_nodes), 99)
    np.fill_diagonal(apart, 0)
    for a, b in bonds:
        apart[a, b] = apart[b, a] = 1
    for middle in range(n_nodes):
        apart = np.minimum(apart, apart[:, middle, None] + apart[None, middle])
    counts = np.zeros((n_nodes, longest + 1), int)

    def extend(path):
        if len(path) > 2 and path[0] in around[path[-1]] and path[1] < path[-1]:
            size = len(path)
            along = [[min(abs(i - j), size - abs(i - j)) for j in range(size)] for i in range(size)]
            if np.array_equal(apart[np.ix_(path, path)], along):
                counts[path, size] += 1
        if len(path) < longest:
            for node in around[path[-1]]:
                if node > path[0] and node not in path:
                    extend([*path, node])

    for node in range(n_nodes):
        extend([node])
    return counts


@pytest.mark.parametrize("seed", range(4))
def test_rings_of_random_graphs_against_all_cycles(seed):
    rng = np.random.default_rng(seed)
    n_nodes, longest = 14, 9
    pairs = [(a, b) for a in range(n_nodes) for b in range(a)]
    bonds = [pairs[i] for i in rng.choice(len(pairs), 22, replace=False)]
    first, second = np.array([*bonds, *((b, a) for a, b in bonds)]).T
    found = rings_through(range(n_nodes), n_nodes, first, second, np.zeros((len(first), 3), int), longest)
    known = primitive_cycles(n_nodes, bonds, longest)
    assert known[:, 3:].sum() > 0 and known[:, [3, 5, 7]].sum() > 0 and known[:, [4, 6]].sum() > 0
    assert np.array_equal(found, known)


def test_rings_of_a_disordered_network_do_not_depend_on_the_cell():
    """A repeated cell has the same rings per former; a search on the folded graph would find others."""
    atoms = quartz() * (2, 2, 2)
    oxygen = np.flatnonzero(atoms.symbols == "O")
    del atoms[np.random.default_rng(5).choice(oxygen, 6, replace=False)]
    once, twice = (network([found], CUTOFFS, SILICA) for found in (atoms, atoms * (2, 1, 1)))
    pd.testing.assert_frame_equal(once[0], twice[0])
    pd.testing.assert_frame_equal(once[1], twice[1])
    assert (once[0]["rings_per_former"] > 0).sum() > 1


def box(symbols, positions):
    return Atoms(symbols, positions=np.array(positions, float) + 10.0, cell=[30.0] * 3, pbc=True)


def shares(atoms, settings=SILICA, cutoffs=CUTOFFS):
    table = network([atoms], cutoffs, settings)[1]
    return {key: dict(zip(part["n"], part["share_percent"], strict=True)) for key, part in table.groupby("quantity")}


def test_a_pair_of_tetrahedra_is_q1():
    """Si2O7: one bridging oxygen of seven, each Si with one bridging oxygen."""
    tetrahedron = 1.6 / np.sqrt(3) * np.array([(1, 1, 1), (-1, -1, 1), (-1, 1, -1), (1, -1, -1)])
    other = 2 * tetrahedron[0]
    positions = [(0, 0, 0), other, *tetrahedron, *(other - tetrahedron[1:])]
    found = shares(box("Si2O7", positions))
    assert found["Q"] == {1: 100.0}
    assert found["bridge"] == {1: pytest.approx(600 / 7), 2: pytest.approx(100 / 7)}
    assert found["shared"] == {1: 100.0}
    assert rings_of(box("Si2O7", positions)) == {}


def test_shared_edges_and_a_three_fold_bridge():
    """Two Si with two common O share an edge, a ring of two; a third Si on one of them makes it three-fold."""
    positions = [(0, 0, 0), (2.4, 0, 0), (1.2, 2.5, 0), (1.2, 1.0, 0), (1.2, -1.0, 0)]
    atoms = box("Si3O2", positions)
    found = shares(atoms)
    assert found["bridge"] == {2: 50.0, 3: 50.0}
    assert found["Q"] == {1: pytest.approx(100 / 3), 2: pytest.approx(200 / 3)}
    assert found["shared"] == {1: pytest.approx(200 / 3), 2: pytest.approx(100 / 3)}
    # Three Si around one O are no ring of three.
    assert rings_of(atoms) == {2: pytest.approx(1 / 3)}


def test_without_formers_there_is_no_network():
    rings, species = network([quartz()], CUTOFFS, {"formers": [], "bridges": [], "max_ring": 12})
    assert rings.empty and species.empty


def test_a_share_that_one_replica_lacks_is_zero_in_its_mean():
    columns = ["quantity", "species", "n", "share_percent", "share_percent_error"]
    first = pd.DataFrame([("Q", "Si", 3, 10.0, 1.0), ("Q", "Si", 4, 90.0, 1.0)], columns=columns)
    second = pd.DataFrame([("Q", "Si", 4, 100.0, 0.0)], columns=columns)
    mean = replicas.average_tables([first, second])
    assert mean["n"].tolist() == [3, 4]
    assert mean["share_percent"].tolist() == [5.0, 95.0]
    assert mean["share_percent_error"].tolist() == pytest.approx([5.0, 5.0])
