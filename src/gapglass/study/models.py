"""The glass models of a study: sizes and replicas that each potential makes, and the potential that the figures show.

A model is a potential and a number of atoms; its replicas are independent quenches. "Paper" below is
doi:10.1111/jace.20128.
"""


def main_potential(config):
    """Return the potential whose models the paper's figures 5 to 8 show: ``optimal`` where the study has it."""
    variants = config["potential"]["variants"]
    return "optimal" if "optimal" in variants else variants[0]


def sizes_of(config, potential):
    """Return the sizes (atoms) of the models of a potential, ascending."""
    glass = config["glass"]
    return sorted(glass["sizes"] if potential == "optimal" else glass["comparison_sizes"] or glass["sizes"])


def compared_sizes(config):
    """Return the sizes (atoms) that all potentials have in common, ascending."""
    sizes = [set(sizes_of(config, potential)) for potential in config["potential"]["variants"]]
    return sorted(set.intersection(*sizes))


def replicas_of(config, potential, atoms):
    """Return the number of replicas of a model.

    Parameters
    ----------
    config : dict
        The completed configuration.
    potential : str
    atoms : int
        One of ``glass.sizes``.

    Returns
    -------
    int
        ``glass.comparison_replicas`` for potentials other than ``optimal``, if it is given; else ``glass.replicas``,
        of which a list holds a number for each of ``glass.sizes`` in their order.

    Raises
    ------
    KeyError
        With a message that names the sizes, when a list has no number for this one.
    """
    glass = config["glass"]
    if potential != "optimal" and glass["comparison_replicas"] is not None:
        return glass["comparison_replicas"]
    if not isinstance(glass["replicas"], list):
        return glass["replicas"]
    if atoms not in glass["sizes"]:
        raise KeyError(f"glass.sizes has no {atoms}; there are {', '.join(map(str, glass['sizes']))}")
    return glass["replicas"][glass["sizes"].index(atoms)]


def all_replicas(config):
    """Return (potential, atoms) -> number of replicas of every model of a study, ordered by potential and size."""
    return {
        (potential, atoms): replicas_of(config, potential, atoms)
        for potential in config["potential"]["variants"]
        for atoms in sizes_of(config, potential)
    }
