"""gapglass: from first-principles trajectories of a glass to a small, proven Gaussian approximation potential.

The modules follow the data: trajectory, descriptors, kernels, clustering, sampling,
hyperparameters, gap, active_learning, lammps, glass, structure, plots, report.
Nothing in here imports Snakemake. Method: Shuaib et al., doi:10.1111/jace.20128.
"""

__version__ = "0.1.0"
