"""Finding the external programs, the memory that they take, and how they end."""

import ctypes
import re
import shutil
import signal
import sys
from pathlib import Path

from gapglass.base.errors import REINSTALL, ProgramKilled, UserError

# What schedulers, the kernel and people send. A segmentation fault is not among them: that is the program's own.
FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU}


def program(name):
    """Return the path of a program of this Python environment, or of PATH.

    Raises
    ------
    UserError
        When it is absent.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise UserError(f"the program {name} is not installed beside {sys.executable} nor on PATH; {REINSTALL}")
    return found


def peak_so_far_mb(pid):
    """Return the peak resident memory of a running process (MB; pid "self" for this one), 0 where the system does not tell."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


def die_with_parent():
    """Make the kernel end this process with its parent; for ``preexec_fn``, so that a killed job leaves no program running behind it."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def refuse_killed(name, status, output, hint):
    """Raise ``ProgramKilled`` when a program was ended from outside or for want of disk space.

    Parameters
    ----------
    name : str
    status : int
        As ``subprocess`` gives it: minus the signal's number.
    output : str
        What the program printed.
    hint : str
        What helps when it was memory.
    """
    if -status in FROM_OUTSIDE:
        sent = signal.Signals(-status).name
        raise ProgramKilled(
            f"{name} was ended from outside ({sent}): by hand, by the scheduler, or for want of memory ({hint}). Run again."
        )
    if "No space left on device" in output or "Disk quota exceeded" in output:
        raise ProgramKilled(f"{name} found no space left on the disk; make room and run again")
