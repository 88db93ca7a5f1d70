"""One logging set-up for every script: full log in a file, short lines on the terminal."""

import json
import logging
import os
import platform
import sys
import traceback
from pathlib import Path

from gapglass.base.errors import REINSTALL, UserError, system_problem
from gapglass.base.versions import versions

NOTICE = 25  # between INFO and WARNING: the lines that a person at the terminal wants
logging.addLevelName(NOTICE, "NOTICE")
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


def notice(message, *values):
    """Log a line that is also shown on the terminal."""
    logging.getLogger("gapglass").log(NOTICE, message, *values)
