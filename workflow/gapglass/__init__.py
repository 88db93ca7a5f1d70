"""gapglass: from first-principles trajectories of a glass to a small, proven Gaussian approximation potential.

The modules follow the data: trajectory, descriptors, kernels, clustering, sampling,
hyperparameters, gap, active_learning, lammps, glass, neighbours, scattering, experiment, structure, plots, report.
Nothing in here imports Snakemake. Method: Shuaib et al., doi:10.1111/jace.20128.
"""

import os
from pathlib import Path

__version__ = "0.1.0"


def make_importable():
    """Let programs started from here import gapglass: scripts run in interpreters of their own, here or on a cluster node."""
    library = str(Path(__file__).resolve().parents[1])
    paths = [library, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
