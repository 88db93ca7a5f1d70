"""Primitive rings of a periodic network of bonds, compiled by numba.

A ring is primitive, or a shortest-path ring, if the network has no shortcut between any two of its members: their
distance along the bonds is their distance along the ring (Franzblau, doi:10.1103/PhysRevB.44.4925; Goetzke and Klein,
doi:10.1016/0022-3093(91)90145-V; Yuan and Cormack, doi:10.1016/S0927-0256(01)00256-7).

The search runs in the infinite network. A node is an atom together with the periodic image in which it lies, so that a
path that closes onto an image of its first atom is no ring, however small the cell is.
"""

import numba
import numpy as np

# A node is the integer atom * 2^18 + image, where image = (u * 2^6 + v) * 2^6 + w counts images along the three cell
# vectors. Rings reach at most 20 images from their first atom, so that u, v and w stay within -32 and 31.
LARGEST = 20  # longest shortest path of a search
_ORIGIN = ((32 << 12) | (32 << 6)) | 32


@numba.njit(cache=True)
def _node(atom, image):
    return (atom << 18) + image + _ORIGIN


# A hash table of our own compiles in a fifth of the time of numba's dictionary.
@numba.njit(cache=True)
def _slot(table, node):
    """Return the slot of a hash table (n_slots, 2; n_slots a power of two) that holds a node, or a free one for it."""
    slot = (node * 2654435761 >> 16) & (len(table) - 1)
    while table[slot, 0] != node and table[slot, 0] >= 0:
        slot = (slot + 1) & (len(table) - 1)
    return slot


@numba.njit(cache=True)
def _doubled(array):
    """Return an array with room for twice as many rows, the new ones filled with -1."""
    larger = np.full((2 * array.shape[0], array.shape[1]), -1, array.dtype)
    larger[: len(array)] = array
    return larger


@numba.njit(cache=True)
def _reached(root, starts, ends, images, depth):
    """Return all nodes within ``depth`` bonds of an atom, in the order of a search in breadth.

    Returns
    -------
    found : numpy.ndarray of int, shape (n_nodes, 3)
        Atom, image and distance in bonds of each node.
    before : numpy.ndarray of int, shape (n_nodes, most bonds)
        Rows of ``found`` one bond nearer to the root, then -1.
    table : numpy.ndarray of int, shape (n_slots, 2)
        Hash table of the nodes and their rows.
    """
    most = np.max(np.diff(starts))
    found, before, table = np.full((64, 3), -1), np.full((64, most), -1), np.full((256, 2), -1)
    found[0, 0], found[0, 1], found[0, 2] = root, 0, 0
    slot = _slot(table, _node(root, 0))
    table[slot, 0], table[slot, 1] = _node(root, 0), 0
    n_found, row = 1, 0
    while row < n_found and found[row, 2] < depth:
        for bond in range(starts[found[row, 0]], starts[found[row, 0] + 1]):
            atom, image = ends[bond], found[row, 1] + images[bond]
            node = _node(atom, image)
            slot = _slot(table, node)
            if table[slot, 0] < 0:
                if n_found == len(found):
                    found, before = _doubled(found), _doubled(before)
                found[n_found, 0], found[n_found, 1], found[n_found, 2] = atom, image, found[row, 2] + 1
                table[slot, 0], table[slot, 1] = node, n_found
                n_found += 1
                if 2 * n_found > len(table):
                    table = np.full((2 * len(table), 2), -1)
                    for other in range(n_found):
                        node = _node(found[other, 0], found[other, 1])
                        slot = _slot(table, node)
                        table[slot, 0], table[slot, 1] = node, other
                other = n_found - 1
            else:
                other = table[slot, 1]
            if found[other, 2] == found[row, 2] + 1:
                place = 0
                while before[other, place] >= 0:
                    place += 1
                before[other, place] = row
        row += 1
    return found[:n_found], before[:n_found], table


@numba.njit(cache=True)
def _surroundings(starts, ends, images, depth):
    """Return nodes and distances within ``depth`` bonds of every atom, sorted by node, and where each atom begins."""
    n_atoms = len(starts) - 1
    both, begins = np.full((64 * n_atoms, 2), -1), np.zeros(n_atoms + 1, np.int64)
    for atom in range(n_atoms):
        found, _, _ = _reached(atom, starts, ends, images, depth)
        nodes = (found[:, 0] << 18) + found[:, 1] + _ORIGIN
        order = np.argsort(nodes)
        begin, end = begins[atom], begins[atom] + len(found)
        while end > len(both):
            both = _doubled(both)
        both[begin:end, 0], both[begin:end, 1] = nodes[order], found[order, 2]
        begins[atom + 1] = end
    return both[: begins[-1], 0].copy(), both[: begins[-1], 1].copy(), begins


@numba.njit(cache=True)
def _distance(first, first_image, second, second_image, nodes, distances, begins):
    """Return the number of bonds between two nodes that are within the depth of the search."""
    low, high = begins[first], begins[first + 1]
    place = low + np.searchsorted(nodes[low:high], _node(second, second_image - first_image))
    return distances[place]


@numba.njit(cache=True)
def _shortest_paths(row, found, before, n_paths):
    """Return all shortest paths from the root to a node as rows of ``found``, shape (n_paths, distance + 1)."""
    length = found[row, 2]
    paths = np.empty((n_paths[row], length + 1), np.int64)
    choice = np.zeros(length + 1, np.int64)
    path = np.empty(length + 1, np.int64)
    path[length] = row
    at, number = length, 0
    while at <= length:
        if at == 0:
            paths[number] = path
            number += 1
            at += 1
        elif choice[at] < before.shape[1] and before[path[at], choice[at]] >= 0:
            path[at - 1] = before[path[at], choice[at]]
            choice[at] += 1
            at -= 1
            choice[at] = 0
        else:
            at += 1
    return paths


@numba.njit(cache=True)
def _is_primitive(ring, found, nodes, distances, begins):
    """Return whether opposite members of a ring are as far apart along the bonds as along the ring.

    This is enough: a shortcut between any two members makes one between opposite members, along the rest of the ring.
    """
    half = len(ring) // 2
    for number in range(half if len(ring) % 2 == 0 else len(ring)):
        first, second = ring[number], ring[(number + half) % len(ring)]
        apart = _distance(
            found[first, 0], found[first, 1], found[second, 0], found[second, 1], nodes, distances, begins
        )
        if apart < half:
            return False
    return True


@numba.njit(cache=True)
def _close(first, second, size, found, nodes, distances, begins):
    """Return how many pairs of the paths to one node, or to two bonded nodes, make a primitive ring of ``size`` bonds.

    ``first`` and ``second`` are the paths from the root, the same array where they end at one node.
    """
    n_rings, end = 0, (size + 1) // 2
    ring = np.empty(size, np.int64)
    for i in range(len(first)):
        for j in range(i if size % 2 == 0 else len(second)):
            # A node has one distance from the root, so that two paths can only share it at the same place.
            disjoint = True
            for place in range(1, end):
                if first[i, place] == second[j, place]:
                    disjoint = False
                    break
            if not disjoint:
                continue
            for place in range(first.shape[1]):
                ring[place] = first[i, place]
            for place in range(1, end):
                ring[size - place] = second[j, place]
            if _is_primitive(ring, found, nodes, distances, begins):
                n_rings += 1
    return n_rings


@numba.njit(cache=True)
def _count(roots, starts, ends, images, most):
    """Count the primitive rings through every root, shape (n_roots, most + 1), by their number of bonds."""
    counts = np.zeros((len(roots), most + 1), np.int64)
    depth = most // 2
    nodes, distances, begins = _surroundings(starts, ends, images, depth)
    for number in range(len(roots)):
        found, before, table = _reached(roots[number], starts, ends, images, depth)
        n_paths = np.zeros(len(found), np.int64)
        n_paths[0] = 1
        for row in range(len(found)):
            for place in range(before.shape[1]):
                if before[row, place] >= 0:
                    n_paths[row] += n_paths[before[row, place]]
        for row in range(len(found)):
            length = found[row, 2]
            if n_paths[row] > 1:
                paths = _shortest_paths(row, found, before, n_paths)
                counts[number, 2 * length] += _close(paths, paths, 2 * length, found, nodes, distances, begins)
            if 2 * length + 1 > most:
                continue
            for bond in range(starts[found[row, 0]], starts[found[row, 0] + 1]):
                slot = _slot(table, _node(ends[bond], found[row, 1] + images[bond]))
                other = table[slot, 1]
                if other > row and found[other, 2] == length:
                    first = _shortest_paths(row, found, before, n_paths)
                    second = _shortest_paths(other, found, before, n_paths)
                    size = 2 * length + 1
                    counts[number, size] += _close(first, second, size, found, nodes, distances, begins)
    return counts


def rings_through(roots, n_atoms, first, second, shifts, longest):
    """Count the primitive rings through atoms of a periodic network.

    Parameters
    ----------
    roots : sequence of int
        Atoms.
    n_atoms : int
    first, second : numpy.ndarray of int, shape (n_bonds,)
        Bonded atoms; every bond stands in both directions, once in each.
    shifts : numpy.ndarray of int, shape (n_bonds, 3)
        Image of the second atom relative to the first, in cell vectors, each -1, 0 or 1.
    longest : int
        Bonds in the largest ring that is searched, at most 40.

    Returns
    -------
    numpy.ndarray of int, shape (n_roots, longest + 1)
        Number of primitive rings by their number of bonds. Rings that differ by a lattice vector count once for each
        root of theirs in the cell.
    """
    roots, first, second = (np.asarray(values, np.int64) for values in (roots, first, second))
    if longest // 2 > LARGEST:
        raise ValueError(f"rings of {longest} bonds reach too far; at most {2 * LARGEST + 1}")
    if not len(first):
        return np.zeros((len(roots), longest + 1), np.int64)
    order = np.argsort(first, kind="stable")
    starts = np.searchsorted(first[order], np.arange(n_atoms + 1))
    images = np.asarray(shifts, np.int64) @ np.array([1 << 12, 1 << 6, 1])
    return _count(roots, starts, second[order], images[order], longest)
