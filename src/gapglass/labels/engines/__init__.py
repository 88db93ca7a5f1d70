"""Engines: the codes that compute labels, behind one interface (``engine.Engine``)."""

from gapglass.base.errors import UserError
from gapglass.labels.engines.command import Command
from gapglass.labels.engines.cp2k import Cp2k
from gapglass.labels.engines.espresso import Espresso
from gapglass.labels.engines.vasp import Vasp

ENGINES = {engine.name: engine for engine in (Cp2k, Espresso, Vasp, Command)}


def create(section):
    """Return the engine of the section ``labels``.

    Raises
    ------
    UserError
        When the section names no known engine.
    """
    name = section.get("engine")
    if name not in ENGINES:
        raise UserError(f"labels.engine is {name!r}; known: {', '.join(ENGINES)}, or none")
    return ENGINES[name](section)
