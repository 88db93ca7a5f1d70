"""The picture of the library's rooms and the imports between them, for docs/development/rooms.svg.

The order from the top down is that of the import-linter contract in pyproject.toml. A dashed frame holds siblings,
which do not import each other. An arrow leads from a room to a room that it imports.
"""

import ast
import textwrap
import tomllib
from html import escape

WIDTH, MARGIN, WIDE, BOX, GAP = 860, 24, 500, 64, 18
STYLE = (
    "text{font-family:sans-serif;fill:#1a1a1a}.name{font-size:15px;font-weight:bold}.modules{font-size:11px;fill:#555}"
    "rect{fill:#eef3f8;stroke:#4a6a8a}rect.siblings{fill:none;stroke:#999;stroke-dasharray:4 3}"
    "path{fill:none;stroke:#4a6a8a;stroke-opacity:.6}"
)


def layers(text):
    """Return the rows of rooms, top first, from the text of pyproject.toml."""
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    (rows,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [row.split(" | ") for row in rows]


def modules_of(package, room):
    """Return the module files of a room: a folder with its sub-folders, or one file."""
    folder = package / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def imports_between(package, rooms):
    """Return the pairs (importing room, imported room) of different rooms."""
    found = set()
    for room in rooms:
        for path in modules_of(package, room):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                elif isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                others = {name.split(".")[1] for name in names if name.startswith("gapglass.")} & set(rooms) - {room}
                found.update((room, other) for other in others)
    return found


def picture(package, pyproject):
    """Return the SVG: a box for each room, top layer first, and on its right side an arc to each room that it imports.

    Parameters
    ----------
    package : pathlib.Path
        src/gapglass.
    pyproject : pathlib.Path
        pyproject.toml.
    """
    rows = layers(pyproject.read_text(encoding="utf-8"))
    middle, lines, top = {}, [], MARGIN
    for row in rows:
        if len(row) > 1:
            height = len(row) * (BOX + GAP) - GAP
            lines.append(
                f'<rect class="siblings" x="{MARGIN - 8}" y="{top - 6}" width="{WIDE + 16}" height="{height + 12}"/>'
            )
        for room in row:
            lines += box(room, modules_of(package, room), top)
            middle[room] = top + BOX / 2
            top += BOX + GAP
    right = MARGIN + WIDE
    for upper, lower in sorted(imports_between(package, list(middle))):
        # An arc starts below the middle of its room and ends above that of the other: tips and starts do not meet.
        y1, y2 = middle[upper] + 8, middle[lower] - 8
        reach = right + 20 + 0.42 * (y2 - y1)
        lines.append(
            f'<path d="M{right} {y1} C{reach:.0f} {y1} {reach:.0f} {y2} {right + 2} {y2}" marker-end="url(#tip)">'
            f"<title>{upper} imports {lower}</title></path>"
        )
    height = top - GAP + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}">',
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#4a6a8a;stroke:none"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{height}" style="fill:#fff;stroke:none"/>',
            *lines,
            "</svg>",
            "",
        ]
    )


def box(room, paths, top):
    """Return the lines of one room: a rectangle, its name, its modules."""
    names = [path.stem for path in paths if path.stem != "__init__"] if len(paths) > 1 else []
    text = textwrap.wrap(", ".join(dict.fromkeys(names)), 76)
    return [
        f'<rect x="{MARGIN}" y="{top}" width="{WIDE}" height="{BOX}" rx="5"/>',
        f'<text class="name" x="{MARGIN + 10}" y="{top + 18}">{escape(room)}</text>',
        *[
            f'<text class="modules" x="{MARGIN + 10}" y="{top + 33 + 13 * index}">{escape(line)}</text>'
            for index, line in enumerate(text)
        ],
    ]
