"""Inputs of CP2K as a tree of sections and keywords, which is read, changed and written again."""

import re
from dataclasses import dataclass, field

from gapglass.base.errors import UserError


@dataclass
class Keyword:
    """A line of an input that is no section; ``name`` is in capitals, ``value`` as it was written."""

    name: str
    value: str


@dataclass
class Section:
    """A section of an input; ``name`` is in capitals, ``parameter`` as it was written."""

    name: str
    parameter: str = ""
    items: list = field(default_factory=list)

    def sections(self, name):
        """Return the sections of a name."""
        return [item for item in self.items if isinstance(item, Section) and item.name == name]

    def section(self, path, make=False):
        """Return the first section at a path such as DFT/SCF, or None; ``make`` makes what is absent."""
        found = self
        for name in path.split("/"):
            inner = next(iter(found.sections(name)), None)
            if inner is None:
                if not make:
                    return None
                inner = Section(name)
                found.items.append(inner)
            found = inner
        return found

    def values(self, *names):
        """Return the values of all keywords with one of the names."""
        return [item.value for item in self.items if isinstance(item, Keyword) and item.name in names]

    def value(self, *names):
        """Return the value of the first keyword with one of the names, or None."""
        return next(iter(self.values(*names)), None)

    def set(self, name, value):
        """Give a keyword one value, in place of all that it had."""
        self.drop(name)
        self.items.insert(0, Keyword(name, value))

    def drop(self, *names):
        """Remove all keywords and sections with these names."""
        self.items = [item for item in self.items if item.name not in names]

    def walk(self, path=""):
        """Yield (path, section) of this section and all below it."""
        yield path, self
        for item in self.items:
            if isinstance(item, Section):
                yield from item.walk(f"{path}/{item.name}" if path else item.name)

    def copy(self):
        """Return a copy that can be changed."""
        items = [item.copy() if isinstance(item, Section) else Keyword(item.name, item.value) for item in self.items]
        return Section(self.name, self.parameter, items)

    def text(self, depth=0):
        """Return the text of the items of this section."""
        lines = []
        for item in self.items:
            indent = "  " * depth
            if isinstance(item, Section):
                lines += [f"{indent}&{item.name} {item.parameter}".rstrip() + "\n", item.text(depth + 1)]
                lines.append(f"{indent}&END {item.name}\n")
            else:
                lines.append(f"{indent}{item.name} {item.value}".rstrip() + "\n")
        return "".join(lines)


def parse(text, path):
    """Return the root section of an input.

    Parameters
    ----------
    text : str
    path : path-like
        The file, for messages.

    Raises
    ------
    UserError
        When a section does not end, or the input needs the preprocessor of CP2K (a fingerprint of it would not state
        what it includes).
    """
    root = Section("")
    open_sections = [root]
    for number, line in _lines(text):
        if line.startswith("@") or "${" in line:
            raise UserError(
                f"{path}, line {number}: {line.split()[0]} is for the preprocessor of CP2K, which may read files; "
                "write out what it stands for"
            )
        if not line.startswith("&"):
            name, _, value = line.partition(" ")
            open_sections[-1].items.append(Keyword(name.upper(), value.strip()))
            continue
        name, _, parameter = line[1:].strip().partition(" ")
        if name.upper() != "END":
            section = Section(name.upper(), parameter.strip())
            open_sections[-1].items.append(section)
            open_sections.append(section)
            continue
        closed = parameter.split()[0].upper() if parameter.strip() else open_sections[-1].name
        if len(open_sections) == 1 or closed != open_sections[-1].name:
            raise UserError(
                f"{path}, line {number}: &END {parameter} does not end the section "
                f"{open_sections[-1].name or '(none is open)'}"
            )
        open_sections.pop()
    if len(open_sections) > 1:
        raise UserError(f"{path}: the section &{open_sections[-1].name} has no &END")
    return root


def _lines(text):
    """Yield (number, line) of the lines with content, without comments; a backslash joins a line with the next."""
    joined, start = "", None
    for number, line in enumerate(text.splitlines(), 1):
        content = re.split(r"[!#]", line)[0].replace("\t", " ").strip()
        start = start or number
        if content.endswith("\\"):
            joined += content[:-1] + " "
            continue
        if joined + content:
            yield start, joined + content
        joined, start = "", None
