"""``make docs``: writes the files that repeat what another file says, so that the two cannot differ.

The schema gives config/README.md, pyproject.toml and requirements.lock give envs/gapglass.yaml, and the imports of the
library give docs/development/rooms.svg.
"""

import re
import textwrap
import tomllib
from pathlib import Path

import rooms

from gapglass.base.files import whole_file
from gapglass.study.schema import load_schema

ROOT = Path(__file__).resolve().parents[1]
NOT_IN_PIP = {"snakemake"}  # Snakemake itself runs outside the environment of a job
BUILD = ("cmake", "nanobind", "ninja", "scikit-build-core")  # what compiles gapglass in that environment


def locked_versions(text):
    """Return package -> version from the text of requirements.lock."""
    return dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^\s\\]+)", text, flags=re.MULTILINE))


def dependencies(text):
    """Return the names of the dependencies in the text of pyproject.toml, without their bounds."""
    names = [re.match(r"[a-z0-9-]+", entry).group(0) for entry in tomllib.loads(text)["project"]["dependencies"]]
    return sorted(set(names) - NOT_IN_PIP)


def environment(names, versions):
    """Return the text of the conda environment of Snakemake's jobs with --software-deployment-method conda."""
    lines = [
        "# Everything that a job needs, pinned as in requirements.lock; `make docs` writes this file.",
        "# gapglass.post-deploy.sh installs gapglass itself. The C++ compiler builds its engine and LAMMPS plug-ins.",
        "channels: [conda-forge, nodefaults]",
        "dependencies:",
        "  - python=3.11",
        "  - pip",
        "  - cxx-compiler",
        "  - pip:",
        *[f"      - {name}=={versions[name]}" for name in sorted([*names, *BUILD])],
    ]
    return "\n".join(lines) + "\n"


def _kind(node):
    """Return in words which values a node of the schema allows."""
    if "$ref" in node:
        return "number, range or choices" if node["$ref"].endswith("real") else "whole number, range or choices"
    if "enum" in node:
        return " / ".join("`null`" if value is None else f"`{value}`" for value in node["enum"])
    if "anyOf" in node:
        return " or ".join(_kind(option) for option in node["anyOf"])
    if "const" in node:
        return f"`{node['const']}`"
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    names = {"object": "keys and values", "array": "list", "null": "`null`", "boolean": "true / false"}
    text = " or ".join(names.get(kind, kind) for kind in kinds)
    limits = [
        f"{sign} {node[word]}"
        for word, sign in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤"))
        if word in node
    ]
    return text + (", " + ", ".join(limits) if limits else "")


def _default(node, parent, key):
    """Return the default of a node of the schema as text."""
    if "default" not in node:
        return "none" if parent.get("optional") and key not in parent.get("required", ()) else "required"
    value = node["default"]
    return "none" if value in ("", None) else f"`{value}`".replace("False", "false").replace("True", "true")


def _linked(text):
    """Return a description in which the pages that it names are links with their titles, from the folder config/."""

    def link(page):
        title = (ROOT / page.group(0)).read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        return f"[{title}](../{page.group(0)})"

    return re.sub(r"docs/[\w/-]+\.md", link, text)


def _sections(node, path):
    """Yield (path, description, rows) of an object and, after it, of the objects inside."""
    rows, inner = [], []
    for key, child in node["properties"].items():
        target = child["items"] if child.get("type") == "array" and child["items"].get("type") == "object" else child
        if "properties" in target:
            inner.append((f"{path}.{key}".lstrip("."), child, target))
        else:
            cells = [f"`{key}`", _kind(child), child.get("unit", ""), _default(child, node, key)]
            rows.append(f"| {' | '.join([*cells, _linked(child['description'])])} |")
    yield path, node.get("description", ""), rows
    for name, child, target in inner:
        suffix = "[]" if target is not child else ""
        yield from _sections({**target, "description": child["description"]}, name + suffix)


def config_reference(schema):
    """Return config/README.md."""
    lines = [
        "# The configuration, key by key",
        "",
        "`make docs` writes this page from `src/gapglass/study/schema.yaml`. `config.yaml` is the example study, "
        "`tiny.yaml` the",
        "small one of the tests. Copy one of them to begin a study of your own, and run it with",
        "`make run CONFIG=my_study.yaml` or `snakemake --configfile my_study.yaml`.",
        "",
        "A key that you leave out takes its default. Unknown keys, wrong types and contradictions stop the run before "
        "any work",
        "starts. A hyperparameter is one number (`4.5`), a range (`{low: 4.0, high: 5.0}`, with `scale: log` for a "
        "logarithmic",
        "one) or a list (`{choices: [6, 8]}`); the loop tunes ranges and lists.",
    ]
    for path, description, rows in _sections(schema, ""):
        lines += ["", f"## {path or 'Top level'}", ""]
        if path:
            lines += [textwrap.fill(_linked(description), 118, break_on_hyphens=False), ""]
        if rows:
            lines += ["| key | value | unit | default | meaning |", "|---|---|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def made_files():
    """Return path -> text of every file that this script writes."""
    versions = locked_versions((ROOT / "requirements.lock").read_text())
    names = dependencies((ROOT / "pyproject.toml").read_text())
    return {
        ROOT / "config" / "README.md": config_reference(load_schema()),
        ROOT / "envs" / "gapglass.yaml": environment(names, versions),
        ROOT / "docs/development/rooms.svg": rooms.picture(ROOT / "src/gapglass", ROOT / "pyproject.toml"),
    }


if __name__ == "__main__":
    for path, text in made_files().items():
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
