"""RMSD between frames and its density clusters."""

import numpy as np
import pytest
from ase import Atoms

from gapglass.base.errors import UserError
from gapglass.clustering import rmsd
from gapglass.selection import strategies


def walk(rng, n_frames=40, centre=0.0):
    """Return frames of 8 atoms that vibrate about one configuration, which drifts and rotates."""
    base = rng.uniform(0, 6, (8, 3))
    frames = []
    for step in range(n_frames):
        atoms = Atoms("O8", positions=base + centre + rng.normal(0, 0.02, (8, 3)), cell=[30.0] * 3, pbc=True)
        atoms.rotate(3 * step, "z", center=(15, 15, 15))
        atoms.positions += [0.7 * step, 0, 0]
        atoms.wrap()
        atoms.info["trajectory"] = "run"
        frames.append(atoms)
    return frames


def test_rmsd_takes_out_shift_and_rotation_and_counts_a_displacement(rng):
    frames = walk(rng, 12)
    assert rmsd.rmsd(frames).max() < 0.1
    moved = frames[-1].copy()
    moved.positions[0] += [0, 0, 2.0]
    # With one of n atoms moved by d, the RMSD of the best superposition is at most d sqrt(1/n - 1/n^2).
    last = rmsd.rmsd([*frames, moved])[-1, :-1]
    assert ((last > 0.3) & (last <= 2.0 * np.sqrt(1 / 8 - 1 / 64) + 0.1)).all()


def test_rmsd_refuses_reflections(rng):
    chiral = Atoms("O4", positions=[[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3.0]], cell=[30.0] * 3, pbc=True)
    chiral.positions += 10
    mirror = chiral.copy()
    mirror.positions[:, 0] = 20 - mirror.positions[:, 0]
    assert rmsd.rmsd([chiral, mirror])[0, 1] > 0.2


def test_rmsd_clusters_drop_noise_and_keep_trajectories_apart(rng):
    """Two states of one trajectory with a jump between them, another trajectory of its own, three outliers."""
    first, second = walk(rng), walk(rng, centre=0.5)
    outliers = []
    for _ in range(3):
        atoms = first[0].copy()
        atoms.positions = rng.uniform(0, 12, (8, 3))
        outliers.append(atoms)
    other = walk(rng, 20)
    for atoms in other:
        atoms.info["trajectory"] = "other"
    labels = rmsd.rmsd_clusters([*first, *outliers, *second, *other], 5)
    assert (labels[40:43] == -1).all()
    # A displacement between frames of more than half a cell may split a state, but never joins two.
    assert not set(labels[:40]) & set(labels[43:83]) - {-1}
    assert not set(labels[:83]) & set(labels[83:]) - {-1}
    given = strategies.Given(pool=np.arange(len(labels)), seed=1, clusters={"rmsd": labels})
    chosen = strategies.STRATEGIES["rmsd_hdbscan"](given, [], 12)
    assert len(set(chosen)) == 12 and (labels[chosen] >= 0).all()
    with pytest.raises(UserError, match="belong to clusters"):
        strategies.STRATEGIES["rmsd_hdbscan"](given, [], len(labels))


def test_short_trajectories_are_noise_and_mixed_ones_refused(rng):
    frames = walk(rng, 20)
    for atoms in frames[:4]:
        atoms.info["trajectory"] = "short"
    assert (rmsd.rmsd_clusters(frames, 5)[:4] == -1).all()
    frames[10] = frames[10][:4]
    frames[10].info["trajectory"] = "run"
    with pytest.raises(UserError, match="frames of different atoms"):
        rmsd.rmsd_clusters(frames, 5)
