"""Readers of trajectories: one module per code; all yield the same raw frames in the units of ``gapglass.base.units``.

``source_of`` recognises a file and finds the files that belong to it; ``gapglass.frames.trajectory.read_raw`` yields
its frames. Snakemake imports this package whenever it reads the workflow, so the readers import ``ase.io`` and
``ase.db`` only when they yield frames.
"""

from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.frames.readers import ase_files, cp2k, cpmd, espresso, extxyz, ipi, lammps_dump, vasp
from gapglass.frames.readers.opening import bare_name, first_bytes
from gapglass.frames.readers.records import Source

__all__ = [
    "FORMATS",
    "KEYS_OF_FRAMES",
    "WITH_KEYS",
    "Source",
    "bare_name",
    "check_families",
    "files_of",
    "recognise",
    "source_of",
]
# Extended XYZ is the last, because it recognises every file that begins with a number of atoms.
FORMATS = {
    form.name: form
    for module in (vasp, espresso, lammps_dump, ase_files, ipi, cp2k, cpmd, extxyz)
    for form in module.FORMATS
}
# Formats whose frames have keys, to which `where`, `temperature_key` and `weight_key` refer.
WITH_KEYS = ("extxyz", "ase_traj", "ase_db")
# These keys of the configuration, and what to do without them.
KEYS_OF_FRAMES = {
    "where": "cut with start and stop",
    "temperature_key": "give temperature",
    "weight_key": "give weight",
}


def recognise(path):
    """Return the name of the format of a file, or None if no format fits.

    The name decides for a file that ends in .extxyz, which may be corrupt, unless CP2K wrote it without labels; the
    content decides for all others.
    """
    path = Path(path)
    name = bare_name(path)
    head = first_bytes(path)
    if name.endswith(".extxyz"):
        return "cp2k" if cp2k.recognises(name, head) else "extxyz"
    return next((form.name for form in FORMATS.values() if form.recognises(name, head)), None)


def source_of(entry):
    """Return the source for an entry of ``trajectories``, with the companions found beside its file.

    Parameters
    ----------
    entry : dict
        Completed item of ``trajectories``.

    Raises
    ------
    UserError
        When the file or a named companion is absent, the format is not recognised, or the format does not use a key of
        the entry.
    """
    path = Path(entry["file"])
    if not path.is_file():
        raise UserError(
            f"trajectory {entry['name']!r}: there is no file {path}; mend trajectories.file (relative to {Path.cwd()})"
        )
    name = entry.get("format") or "auto"
    chosen = recognise(path) if name == "auto" else name
    if chosen is None:
        raise UserError(
            f"trajectory {entry['name']!r}: {path} is of no format that is known by its content; "
            f"give `format`, one of {', '.join(FORMATS)}"
        )
    _refuse_unused_keys(entry, chosen, path)
    return Source(
        name=entry["name"],
        path=path,
        format=chosen,
        companions=_companions(entry, chosen, path),
        keys=entry.get("keys") or {},
        key_units=entry.get("key_units") or {},
        species=entry.get("species") or None,
        cell=entry.get("cell") or None,
        lammps_units=entry.get("lammps_units") or None,
    )


def _refuse_unused_keys(entry, chosen, path):
    """Refuse keys of the entry that have no effect on the format ``chosen``."""
    form = FORMATS[chosen]
    for key in ("keys", "key_units", "companions", "species", "cell", "lammps_units"):
        if entry.get(key) and key not in form.options:
            raise UserError(
                f"trajectory {entry['name']!r}: `{key}` has no effect on {path}, which is read as {chosen}; drop it"
            )
    for key, instead in KEYS_OF_FRAMES.items():
        if entry.get(key) and chosen not in WITH_KEYS:
            raise UserError(
                f"trajectory {entry['name']!r}: `{key}` looks at keys of the frames, "
                f"which {path}, read as {chosen}, does not have; {instead}"
            )


def _companions(entry, chosen, path):
    """Return {what: path} of the files that belong to the main file; those of the entry replace those beside it."""
    form = FORMATS[chosen]
    companions = form.companions(path)
    for what, file in (entry.get("companions") or {}).items():
        if what not in form.accepts:
            raise UserError(
                f"trajectory {entry['name']!r}: `companions.{what}` is not a file of the format {chosen}; "
                f"known: {', '.join(form.accepts)}"
            )
        if not Path(file).is_file():
            raise UserError(f"trajectory {entry['name']!r}: there is no file {file} (companions.{what})")
        companions[what] = Path(file)
    if entry.get("cell") and "cell" in companions:
        raise UserError(
            f"trajectory {entry['name']!r}: `cell` is given, "
            f"but {companions['cell']} has the cells of every step; drop it"
        )
    return companions


def files_of(entry):
    """Return the paths of all files of an entry as text, the main one first.

    If the main file is absent, it is the only one.
    """
    if not Path(entry["file"]).is_file():
        return [entry["file"]]
    return [entry["file"], *map(str, source_of(entry).companions.values())]


def check_families(trajectories, energies_agree):
    """Refuse trajectories of different codes in one study, unless the configuration states that their energies agree.

    Parameters
    ----------
    trajectories : list of dict
        Section ``trajectories``.
    energies_agree : bool
        ``import.energies_agree``.

    Raises
    ------
    UserError
    """
    families = {}
    for entry in trajectories:
        families.setdefault(FORMATS[source_of(entry).format].family, []).append(entry["name"])
    if len(families) > 1 and not energies_agree:
        found = "; ".join(f"{family}: {', '.join(names)}" for family, names in families.items())
        raise UserError(
            f"the trajectories come from different codes ({found}). Total energies of two codes, or of one with other "
            "pseudopotentials or functionals, differ by constants and more, which a fit on both would take for "
            "physics. If these do agree (the same frame computed by both shows it), "
            "set `import: {energies_agree: true}`"
        )
