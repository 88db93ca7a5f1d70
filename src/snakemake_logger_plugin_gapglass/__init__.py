"""A Snakemake logger for one person at one terminal: the usual lines, and below them a progress bar for the whole run.

`make run` uses it; without make, use `snakemake --logger gapglass`. The bar needs a terminal. The scripts write their
own lines (active-learning decisions, ns/day) from their own processes: they first clear the bar (gapglass.base.log),
and this logger redraws it below them. snakemake-logger-plugin-rich overwrites such lines, see
docs/development/dependencies.md.
"""

import shutil
import sys
import threading
import time
from collections import Counter

from snakemake.logging import ColorizingTextHandler
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

CLEAR = "\r\x1b[K"


class LogHandler(LogHandlerBase):
    """The stream handler of Snakemake with a progress bar below its lines."""

    def __post_init__(self):
        stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self.lines = ColorizingTextHandler(nocolor=self.common_settings.nocolor, stream=stream)
        self.stream = stream
        self.has_bar = self.lines.is_tty and not self.common_settings.dryrun
        self.drawing = threading.Lock()
        self.begun = time.monotonic()
        self.done = self.total = 0
        self.running = {}
        if self.has_bar:
            threading.Thread(target=self._redraw, daemon=True).start()

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def emit(self, record):
        """Update the state of the run from the record, then write the line of the record above the bar."""
        event = getattr(record, "event", None)
        if event == LogEvent.PROGRESS:
            self.done, self.total = record.done, record.total
        elif event == LogEvent.JOB_INFO:
            self.running[record.jobid] = record.rule_name
        elif event in (LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR):
            self.running.pop(getattr(record, "job_id", getattr(record, "jobid", None)), None)
        self.lines.setFormatter(self.formatter)
        with self.drawing:
            if self.has_bar:
                self.stream.write(CLEAR)
            self.lines.emit(record)

    def close(self):
        """Remove the bar."""
        if getattr(self, "has_bar", False):
            self.has_bar = False
            with self.drawing:
                self.stream.write(CLEAR)
                self.stream.flush()
        super().close()

    def bar(self, width):
        """Return the text of the bar for a terminal of this width."""
        share = self.done / self.total if self.total else 0.0
        filled = round(20 * share)
        seconds = int(time.monotonic() - self.begun)
        rules = ", ".join(rule + (f" x{n}" if n > 1 else "") for rule, n in Counter(self.running.values()).items())
        bar = "#" * filled + "." * (20 - filled)
        clock = f"{seconds // 60}:{seconds % 60:02d}"
        return f"[{bar}] {self.done} of {self.total or '?'} steps, {clock}  {rules}"[: width - 1]

    def _redraw(self):
        while self.has_bar:
            with self.drawing:
                self.stream.write(CLEAR + self.bar(shutil.get_terminal_size().columns))
                self.stream.flush()
            time.sleep(0.5)
