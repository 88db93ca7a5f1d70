"""All figures and tables, their numbers in the paper (doi:10.1111/jace.20128), and the rule that makes each.

The list depends on the configuration: a study with one size or one potential has nothing to compare.
"""

from dataclasses import dataclass
from pathlib import Path

from gapglass.study.models import main_potential, sizes_of


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name : str
        Stem of its files.
    paper : str
        Number in the paper, empty where the paper does not have it.
    rule : str
        Rule that draws it.
    caption : str
        Stem of the file with its caption.
    section : str
        Section of Snakemake's report.
    """

    name: str
    paper: str
    rule: str
    caption: str
    section: str


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    name : str
        Stem of its file.
    paper : str
        Number in the paper, empty where the paper does not have it.
    content : str
        Description in a few words.
    """

    name: str
    paper: str
    content: str


CLUSTERS = (
    Figure("delta", "Figure 2", "plot_clusters", "delta", "Clusters"),
    Figure("clusters", "Figure 3", "plot_clusters", "clusters", "Clusters"),
    Figure("map", "Figure 4", "plot_clusters", "map", "Clusters"),
    Figure("clusters_by_delta", "Figures S2 to S6", "plot_clusters", "clusters_by_delta", "Clusters"),
)
POTENTIALS = (
    Figure("active_learning", "", "plot_potentials", "active_learning", "Potential"),
    Figure("cost", "", "plot_potentials", "cost", "Potential"),
    Figure("dimers", "", "plot_potentials", "dimers", "Potential"),
    Figure("parity", "Figure S7", "plot_potentials", "parity", "Potential"),
)
ERRORS_BY_TEMPERATURE = Figure("errors_by_temperature", "", "plot_potentials", "errors_by_temperature", "Potential")
EQUATIONS_OF_STATE = Figure("equations_of_state", "", "plot_potentials", "equations_of_state", "Potential")
GLASS = (
    Figure("melt_quench", "", "plot_glass", "melt_quench", "Glass"),
    Figure("quench", "", "plot_quench", "quench", "Glass"),
    Figure("displacements", "", "plot_quench", "displacements", "Glass"),
)
STRUCTURE = (
    Figure("structure_factor", "Figure 5", "plot_structure", "structure_factor", "Structure"),
    Figure("partial_structure_factors", "Figure 6", "plot_structure", "structure_factor", "Structure"),
    Figure("pair_distribution", "Figure 7", "plot_structure", "pair_distribution", "Structure"),
    Figure("partial_pair_distributions", "Figure 8", "plot_structure", "partial_pair_distributions", "Structure"),
    Figure("neutron_structure_factor", "", "plot_structure", "neutron_structure_factor", "Structure"),
    Figure("neutron_pair_distribution", "", "plot_structure", "neutron_pair_distribution", "Structure"),
    Figure("running_coordination", "", "plot_structure", "running_coordination", "Structure"),
    Figure("voids", "", "plot_structure", "voids", "Structure"),
)
LOCAL_ORDER = (
    Figure("coordination", "Tables S4, S5 as bars", "plot_structure", "coordination", "Structure"),
    Figure("bond_angles", "", "plot_structure", "bond_angles", "Structure"),
)
RINGS = Figure("rings", "", "plot_structure", "rings", "Structure")
NETWORK = Figure("network", "", "plot_structure", "network", "Structure")
VIBRATIONS = Figure("vibrations", "", "plot_vibrations", "vibrations", "Glass")
RATES = Figure("rates", "", "plot_rates", "rates", "Structure")
SIZES = (
    Figure("structure_factor_sizes", "Figure S8", "plot_structure", "structure_factor", "Structure"),
    Figure("partial_structure_factors_sizes", "Figure S9", "plot_structure", "structure_factor", "Structure"),
    Figure("pair_distribution_sizes", "Figure S10", "plot_structure", "pair_distribution", "Structure"),
    Figure(
        "partial_pair_distributions_sizes", "Figure S11", "plot_structure", "partial_pair_distributions", "Structure"
    ),
)
COMPARISON = (
    Figure("pair_distribution_potentials", "Figure S12", "plot_structure", "pair_distribution", "Structure"),
    Figure(
        "partial_pair_distributions_potentials",
        "Figure S13",
        "plot_structure",
        "partial_pair_distributions",
        "Structure",
    ),
)
LEARNING_CURVES = (
    Figure("learning_curves", "", "plot_learning_curves", "learning_curves", "Learning curves"),
    Figure("learning_curves_allocation", "", "plot_learning_curves", "learning_curves", "Learning curves"),
)
# Variants of the strategies, in a figure of their own.
ALLOCATIONS = {
    "clusters_equal", "clusters_energy_spread", "clusters_medoids", "clusters_soap_only", "rmsd_hdbscan",
    "largest_residual", "variance_per_cluster",
}  # fmt: skip
TABLES = (
    Table("coordination", "Table 1", "coordination numbers of every model beside the reference"),
    Table("hyperparameters", "Table S1", "hyperparameters of every potential and the ranges searched"),
    Table("cost", "Table S2", "wall time, CPU time and peak memory of every rule"),
    Table("r_x", "Table S3", "Wright parameter R_X of every model against reference and experiments"),
    Table("l_fold", "Tables S4, S5", "share of atoms with l neighbours"),
    Table("errors", "section 3.2", "errors of the potentials, also on the frames that none of the loops used"),
    Table("crystals", "", "lattice, energies and elastic constants of the crystals of validation.structures"),
    Table("closest_approach", "", "closest distance, first peak and first minimum of every pair"),
    Table("glass_transition", "", "glass transition of every model from enthalpy and volume"),
    Table("density", "", "density of the stages at constant pressure, of reference and experiments"),
    Table(
        "thermal_expansion", "", "volumetric expansion of glass and liquid at constant pressure, and of the reference"
    ),
    Table("rings", "", "primitive rings per network former by size"),
    Table("network", "", "Q^n, bridging species, shared corners, edges and faces"),
)
TABLE_OF_RATES = Table("rates", "", "the glass against the cooling rate")


def tables(config):
    """Return every table of a study."""
    return [*TABLES, *([TABLE_OF_RATES] if config["glass"]["rates"] else [])]


def listed(config):
    """Return every figure that ``snakemake figures`` makes for a configuration, in the order of the report."""
    variants = config["potential"]["variants"]
    figures = [*CLUSTERS]
    if set(variants) & {"optimal", "soap_only"}:
        figures += POTENTIALS[:2]
    figures += POTENTIALS[2:]
    if len(variants) > 1:
        figures.append(ERRORS_BY_TEMPERATURE)
    if config["validation"]["structures"]:
        figures.append(EQUATIONS_OF_STATE)
    figures += GLASS
    if config["glass"]["vibrations"]:
        figures.append(VIBRATIONS)
    figures += STRUCTURE
    if config["structure"]["coordination_cutoffs"]:
        figures += LOCAL_ORDER
    if config["structure"]["network"]["formers"]:
        figures.append(RINGS)
    if config["structure"]["network"]["bridges"]:
        figures.append(NETWORK)
    if config["glass"]["rates"]:
        figures.append(RATES)
    if len(sizes_of(config, main_potential(config))) > 1:
        figures += SIZES
    if len(variants) > 1:
        figures += COMPARISON
    return figures


def learning(config):
    """Return the figures of the learning curves for the strategies of a configuration."""
    strategies = set(config["learning_curves"]["strategies"])
    main, allocation = LEARNING_CURVES
    return [*([main] if strategies - ALLOCATIONS else []), *([allocation] if strategies & ALLOCATIONS else [])]


def every(config):
    """Return every figure of a study, those of the learning curves last."""
    return [*listed(config), *learning(config)]


def caption_file(figure):
    """Return the file with the caption of a figure, a template that Snakemake's own report can read too."""
    return Path(__file__).parent / "captions" / f"{figure.caption}.rst"


def readme(config):
    """Return figures/README.md: every file with its figure or table of the paper, and the rule that makes it."""
    lines = [
        f"# Figures and tables of {config['study']}",
        "",
        "Made by `snakemake figures`. Every figure stands here as PDF, as PNG (also on a dark ground, `.dark.png`) "
        "and as CSV with the numbers drawn.",
        "Paper: Shuaib et al., J. Am. Ceram. Soc. 108 (2025) e20128, doi:10.1111/jace.20128; "
        "a dash marks what the paper does not have.",
        "",
        "| paper | file | rule |",
        "|---|---|---|",
    ]
    lines += [
        f"| {figure.paper or '-'} | `{figure.name}.pdf`, `.png`, `.csv` | `{figure.rule}` |"
        for figure in listed(config)
    ]
    lines += [
        f"| - | `{figure.name}.pdf`, `.png`, `.csv` (after `snakemake learning_curves`) | `{figure.rule}` |"
        for figure in learning(config)
    ]
    lines += ["", "| paper | table | content |", "|---|---|---|"]
    lines += [f"| {table.paper or '-'} | `../tables/{table.name}.csv` | {table.content} |" for table in tables(config)]
    return "\n".join(lines) + "\n"
