"""External programs: where they are installed, how much memory they take, and how they end."""

import ctypes
import re
import shutil
import signal
import sys
from pathlib import Path

from gapglass.base.errors import REINSTALL, ProgramKilled, UserError

# Signals that schedulers, the kernel and people send. A program causes a segmentation fault itself.
FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU}


def program(name):
    """Return the path of a program of this Python environment, or of PATH.

    Raises
    ------
    UserError
        When the program is absent.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise UserError(f"the program {name} is not installed beside {sys.executable} nor on PATH; {REINSTALL}")
    return found


def peak_so_far_mb(pid):
    """Return the peak resident memory of a running process in MB, 0 where the system does not report it.

    ``pid`` is a process id, or "self" for this process.
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


def die_with_parent():
    """Make the kernel end this process together with its parent.

    Pass it as ``preexec_fn``, so that a killed job leaves no program running.
    """
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def refuse_killed(name, status, output, hint):
    """Raise ``ProgramKilled`` when a program was ended from outside or for want of disk space.

    Parameters
    ----------
    name : str
    status : int
        Return code of ``subprocess``: minus the number of the signal.
    output : str
        Output of the program.
    hint : str
        Advice for a program that ran out of memory.

    Raises
    ------
    ProgramKilled
    """
    if -status in FROM_OUTSIDE:
        sent = signal.Signals(-status).name
        raise ProgramKilled(
            f"{name} was ended from outside ({sent}): by hand, by the scheduler, or for want of memory ({hint}). "
            "Run again."
        )
    if "No space left on device" in output or "Disk quota exceeded" in output:
        raise ProgramKilled(f"{name} found no space left on the disk; make room and run again")
