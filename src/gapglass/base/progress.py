"""Progress of long loops in the log and on the terminal, and time spans in words."""

import time

from gapglass.base.log import notice


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
        """Report that ``done`` of the steps are finished."""
        now = time.monotonic()
        if done >= self.total or now - self.last < self.interval:
            return
        self.last = now
        left = (now - self.start) / max(done, 1) * (self.total - done)
        notice("%d of %d %s, about %s left", done, self.total, self.what, duration(left))


def duration(seconds):
    """Return a time span in seconds as a person writes it: 42 s, 3 min 05 s, 2 h 10 min, 3.2 days."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    if seconds < 2 * 86400:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"
    return f"{seconds / 86400:.1f} days"
