"""The schema of the configuration: loaded from ``schema.yaml``, applied to a configuration, and its defaults.

This is the only module that imports jsonschema.
"""

import copy
import functools
import re
from pathlib import Path

import yaml

SCHEMA = Path(__file__).with_name("schema.yaml")


@functools.cache
def load_schema():
    """Return the schema as a dictionary, which callers must not change."""
    # libyaml reads the schema ten times faster than PyYAML's own parser, which has the same result.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=loader)


def errors(config):
    """Return what jsonschema finds in a configuration, in the order of the keys' names.

    Parameters
    ----------
    config : dict
        All keys of which are text.

    Returns
    -------
    list of jsonschema.ValidationError
    """
    found = _validator().iter_errors(config)
    return sorted(found, key=lambda error: list(map(str, error.absolute_path)))


@functools.cache
def _validator():
    """Return the validator of the schema, in which a pattern must match the whole text."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def whole_match(validator, pattern, instance, schema):
        # `$` also matches before a line break at the end, which must not be part of a name.
        if isinstance(instance, str) and not re.fullmatch(pattern, instance):
            yield ValidationError(f"{instance!r} does not match {pattern!r}")

    return validators.extend(Draft202012Validator, {"pattern": whole_match})(load_schema())


def resolve(node, schema):
    """Return a node of the schema with the definition that it refers to filled in."""
    if "$ref" in node:
        return {**schema["$defs"][node["$ref"].rsplit("/", 1)[1]], **node}
    return node


def fill(config):
    """Return a configuration with the defaults of the schema, its keys in the schema's order.

    Snakemake compares parameters as text, so the order in which a user writes keys must not decide which jobs run.
    """
    return _fill(config, load_schema(), load_schema())


def _fill(value, node, schema):
    """Return a value with the defaults of its node of the schema."""
    node = resolve(node, schema)
    if isinstance(value, dict):
        for option in node.get("anyOf", []):
            if set(value) <= set(option.get("properties", ())) and set(option.get("required", ())) <= set(value):
                return _fill(value, option, schema)
        filled = {}
        for key, child in node.get("properties", {}).items():
            child = resolve(child, schema)
            if key in value or "default" in child:
                filled[key] = _fill(value.get(key, copy.deepcopy(child.get("default"))), child, schema)
        return filled | {key: value[key] for key in sorted(set(value) - set(filled))}
    if isinstance(value, list) and isinstance(node.get("items"), dict):
        return [_fill(item, node["items"], schema) for item in value]
    return _number(value, node)


def _number(value, node):
    """Return a number as the type of its node: 5 as a float for a number, 100.0 as an int for an integer."""
    kinds = set()
    for option in (node, *node.get("anyOf", [])):
        kind = option.get("type", [])
        kinds |= {kind} if isinstance(kind, str) else set(kind)
    if "number" in kinds and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if "integer" in kinds and isinstance(value, float):
        return int(value)
    return value
