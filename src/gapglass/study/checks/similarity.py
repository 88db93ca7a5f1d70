"""Checks of sections ``descriptors``, ``kernels`` and ``clustering``."""

from gapglass.similarity.soap import GTO_CUTOFF_ABOVE
from gapglass.study.paths import delta_text


def problems(config):
    """Yield the problems of sections ``descriptors``, ``kernels`` and ``clustering``."""
    yield from _coulomb_problems(config)
    soap = config["descriptors"]["soap"]
    if soap["radial_basis"] == "gto" and soap["cutoff"] <= GTO_CUTOFF_ABOVE:
        yield (
            f"`descriptors.soap.cutoff` is {soap['cutoff']}; radial_basis gto needs more than {GTO_CUTOFF_ABOVE} Å; "
            "raise it"
        )
    yield from _delta_problems(config["clustering"])


def _coulomb_problems(config):
    """Yield contradictions between matrix, distances and permutation of the Coulomb descriptor and its kernel."""
    coulomb = config["descriptors"]["coulomb"]
    matrix, distances, permutation = (coulomb[key] for key in ("matrix", "distances", "permutation"))
    if permutation == "sorted_l2" and (distances == "minimum_image" or matrix != "coulomb"):
        how = "distances minimum_image" if matrix == "coulomb" else f"matrix {matrix}"
        yield (
            f"`descriptors.coulomb.permutation` is sorted_l2 with {how}: with the cell respected all "
            "row norms are nearly equal, their order is noise and the clusters are destroyed; "
            "use permutation none or eigenspectrum, or matrix coulomb with distances as_given"
        )
    if distances == "minimum_image" and matrix != "coulomb":
        yield (
            f"`descriptors.coulomb.distances` has no effect on the {matrix} matrix, which respects the cell by "
            "itself; drop it"
        )
    if permutation == "eigenspectrum" and config["kernels"]["coulomb"]["averaging"] == "environments":
        yield (
            "`kernels.coulomb.averaging` is environments with descriptors.coulomb.permutation eigenspectrum: "
            "eigenvalues belong to no atom, so there are no rows to compare; use permutation none or sorted_l2, "
            "or averaging fingerprint"
        )


def _delta_problems(clustering):
    """Yield the problems of ``clustering.deltas``: none to choose from, or two with the same name of their files."""
    deltas = clustering["deltas"]
    if clustering["choose_from"] == "interior" and not any(0 < delta < 1 for delta in deltas):
        yield (
            f"`clustering.deltas` is {deltas}; at least one value must lie inside 0 < delta < 1; add one, or set "
            "choose_from all"
        )
    if len({delta_text(delta) for delta in deltas}) < len(deltas):
        yield f"`clustering.deltas` is {deltas}; two values are written alike with six digits; drop one"
