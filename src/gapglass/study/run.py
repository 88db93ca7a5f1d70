"""Start of a run with Snakemake: the workflow that gapglass carries, its profiles, and one run at a time in a folder.

The workflow and the profiles have one place, the folders ``workflow``, ``envs`` and ``profiles`` of the sources. In a
checkout they are used where they are; a wheel carries them in ``gapglass/share`` (``pyproject.toml``).
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import gapglass
from gapglass.base.errors import UserError
from gapglass.potential.build import CHECKOUT

LOCK = ".run.lock"
SNAKEMAKE_LOCKS = Path(".snakemake/locks")


def shipped(name):
    """Return the path of a file or folder that gapglass carries beside the library.

    Parameters
    ----------
    name : str
        As in the checkout, for example ``workflow/Snakefile`` or ``profiles/slurm``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    UserError
        When neither the installed package nor a checkout around it has it.
    """
    for root in (Path(gapglass.__file__).parent / "share", CHECKOUT):
        if (root / name).exists():
            return root / name
    raise UserError(f"gapglass in {Path(gapglass.__file__).parent} has no {name}; install gapglass again")


def command(study, words):
    """Return the command that runs a study.

    Parameters
    ----------
    study : str
        Path of the configuration.
    words : list of str
        Targets and options of Snakemake. ``--profile slurm`` means the profile that gapglass carries, unless the user
        has one of this name.

    Returns
    -------
    list of str
    """
    words = _with_shipped_profile(words)
    # Snakemake finds profiles/default of the folder in which it starts by itself.
    if not Path("profiles/default").is_dir() and not _names(words, "--workflow-profile"):
        words += ["--workflow-profile", str(shipped("profiles/default"))]
    # The options stand behind those of the user: --configfile takes every word that follows it, also a target.
    snakefile = str(shipped("workflow/Snakefile"))
    ours = ["--snakefile", snakefile, "--logger", "gapglass", "--configfile", study]
    # -P: no module is taken from the folder in which the study runs.
    return [sys.executable, "-P", "-m", "snakemake", *words, *ours]


def start(study, words):
    """Replace this process by Snakemake, which runs a study in the folder of this process.

    Parameters
    ----------
    study, words
        As for ``command``.

    Raises
    ------
    UserError
        When another run is at work in this folder.
    """
    _hold_folder()
    arguments = command(study, words)
    if SNAKEMAKE_LOCKS.is_dir() and any(SNAKEMAKE_LOCKS.iterdir()):
        # The run itself tells what is wrong.
        subprocess.run([*command(study, ["--unlock", "--quiet", "all"])], check=False)
    os.execv(arguments[0], arguments)


def _hold_folder():
    """Take the lock of this folder, which Snakemake inherits and gives up when it ends.

    A process that ends in any way gives up its lock. So whoever holds it knows that a lock of Snakemake was left by a
    run that was killed, and may remove it.
    """
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError("another run is at work in this folder; wait for it or stop it") from None
    os.set_inheritable(lock, True)


def _names(words, option):
    """Return whether an option is among the words, with its value as the next word or behind `=`."""
    return any(word == option or word.startswith(f"{option}=") for word in words)


def _with_shipped_profile(words):
    """Return the words with the name of a profile that gapglass carries replaced by its path."""
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--profile=") else [word])]
    for place, word in enumerate(words[:-1]):
        name = words[place + 1]
        if word == "--profile" and name in _profiles() and not _of_user(name):
            words[place + 1] = str(shipped(f"profiles/{name}"))
    return words


def _profiles():
    """Return the names of the profiles that gapglass carries."""
    return [path.name for path in shipped("profiles").iterdir() if path.is_dir()]


def _of_user(name):
    """Return whether Snakemake finds a profile of this name itself, in this folder or in the user's settings."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return Path(name).exists() or (home / "snakemake" / name).exists()
