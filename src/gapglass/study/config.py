"""The configuration of a study: read, checked against the schema, completed with defaults, checked for contradictions.

A message lists every problem before any work starts, each with the key, its value, the allowed values and a fix.
``schema.yaml`` is the schema, ``checks`` holds what a schema cannot state.
"""

import copy

from gapglass.base.errors import UserError
from gapglass.study import checks, protocols, schema
from gapglass.study.explain import explain, key_name, keys_without_name, not_finite
from gapglass.study.source import read_source


def complete(config, source="config"):
    """Check a configuration and return a copy with every key of its protocol and every default filled in.

    Parameters
    ----------
    config : dict
        As read from YAML.
    source : str
        Name of the file for messages.

    Raises
    ------
    UserError
        Listing every problem found, one per line.
    """
    if not isinstance(config, dict):
        raise UserError(f"{source}: expected keys and values, found {type(config).__name__}")
    problems = _schema_problems(config)
    if not problems:
        config = schema.fill(protocols.apply(copy.deepcopy(config)))
        problems = list(checks.problems(config))
    if problems:
        raise UserError(f"{source} has {len(problems)} problem(s):\n" + "\n".join(f"  - {text}" for text in problems))
    return config


def read(path):
    """Read, check and complete the configuration file at ``path``."""
    return complete(read_source(path), str(path))


def _schema_problems(config):
    """Return what the schema finds in a configuration, and numbers that are not finite."""
    problems = [
        f"`{key_name(path)}` has the key {key!r}, which is not text; put it in quotes"
        for path, key in keys_without_name(config)
    ]
    if not problems:
        for error in schema.errors(config):
            problems += explain(error, schema.load_schema())
    return problems + [f"`{key_name(path)}` is not a finite number; give one" for path in not_finite(config)]
