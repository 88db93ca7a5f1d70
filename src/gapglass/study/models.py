"""Which figures and tables there are, which of the paper's they are, and the rule that makes each.

Paper: doi:10.1111/jace.20128. The list depends on the configuration: with one size or one potential there is nothing to compare.
"""


def main_potential(config):
    """Return the potential whose models figures 5 to 8 show: ``optimal`` where it is made."""
    variants = config["potential"]["variants"]
    return "optimal" if "optimal" in variants else variants[0]


def sizes_of(config, potential):
    """Return the sizes of the models made with a potential, ascending."""
    glass = config["glass"]
    return sorted(glass["sizes"] if potential == "optimal" else glass["comparison_sizes"] or glass["sizes"])


def compared_sizes(config):
    """Return the sizes made with every potential, ascending."""
    sizes = [set(sizes_of(config, potential)) for potential in config["potential"]["variants"]]
    return sorted(set.intersection(*sizes))
