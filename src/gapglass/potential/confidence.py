"""Intervals and upper bounds of an error, from its values in blocks of time.

Frames of one block resemble each other, so blocks are the sample, not frames. The mean squared errors of blocks spread
over orders of magnitude, and their logarithm is about normal: the interval is that of the mean of a log-normal
variable (Cox's method: Zhou and Gao, Statist. Med. 16, 783 (1997),
doi:10.1002/(SICI)1097-0258(19970415)16:7<783::AID-SIM488>3.0.CO;2-2, with quantiles of Student's t), around the error
over all frames. Blocks of a hot run err more than those of a cold one; as every run has its blocks in the test, only
the spread within runs makes the error uncertain, and it is taken to be the same for all.
"""

from dataclasses import dataclass

import numpy as np

ENOUGH = 12  # blocks; with fewer, bounds are so far above the error that they say little
SEVERAL = 4  # frames of a block
FEWEST = 4  # degrees of freedom that a spread within runs needs
TINY = 1e-300


@dataclass
class Blocks:
    """The mean squared errors of blocks of time.

    Attributes
    ----------
    squares : numpy.ndarray, shape (n_blocks,)
        Mean squared error of each.
    weights : numpy.ndarray, shape (n_blocks,)
        Numbers of values behind them.
    runs : numpy.ndarray of int, shape (n_blocks,)
        Run that each is a part of.
    """

    squares: np.ndarray
    weights: np.ndarray
    runs: np.ndarray

    def rmse(self):
        """Return the root mean square over all values."""
        return float(np.sqrt(np.average(self.squares, weights=self.weights)))

    def _spread(self):
        """Return the standard error of the logarithm of the mean square, and its degrees of freedom."""
        logs, runs = np.log(np.maximum(self.squares, TINY)), np.unique(self.runs, return_inverse=True)[1]
        n_blocks = len(logs)
        if n_blocks - runs.max() - 1 < FEWEST:  # too few blocks of one run to tell their spread
            runs = np.zeros(n_blocks, int)
        number = np.bincount(runs)
        deviations = logs - (np.bincount(runs, logs) / number)[runs]
        free = n_blocks - len(number)
        variance = deviations @ deviations / free
        share = np.bincount(runs, self.weights * self.squares)
        share = share / max(share.sum(), TINY)
        return np.sqrt(np.sum(share**2 * (variance + variance**2 / 2) / number)), free

    def upper(self, level):
        """Return the bound below which the error lies with a probability; None for fewer than two blocks."""
        from scipy.stats import t  # half a second to load

        if len(self.squares) < 2:
            return None
        error, free = self._spread()
        return float(self.rmse() * np.exp(t.ppf(level, free) * error / 2))

    def interval(self, level=0.95):
        """Return the two-sided interval of the error as a list, low and high; None for fewer than two blocks."""
        if len(self.squares) < 2:
            return None
        high, middle = self.upper(0.5 + level / 2), self.rmse()
        return [middle**2 / high if high else 0.0, high]


def of_blocks(squares, weights, blocks):
    """Return the ``Blocks`` of errors of frames.

    The square of one error is far from log-normal, the mean of several is not. Blocks of fewer than ``SEVERAL``
    frames, as unrelated snapshots are, are therefore joined with the next ones of their run.

    Parameters
    ----------
    squares : mapping or sequence
        Frame -> sum of squared errors.
    weights : mapping or sequence
        Frame -> number of values in it.
    blocks : list of dict
        ``run`` and ``frames`` of each, in the order of time, see ``selection.time_blocks.current``.
    """
    joined = []
    for run in dict.fromkeys(block["run"] for block in blocks):
        parts, waiting = [], []
        for block in blocks:
            if block["run"] == run:
                waiting = [*waiting, *block["frames"]]
                if len(waiting) >= SEVERAL:
                    parts.append(waiting)
                    waiting = []
        if waiting and parts:
            parts[-1] = [*parts[-1], *waiting]
        elif waiting:
            parts = [waiting]
        joined += [(run, frames) for frames in parts]
    totals = [(sum(squares[i] for i in frames), sum(weights[i] for i in frames)) for _, frames in joined]
    sums, numbers = np.array(totals, float).reshape(-1, 2).T
    return Blocks(sums / np.maximum(numbers, 1), numbers, np.array([run for run, _ in joined], int))


def intervals_of(parts):
    """Return ``intervals`` (95 %) of errors and their ``n_blocks`` as results state them.

    Parameters
    ----------
    parts : dict
        Quantity -> ``Blocks``, all of the same blocks.
    """
    return {
        "intervals": {name: of_blocks.interval() for name, of_blocks in parts.items()},
        "n_blocks": len(next(iter(parts.values())).squares),
    }


def level_of(max_iterations, iteration):
    """Return the level of the bound in an iteration, so that all looks of a loop together err in at most 5 %.

    Parameters
    ----------
    max_iterations : int or None
        With None, the share of iteration k is 6 / (pi k)^2, which adds up to 1.
    iteration : int
        From 1.
    """
    return 1 - 0.05 * (1 / max_iterations if max_iterations else 6 / (np.pi * iteration) ** 2)
