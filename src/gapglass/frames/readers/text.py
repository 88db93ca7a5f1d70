"""Lines of a text file with their numbers, and the numbers in a line of a Fortran program."""

import math
import re

from gapglass.frames.readers.opening import lines

FORTRAN_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?")
CUT_LINE = "last line without its end (the file is cut off)"


class Lines:
    """The lines of the main file of a source, with their numbers.

    A last line without line feed may end inside a number. It is therefore not returned, and the source counts it
    among what is left out.
    """

    def __init__(self, source):
        self.source, self.number = source, 0
        self._lines, self._again = iter(lines(source.path)), []

    def __iter__(self):
        return self

    def __next__(self):
        line = self._again.pop() if self._again else next(self._lines)
        if not line.endswith("\n"):
            self.source.dropped[CUT_LINE] += 1
            raise StopIteration
        self.number += 1
        return line

    def back(self, line):
        """Return ``line`` again at the next step."""
        self._again.append(line)
        self.number -= 1

    def error(self, message, number=None):
        """Return a ``UserError`` that names the file and a line, by default the last that was returned."""
        return self.source.error(f"{self.source.path}, line {self.number if number is None else number}: {message}")


def leading_numbers(line, count):
    """Return the first numbers of a line, or None if other characters stand before or between them.

    Fortran does not always separate columns, as in -10.123-11.456, and prints asterisks for a number that does not
    fit its column.

    Parameters
    ----------
    line : str
    count : int

    Returns
    -------
    list of float, or None
    """
    try:  # Most lines have separate columns, for which this is four times faster.
        values = [float(word) for word in line.split(None, count)[:count]]
        if len(values) == count and all(map(math.isfinite, values)):
            return values
    except ValueError:
        pass
    values, place = [], 0
    for found in FORTRAN_NUMBER.finditer(line):
        if line[place : found.start()].strip():
            return None
        values.append(number(found.group(0)))
        place = found.end()
        if len(values) == count:
            # Such as NaN or an asterisk, which belong to the number before them.
            return values if place == len(line) or line[place] in " \t\r\n-+" else None
    return None


def number(word):
    """Return a number that Fortran wrote, in which D may stand for E."""
    return float(word.replace("D", "E").replace("d", "e"))
