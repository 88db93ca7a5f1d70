"""One set-up of logging for every script: the full log in a file, short lines on the terminal."""

import contextlib
import json
import logging
import os
import platform
import sys
import traceback
from pathlib import Path

from gapglass.base.errors import REINSTALL, UserError, system_problem
from gapglass.base.versions import versions

NOTICE = 25  # between INFO and WARNING: lines for a person at the terminal
logging.addLevelName(NOTICE, "NOTICE")
SETTINGS = "settings: "


def configure(path, step, settings=None):
    """Send messages of level INFO and above to a file, and those of level NOTICE and above to the terminal as well.

    The log also reports an uncaught exception. A ``UserError`` and an error of the operating system (disk full, no
    permission) become one message. For any other exception the log has the last line and a file beside ``path`` has
    the traceback, because Snakemake shows the whole log of a job that fails.

    Parameters
    ----------
    path : path-like
        Log file.
    step : str
        Name of the job, which begins each line on the terminal.
    settings : mapping, optional
        Parameters of the job by name; the report reads them from the log.

    Returns
    -------
    logging.Logger
    """
    path = Path(path)
    logger = logging.getLogger("gapglass")
    logger.setLevel(logging.INFO)
    logger.handlers.clear()
    logger.addHandler(_terminal_handler(step))
    sys.excepthook = _reporter(logger, path)
    # The hook is in place by now, so it also reports a log file that cannot be written.
    path.parent.mkdir(parents=True, exist_ok=True)
    in_file = _LogFile(path, mode="w")
    in_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(in_file)
    logger.info("versions: %s", ", ".join(f"{k} {v}" for k, v in versions().items()))
    if settings is not None:
        logger.info("%s%s", SETTINGS, json.dumps(dict(settings.items()), sort_keys=True, default=str))
    # Snakemake sets this variable from the threads of the rule; numba, BLAS and OpenMP obey it.
    logger.info("threads: OMP_NUM_THREADS %s on %s", os.environ.get("OMP_NUM_THREADS", "not set"), platform.node())
    return logger


class _LogFile(logging.FileHandler):
    """A log file that says once, in one line, that it cannot be written (disk full), without a traceback per line."""

    def handleError(self, record):  # noqa: N802 (the name that logging calls)
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        logging.getLogger("gapglass").removeHandler(self)
        with contextlib.suppress(OSError):  # what its buffer still holds cannot be written either
            self.close()
        problem = system_problem(error, self.baseFilename) or f"{self.baseFilename}: {error}"
        print(f"{problem}; this log ends here", file=sys.stderr, flush=True)


def _terminal_handler(step):
    handler = logging.StreamHandler()
    handler.setLevel(NOTICE)
    # Snakemake's progress bar, if any, occupies the last line of the terminal; Snakemake redraws it below this line.
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    handler.setFormatter(logging.Formatter(f"{clear}[{step}] %(message)s"))
    return handler


def _reporter(logger, path):
    """Return a ``sys.excepthook`` that logs an uncaught exception as one message."""

    def report(kind, error, trace):
        problem = _problem_of_user(error)
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
            kind.__name__,
            " ".join(str(error).split()),
            details,
        )

    return report


def _problem_of_user(error):
    """Return the message of an exception that a user can mend, None for any other."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        return system_problem(error)
    if isinstance(error, MemoryError):
        return (
            f"the memory of this machine is used up ({error}); "
            "run fewer jobs at once (--cores 1), or a smaller problem"
        )
    if isinstance(error, ImportError):
        return f"{error}: the Python environment {sys.prefix} is not complete; {REINSTALL}"
    return None


def notice(message, *values):
    """Log a line that also appears on the terminal."""
    logging.getLogger("gapglass").log(NOTICE, message, *values)
