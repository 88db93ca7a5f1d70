"""Configuration files read strictly: YAML or JSON without a key twice, without Python objects, without empty files.

This module and ``schema`` are the only ones that import yaml.
"""

import json
from pathlib import Path

import yaml

from gapglass.base.errors import UserError, system_problem


class _StrictLoader(yaml.SafeLoader):
    """YAML without Python objects, in which a repeated key is an error; YAML itself would take the last value."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise yaml.constructor.ConstructorError(
                    None, None, f"found the key {key!r}, which is no name", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key}` stands there a second time; keep one of the two", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _pairs(pairs):
    """Return a JSON object as a dictionary; raise UserError where a key is repeated."""
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"the key `{key}` stands there twice; keep one of the two")
    return dict(pairs)


def read_source(path):
    """Return the keys and values of a configuration file, before any check of their meaning.

    Parameters
    ----------
    path : path-like
        YAML or JSON.

    Raises
    ------
    UserError
        Naming file, line and fix, when the file is absent, a folder, unreadable, not UTF-8, empty or not YAML, when a
        key is repeated, or when the file would run Python code.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"the configuration {path} is not UTF-8 text (byte {error.start}); save it with that encoding"
        ) from None
    except OSError as error:
        raise UserError(f"cannot read the configuration {system_problem(error, path) or error}") from None
    try:
        data = json.loads(text, object_pairs_hook=_pairs) if path.suffix == ".json" else parse(text)
        json.dumps(data, default=str)  # raises ValueError for an anchor that contains itself
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}{_position(error)} is not valid YAML: {_yaml_problem(error)}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid YAML: {error or type(error).__name__}; mend the file") from None
    if data is None or not text.strip():
        raise UserError(f"{path} is empty; begin with a copy of config/config.yaml")
    if not isinstance(data, dict):
        raise UserError(
            f"{path}: expected keys and values, found {type(data).__name__}; begin with a copy of config/config.yaml"
        )
    if "__use_yte__" in data:
        raise UserError(
            f"{path}: `__use_yte__` lets a configuration run Python code; remove it and write the values themselves"
        )
    return data


def parse(text):
    """Return what YAML text holds, read as strictly as the file of a configuration."""
    return yaml.load(text, Loader=_StrictLoader)


def yaml_text(config):
    """Return a configuration as YAML, with its keys in their own order."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def _position(error):
    """Return the line and column of an error of YAML for a message, an empty text where it has none."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return f", line {mark.line + 1}, column {mark.column + 1}," if mark else ""


def _yaml_problem(error):
    """Return an error of YAML in words, with a fix."""
    problem = getattr(error, "problem", None) or str(error)
    if "\\t" in problem:
        return "a tab; indent with spaces"
    if "could not determine a constructor" in problem:
        tag = problem.rsplit(" ", 1)[-1].strip("'").replace("tag:yaml.org,2002:", "!!")
        return f"the tag {tag} is not allowed; write plain values"
    fix = "" if ";" in problem else "; mend this line (a text with a colon or a bracket needs quotes)"
    return f"{problem}{fix}"
