"""The glass models of a study: the sizes that each potential makes, and the potential that the figures show.

A model is a potential and a number of atoms. "Paper" below is doi:10.1111/jace.20128.
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
