"""Checks of section ``harvest``: what a study needs whose potential asks for frames."""


def problems(config):
    """Yield the problems of ``harvest``."""
    harvest, potential = config["harvest"], config["potential"]
    if not harvest["rounds"]:
        return
    if "optimal" not in potential["variants"]:
        yield "`harvest.rounds`: only optimal harvests, and `potential.variants` lacks it; add it, or set rounds: 0"
    if potential["fitter"] != "engine":
        yield (
            "`harvest.rounds`: predicted deviations need `potential.fitter: engine`; set it, or set harvest.rounds: 0"
        )
    if config["active_learning"]["stop"] != "validation":
        yield (
            "`harvest.rounds`: frames are compared with those of the validation, which `active_learning.stop: "
            "validation` sets aside; set it, or set harvest.rounds: 0"
        )
    if harvest["atoms"] is None:
        yield "`harvest.atoms` is missing; give the number of atoms that you can label, as the frames have it"
        return
    formula = sum(config["glass"].get("composition", {}).values())
    if formula and harvest["atoms"] % formula:
        nearest = max(1, harvest["atoms"] // formula) * formula
        yield (
            f"`harvest.atoms` is {harvest['atoms']}; allowed: multiples of the {formula} atoms in a formula unit; use "
            f"{nearest}"
        )
