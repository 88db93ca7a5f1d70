"""The stop of the loop: errors on frames that no fit, tuning or choice has seen, with an upper bound.

The error that tuning has minimised is too low, the more so the more sets were tried, and frames chosen by their errors
make it too high. Blocks of time set aside when the study begins have neither fault.
"""

from gapglass.potential import confidence, evaluation


def validate(potential, frames, blocks, max_iterations, iteration):
    """Return the errors of a potential on the frames that decide the stop.

    Parameters
    ----------
    potential : path-like
        gap.xml.
    frames : dict
        Frame -> ase.Atoms.
    blocks : list of dict
        ``run`` and ``frames`` of each block.
    max_iterations : int or None
    iteration : int

    Returns
    -------
    dict
        ``rmse_energy_mev_per_atom``, ``rmse_force_ev_per_angstrom``, ``intervals`` of both (95 %), ``n_blocks``,
        ``n_frames``, ``level`` and ``upper_energy_mev_per_atom``: the error of the energy lies below this bound with
        the probability ``level``. It is None with fewer than ``confidence.ENOUGH`` blocks, which prove nothing.
    """
    energies, forces = evaluation.predict(potential, list(frames.values()))
    parts = evaluation.in_blocks(frames, energies, forces, blocks)
    level, found = confidence.level_of(max_iterations, iteration), confidence.intervals_of(parts)
    enough = found["n_blocks"] >= confidence.ENOUGH
    return {
        **{name: of_blocks.rmse() for name, of_blocks in parts.items()},
        **found,
        "n_frames": len(frames),
        "level": level,
        "upper_energy_mev_per_atom": parts["rmse_energy_mev_per_atom"].upper(level) if enough else None,
    }
