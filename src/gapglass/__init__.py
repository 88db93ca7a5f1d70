"""gapglass: from first-principles trajectories of a glass to a small, proven Gaussian approximation potential.

Each folder is a room. A room imports only rooms below it, and none imports Snakemake. From the ground up: base,
frames, similarity, clustering and selection, potential, glass and structure, active_learning, study, report. Method:
Shuaib et al., doi:10.1111/jace.20128.
"""

__version__ = "0.2.0"
