"""Mean-square displacements of each species from positions at equal steps of time.

``msd(t) = <|u_i(t0 + t) - u_i(t0)|^2>`` over the atoms of a species and all origins t0, without the drift of the
centre of mass (Frenkel and Smit, Understanding Molecular Simulation, section 4.4). For free flight it grows as t^2,
for diffusion as 6 D t.
"""

import numpy as np

MOST_LAGS = 40
COLUMNS = ["time_ps", "species", "msd_angstrom2"]


def unwrapped(frames):
    """Return the paths of the atoms without jumps at the faces of the cell and without the drift of all atoms.

    Between two frames an atom moves less than half a cell. With a cell that changes, the steps are taken in scaled
    coordinates and brought to length by the mean of both cells.

    Parameters
    ----------
    frames : list of ase.Atoms
        The same atoms in one order.

    Returns
    -------
    numpy.ndarray, shape (n_frames, n_atoms, 3), Å
        From zero in the first frame.
    """
    scaled = np.array([frame.get_scaled_positions(wrap=False) for frame in frames])
    cells = np.array([np.asarray(frame.cell) for frame in frames])
    steps = np.diff(scaled, axis=0)
    steps -= np.round(steps)
    steps = np.einsum("fai,fij->faj", steps, (cells[1:] + cells[:-1]) / 2)
    masses = frames[0].get_masses()
    steps -= np.einsum("a,faj->fj", masses / masses.sum(), steps)[:, None]
    return np.concatenate([np.zeros_like(scaled[:1]), np.cumsum(steps, axis=0)])


def mean_square_displacements(frames, interval):
    """Return the mean-square displacement of each species, up to half the length of the run.

    Parameters
    ----------
    frames : list of ase.Atoms
        At equal steps of time, the same atoms in one order.
    interval : float
        ps between two frames.

    Returns
    -------
    pandas.DataFrame
        time_ps, species and msd_angstrom2, at most 40 times for each species; no rows for fewer than 4 frames.
    """
    import pandas as pd

    if len(frames) < 4:
        return pd.DataFrame(columns=COLUMNS)
    paths, symbols = unwrapped(frames), np.array(frames[0].symbols)
    lags = np.unique(np.linspace(1, len(frames) // 2, MOST_LAGS).astype(int))
    rows = []
    for lag in lags:
        squares = ((paths[lag:] - paths[:-lag]) ** 2).sum(axis=2).mean(axis=0)
        rows += [(lag * interval, name, squares[symbols == name].mean()) for name in sorted(set(symbols))]
    return pd.DataFrame(rows, columns=COLUMNS)
