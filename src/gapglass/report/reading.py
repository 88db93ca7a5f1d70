"""Files of a study that figures, tables and the report read by the name of their folder, a model or a potential."""

from pathlib import Path

from gapglass.base.files import read_table
from gapglass.structure import absence


def by_folder(paths, read=read_table):
    """Return the content of files by the name of their folder.

    Parameters
    ----------
    paths : list of path-like
        One file of every model or potential, {name}/{file}.
    read : callable
        Path -> content.

    Returns
    -------
    dict
        Name -> content, in the order of the paths.
    """
    return {Path(path).parent.name: read(path) for path in paths}


def present(paths):
    """Return model -> structure table, without the models that have no structure."""
    return {Path(path).parent.name: table for path, table in absence.read_present(paths).items()}


def of_crystals(paths, read=read_table):
    """Return potential -> crystal -> content of files {potential}/crystals/{crystal}.{kind}."""
    found = {}
    for path in map(Path, paths):
        found.setdefault(path.parts[-3], {})[path.stem] = read(path)
    return found
