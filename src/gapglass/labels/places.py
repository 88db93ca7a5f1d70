"""Where the labels of a study lie: folders and files of its sets and of its store, all with the same settings.

Rules and checks of a configuration import this module, so it loads no arrays and reads no frames.
"""

from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.labels import settings as label_settings


def folders(labels):
    """Return the folders whose labels a study may use: sets in their order, then those of the store, by name.

    Parameters
    ----------
    labels : dict
        Section ``labels`` of the configuration.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    UserError
        When a set is absent, there is no label at all, or the labels are of different settings and
        ``labels.settings`` does not choose.
    """
    named = [Path(folder) for folder in labels["sets"]]
    for folder in named:
        if not folder.is_dir():
            raise UserError(f"labels.sets names {folder}, and there is no such folder; mend the path")
    stored = sorted(path.parent for path in Path(labels["store"]).glob(f"*/{label_settings.FILE}"))
    found = {folder: label_settings.read(folder) for folder in [*named, *stored]}
    chosen = label_settings.choose(found, labels["settings"])
    return [folder for folder, settings in found.items() if settings.fingerprint == chosen.fingerprint]


def inputs_of(labels):
    """Return the files of the user on which the labels of an engine depend.

    Parameters
    ----------
    labels : dict
        Section ``labels`` of the configuration.
    """
    single = [labels[name] for name in ("template", "fallback", "incar", "kpoints")]
    return [str(name) for name in (*single, *labels["potcars"].values(), *labels["files"]) if name]


def files_of(labels):
    """Return the files with the labels of a study, sorted by folder; nothing for an engine, which labels later.

    Parameters
    ----------
    labels : dict
        As for ``folders``.

    Returns
    -------
    list of str

    Raises
    ------
    UserError
        As for ``folders``.
    """
    found = []
    for folder in folders(labels) if labels["engine"] == "none" else []:
        frames = {path for name in ("*.extxyz", "*.extxyz.*") for path in folder.glob(name) if path.name[0] != "."}
        found += [str(path) for path in (folder / label_settings.FILE, *sorted(frames))]
    return found
