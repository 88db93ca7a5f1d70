"""The configuration: read, checked against the schema, completed with defaults, checked for sense.

Every problem is found before any work starts and told with the key, the value seen, what is
allowed and a fix. The schema is ``workflow/schemas/config.schema.yaml``.
"""

import copy
import re
from pathlib import Path

import numpy as np
import yaml
from jsonschema import Draft202012Validator, ValidationError, validators

SCHEMA = Path(__file__).with_name("schema.yaml")


def _whole_match(validator, pattern, instance, schema):
    """Match a pattern with the whole text: `$` also matches before a line break at the end, which has no place in a name."""
    if isinstance(instance, str) and not re.fullmatch(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = validators.extend(Draft202012Validator, {"pattern": _whole_match})


def load_schema():
    """Return the schema as a dictionary."""
    return yaml.safe_load(SCHEMA.read_text())


def resolve(node, schema):
    if "$ref" in node:
        return {**schema["$defs"][node["$ref"].rsplit("/", 1)[1]], **node}
    return node


def fill(value, node, schema):
    """Return a value with the defaults of its schema node, its keys in the schema's order.

    Snakemake compares parameters as written: the order in which a user happens to write keys must not redo jobs.
    """
    node = resolve(node, schema)
    if isinstance(value, dict):
        for option in node.get("anyOf", []):
            if set(value) <= set(option.get("properties", ())) and set(option.get("required", ())) <= set(value):
                return fill(value, option, schema)
        filled = {}
        for key, child in node.get("properties", {}).items():
            child = resolve(child, schema)
            if key in value or "default" in child:
                filled[key] = fill(value.get(key, copy.deepcopy(child.get("default"))), child, schema)
        return filled | {key: value[key] for key in sorted(set(value) - set(filled))}
    if isinstance(value, list) and isinstance(node.get("items"), dict):
        return [fill(item, node["items"], schema) for item in value]
    return _number(value, node)


def _number(value, node):
    """Return a number in the kind its schema node asks for: 5 is a real where a real is meant, 100.0 a whole number."""
    kinds = {kind for option in (node, *node.get("anyOf", [])) for kind in np.atleast_1d(option.get("type", []))}
    if "number" in kinds and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if "integer" in kinds and isinstance(value, float):
        return int(value)
    return value
