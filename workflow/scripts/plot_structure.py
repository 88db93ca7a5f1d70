"""Figures of the structure: models against reference and experiments, size by size, potential by potential."""

from pathlib import Path

from gapglass.base import log
from gapglass.report.figures import structure, style
from gapglass.structure import absence, experiment, transforms, weights

log.configure(snakemake.log[0], "plot_structure", snakemake.params)
wanted = {Path(path).stem for path in snakemake.output}
main = snakemake.params.main
radiations = {entry["name"]: entry["radiation"] for entry in snakemake.params.experiments}


def tables(paths):
    """Return model -> table, without the models that have no structure."""
    return {Path(path).parent.name: table for path, table in absence.read_present(paths).items()}


def shown(found, radiation=None):
    """Return the reference, the largest model of the main potential and, for a radiation, the experiments made with it."""
    sizes = [int(name.rsplit("_", 1)[1]) for name in found if name.startswith(f"{main}_")]
    names = ["reference", *([f"{main}_{max(sizes)}"] if sizes else [])]
    names += [
        f"experiment_{name}"
        for name, kind in radiations.items()
        if kind == radiation and len(found.get(f"experiment_{name}", ()))
    ]
    return {name: found[name] for name in names}


def with_their_window(found, radiation):
    """Return the models' G(r) made anew with Q_max and window of the measured curves, where these have one in common."""
    measured = [windows[name.removeprefix("experiment_")] for name in found if name.startswith("experiment_")]
    if len({tuple(window) for window in measured}) != 1:
        return found
    column = f"G_{weights.TOTALS[radiation]}"
    remade = {}
    for name, table in found.items():
        remade[name] = table
        if not name.startswith("experiment_"):
            values = transforms.model_g(sq[name], table["r_angstrom"].to_numpy(), radiation, *measured[0])
            remade[name] = table[["r_angstrom"]].assign(**{column: values})
    return remade


def save(name, drawn):
    """Write a figure of this name."""
    style.save(drawn, snakemake.output, name)


sq, gr = tables(snakemake.input.sq), tables(snakemake.input.gr)
windows = {
    entry["name"]: experiment.common_window(
        entry, snakemake.params.settings, sq[f"experiment_{entry['name']}"]["q_inverse_angstrom"].to_numpy()
    )
    for entry in snakemake.params.experiments
}
partials = {"S": structure.partial_columns(sq, "S"), "g": structure.partial_columns(gr, "g")}
save("structure_factor", structure.curves(shown(sq, "xray"), ["S_X"]))
save("partial_structure_factors", structure.curves(shown(sq), partials["S"]))
save("pair_distribution", structure.curves(with_their_window(shown(gr, "xray"), "xray"), ["G_X"]))
save("partial_pair_distributions", structure.curves(shown(gr), partials["g"]))
save("neutron_structure_factor", structure.curves(shown(sq, "neutron"), ["S_N"]))
save("neutron_pair_distribution", structure.curves(with_their_window(shown(gr, "neutron"), "neutron"), ["G_N"]))
sq, gr = ({name: table for name, table in found.items() if not name.startswith("experiment_")} for found in (sq, gr))
save("running_coordination", structure.running_coordination(gr, snakemake.params.cutoffs))
if "coordination" in wanted:
    save("coordination", structure.coordination(tables(snakemake.input.coordination)))
    save("bond_angles", structure.bond_angles(tables(snakemake.input.angles)))
if "structure_factor_sizes" in wanted:
    for kind, found, total in (("structure_factor", sq, "S_X"), ("pair_distribution", gr, "G_X")):
        sizes = {
            f"{name.rsplit('_', 1)[1]} atoms": table for name, table in found.items() if name.startswith(f"{main}_")
        }
        save(f"{kind}_sizes", structure.stacked({"": sizes}, found["reference"], [total]))
        save(
            f"partial_{kind}s_sizes",
            structure.stacked({"": sizes}, found["reference"], partials[total[0] if total == "S_X" else "g"]),
        )
if "pair_distribution_potentials" in wanted:
    by_size = {
        f"{atoms} atoms": {name.rsplit("_", 1)[0]: table for name, table in gr.items() if name.endswith(f"_{atoms}")}
        for atoms in snakemake.params.compared
    }
    save("pair_distribution_potentials", structure.stacked(by_size, gr["reference"], ["G_X"]))
    save("partial_pair_distributions_potentials", structure.stacked(by_size, gr["reference"], partials["g"]))
