"""Running the program of an engine: an argument list without a shell, its return code, its time, its MPI ranks."""

import logging
import os
import subprocess
import time
from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.base.programs import die_with_parent, refuse_killed
from gapglass.labels.engines.engine import SCREEN
from gapglass.labels.label import LabelFailed

log = logging.getLogger("gapglass")
# Errors of the machine or of the installation, which say nothing about a frame.
OF_MACHINE = (
    "error while loading shared libraries",
    "There are not enough slots available",
    "mpirun has detected an attempt to run as root",
    "command not found",
)


def run(engine, folder, max_seconds=None):
    """Run a calculation in its folder; what it prints is in ``SCREEN``.

    Parameters
    ----------
    engine : Engine
    folder : path-like
    max_seconds : float, optional
        Wall time after which the calculation is stopped.

    Returns
    -------
    float
        Wall time in seconds.

    Raises
    ------
    LabelFailed
        When the program fails on this frame, or takes too long.
    ProgramKilled
        When it was ended from outside, or the disk is full.
    UserError
        When the program cannot be started, or runs on another number of MPI ranks.
    """
    folder, command = Path(folder), engine.command()
    environment = {**os.environ, "OMP_NUM_THREADS": str(engine.threads), "OPENBLAS_NUM_THREADS": "1"}
    log.info("command: %s, OMP_NUM_THREADS %d", " ".join(command), engine.threads)
    begun = time.monotonic()
    with (folder / SCREEN).open("w") as screen:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise UserError(f"cannot start {command[0]}: {error}; mend labels.command") from error
        try:
            status = process.wait(timeout=max_seconds)
        except subprocess.TimeoutExpired as error:
            raise LabelFailed(f"it took more than {max_seconds:g} s (labels.max_time)") from error
        finally:
            _end(process)
    seconds = time.monotonic() - begun
    output = (folder / SCREEN).read_text(errors="replace")
    name = Path(command[0]).name
    _refuse_ended(name, status, output)
    check_ranks(engine, engine.stated_ranks(folder))
    if status:
        raise LabelFailed(engine.complaint(folder) or f"{name} ended with status {status}: {_last_lines(output)}")
    if complaint := engine.complaint(folder):
        raise LabelFailed(complaint)
    return seconds


def _end(process):
    """End a program that still runs, first politely, so that a launcher ends its ranks."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _refuse_ended(name, status, output):
    # Shells and some launchers report a signal as 128 plus its number.
    status = 128 - status if status > 128 else status
    refuse_killed(name, status, output, "fewer ranks, or more memory for the job")
    for text in OF_MACHINE:
        if status and text in output:
            line = next(line for line in output.splitlines() if text in line)
            raise UserError(f"{name} cannot run here: {line.strip()}; mend labels.command or the machine")


def _last_lines(output):
    return " ".join(output.split())[-300:] or "it printed nothing"


def check_ranks(engine, ranks):
    """Refuse a calculation on another number of MPI ranks than was asked for.

    A launcher of another MPI starts serial copies of the program, which all write into the same files.

    Parameters
    ----------
    engine : Engine
    ranks : int or None
        By the output; nothing is checked if it is None.

    Raises
    ------
    UserError
    """
    if ranks is not None and ranks != engine.ranks:
        raise UserError(
            f"{engine.name} ran on {ranks} MPI ranks, {engine.ranks} were asked for (labels.ranks): the launcher in "
            "labels.command does not fit the program, or states another number; use the mpiexec that belongs to the "
            "program, with -n {ranks}"
        )


def clock():
    """Return the time in seconds by a clock that never steps back."""
    return time.monotonic()
