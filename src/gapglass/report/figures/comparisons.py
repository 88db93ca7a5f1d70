"""The figures of the structure: which models, experiments and curves each of them compares.

Tables are given as model -> table, with the names of ``study.paths``: reference, {potential}_{atoms},
experiment_{name}. The first two figures of the paper's kind show the largest model of the main potential.
"""

from gapglass.report.figures import network, structure, style
from gapglass.structure import experiment, transforms, weights

EXPERIMENT = "experiment_"


def drawn(names, tables, *, main, compared, cutoffs, experiments, settings, doubted=()):
    """Yield (name, (figure, table of the numbers drawn)) of every figure of the structure.

    Parameters
    ----------
    names : collection of str
        Figures to draw; those that every study has are drawn in any case.
    tables : dict
        "sq" and "gr" -> {model: table}, with reference and experiments; "coordination", "angles", "rings",
        "network" and "voids" -> {model: table} without experiments.
    main : str
        Potential whose models the figures of one model show.
    compared : list of int
        Sizes (atoms) that all potentials have.
    cutoffs : dict
        ``structure.coordination_cutoffs``.
    experiments : list of dict
        ``structure.experiments``.
    settings : dict
        ``q_max`` and ``window`` of section ``structure``.
    doubted : collection of str
        Models with a glass that is not to be believed; the legends mark them.
    """
    figures = _drawn(names, tables, main, compared, cutoffs, experiments, settings)
    for name, figure in figures:
        yield name, style.marked(figure, _labels(doubted, main, compared, name))


def _labels(doubted, main, compared, figure):
    """Return the texts by which the legends of a figure call the doubted models."""
    parts = [model.rsplit("_", 1) for model in doubted]
    if figure.endswith("_sizes"):
        return {f"{atoms} atoms" for potential, atoms in parts if potential == main}
    if figure.endswith("_potentials"):
        return {potential for potential, atoms in parts if int(atoms) in compared}
    return {style.model_label(model) for model in doubted}


def _drawn(names, tables, main, compared, cutoffs, experiments, settings):
    """Yield the figures of ``drawn`` without marks."""
    sq, gr = tables["sq"], tables["gr"]
    yield from _of_one_model(sq, gr, main, experiments, common_windows(experiments, settings, sq))
    sq, gr = without_experiments(sq), without_experiments(gr)
    yield "running_coordination", structure.running_coordination(gr, cutoffs)
    yield "voids", structure.voids(tables["voids"])
    if "coordination" in names:
        yield "coordination", structure.coordination(tables["coordination"])
        yield "bond_angles", structure.bond_angles(tables["angles"])
    if "rings" in names:
        yield "rings", network.rings(tables["rings"])
    if "network" in names:
        yield "network", network.network(tables["network"])
    if "structure_factor_sizes" in names:
        yield from _of_sizes(sq, gr, main)
    if "pair_distribution_potentials" in names:
        yield from _of_potentials(gr, compared)


def _of_one_model(sq, gr, main, experiments, windows):
    """Yield S(q) and G(r) of the largest model of the main potential beside the reference and experiments."""

    def of(tables, radiation=None):
        return shown(tables, main, experiments, radiation)

    def measured(radiation):
        return with_window_of_experiments(of(gr, radiation), sq, radiation, windows)

    yield "structure_factor", structure.curves(of(sq, "xray"), ["S_X"])
    yield "partial_structure_factors", structure.curves(of(sq), structure.partial_columns(sq, "S"))
    yield "pair_distribution", structure.curves(measured("xray"), ["G_X"])
    yield "partial_pair_distributions", structure.curves(of(gr), structure.partial_columns(gr, "g"))
    yield "neutron_structure_factor", structure.curves(of(sq, "neutron"), ["S_N"])
    yield "neutron_pair_distribution", structure.curves(measured("neutron"), ["G_N"])


def _of_sizes(sq, gr, main):
    """Yield the models of the main potential, size by size, on the reference."""
    for kind, found, total, partial in (
        ("structure_factor", sq, "S_X", "S"),
        ("pair_distribution", gr, "G_X", "g"),
    ):
        groups, reference = {"": by_size(found, main)}, found["reference"]
        yield f"{kind}_sizes", structure.stacked(groups, reference, [total])
        columns = structure.partial_columns(found, partial)
        yield f"partial_{kind}s_sizes", structure.stacked(groups, reference, columns)


def _of_potentials(gr, sizes):
    """Yield the models of all potentials beside each other, a column of panels per size."""
    groups, reference = by_potential(gr, sizes), gr["reference"]
    yield "pair_distribution_potentials", structure.stacked(groups, reference, ["G_X"])
    columns = structure.partial_columns(gr, "g")
    yield "partial_pair_distributions_potentials", structure.stacked(groups, reference, columns)


def shown(tables, main, experiments=(), radiation=None):
    """Return the reference, the largest model of the main potential and the experiments with one radiation.

    Parameters
    ----------
    tables : dict
        Model -> table.
    main : str
        Potential.
    experiments : list of dict
        ``structure.experiments``.
    radiation : {"xray", "neutron"}, optional
        Without it, no experiment is returned.

    Returns
    -------
    dict
        Model -> table. The largest model is absent where no model of the potential has a structure, an experiment
        where its table has no rows, because it was measured over the other variable.
    """
    sizes = [int(name.rsplit("_", 1)[1]) for name in tables if name.startswith(f"{main}_")]
    names = ["reference", *([f"{main}_{max(sizes)}"] if sizes else [])]
    names += [
        f"{EXPERIMENT}{entry['name']}"
        for entry in experiments
        if entry["radiation"] == radiation and len(tables.get(f"{EXPERIMENT}{entry['name']}", ()))
    ]
    return {name: tables[name] for name in names}


def common_windows(experiments, settings, sq):
    """Return Q_max (1/Å) and window of every measured G(r) by the name of its experiment.

    Parameters
    ----------
    experiments, settings
        As for ``drawn``.
    sq : dict
        Model -> table of S(q), with the experiments.
    """
    return {
        entry["name"]: experiment.common_window(
            entry, settings, sq[f"{EXPERIMENT}{entry['name']}"]["q_inverse_angstrom"].to_numpy()
        )
        for entry in experiments
    }


def with_window_of_experiments(gr, sq, radiation, windows):
    """Return the G(r) of the models transformed with Q_max and window of the measured curves beside them.

    Parameters
    ----------
    gr : dict
        Model -> table of G(r), from ``shown``.
    sq : dict
        Model -> table of S(q).
    radiation : {"xray", "neutron"}
    windows : dict
        From ``common_windows``.

    Returns
    -------
    dict
        ``gr`` unchanged where there is no measured curve, or where two differ in Q_max or window.
    """
    measured = {windows[name.removeprefix(EXPERIMENT)] for name in gr if name.startswith(EXPERIMENT)}
    if len(measured) != 1:
        return gr
    q_max, window = measured.pop()
    column = f"G_{weights.TOTALS[radiation]}"
    transformed = {}
    for name, table in gr.items():
        transformed[name] = table
        if not name.startswith(EXPERIMENT):
            values = transforms.model_g(sq[name], table["r_angstrom"].to_numpy(), radiation, q_max, window)
            transformed[name] = table[["r_angstrom"]].assign(**{column: values})
    return transformed


def without_experiments(tables):
    """Return model -> table without the experiments."""
    return {name: table for name, table in tables.items() if not name.startswith(EXPERIMENT)}


def by_size(tables, main):
    """Return "{atoms} atoms" -> table of the models of one potential."""
    return {f"{name.rsplit('_', 1)[1]} atoms": table for name, table in tables.items() if name.startswith(f"{main}_")}


def by_potential(tables, sizes):
    """Return "{atoms} atoms" -> {potential: table} of the models of given sizes (atoms)."""
    return {
        f"{atoms} atoms": {
            name.rsplit("_", 1)[0]: table for name, table in tables.items() if name.endswith(f"_{atoms}")
        }
        for atoms in sizes
    }
