"""The outcomes of the glass models of a study, read from their files."""

from pathlib import Path

from gapglass.base.files import read_json


def of_models(paths):
    """Return the outcome of every glass model.

    Parameters
    ----------
    paths : iterable of path-like
        glass/{potential}/{atoms}/{replica}/outcome.json.

    Returns
    -------
    dict
        "{potential}_{atoms}_{replica}" -> outcome, in the order of the paths.
    """
    return {"_".join(Path(path).parts[-4:-1]): read_json(path) for path in paths}


def entries_of_models(paths, key):
    """Return the entry of this key of every glass model that has it and whose entry is not empty, as ``of_models``."""
    return {model: outcome[key] for model, outcome in of_models(paths).items() if outcome.get(key)}
