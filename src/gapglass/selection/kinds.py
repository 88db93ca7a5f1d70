"""What strategies need and read, by their names; rules import it, so it loads nothing."""

# Strategies that need the equations of the frames; the others look at frames and clusters alone.
BY_ERRORS = ("residual_per_plateau", "residual", "largest_residual")  # read the labels of the whole pool
BY_MODEL = ("variance", "variance_per_cluster", *BY_ERRORS)
BY_BLOCKS = ("residual_per_plateau", "residual")  # need blocks of time
# Strategies that need no label but those of the frames chosen. Delta of the clusters is chosen by the energies of all
# frames, and residuals are errors on all frames of the pool.
LABEL_FREE = ("random", "uniform_in_time", "rmsd_hdbscan", "variance", "clusters_soap_only", "residual_guide")


def needs_model(strategy, iteration):
    """Return whether a strategy of the loop asks a fit in an iteration; in the first there is none."""
    return iteration > 1 and strategy in BY_MODEL


def labels_read(strategy, n_chosen, n_pool, n_frames, iteration=2):
    """Return how many labels a strategy reads for a choice of frames.

    Parameters
    ----------
    n_chosen, n_pool, n_frames : int
        Frames that train, of the pool, and of the study.
    iteration : int
        In the first, there is no fit whose errors could be read.
    """
    if strategy in LABEL_FREE or (strategy in BY_ERRORS and iteration == 1):
        return n_chosen
    return n_pool if strategy in BY_ERRORS else n_frames
