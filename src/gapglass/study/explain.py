"""The configuration: read, checked against the schema, completed with defaults, checked for sense.

Every problem is found before any work starts and told with the key, the value seen, what is
allowed and a fix. The schema is ``workflow/schemas/config.schema.yaml``.
"""

import difflib
import math
import re

from gapglass.study.schema import resolve


def not_finite(value, path=()):
    """Yield the places of numbers that are not finite; comparisons with them pass every bound."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from not_finite(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from not_finite(item, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path


def keys_without_name(value, path=()):
    """Yield the places of keys that YAML reads as numbers or truth values, with the key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(value, dict) and not isinstance(key, str):
            yield path, key
        else:
            yield from keys_without_name(item, (*path, key))


def key_name(path):
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text or "(top level)"


def _allowed(node):
    """Say in words what a schema node allows."""
    if "$ref" in node or "anyOf" in node:
        options = node.get("anyOf", [])
        return " or ".join(_allowed(option) for option in options)
    if "enum" in node:
        return "one of " + ", ".join(str(v) for v in node["enum"])
    if "const" in node:
        return str(node["const"])
    if node.get("type") == "object":
        keys = ", ".join(node.get("properties", {}))
        return f"the keys {{{keys}}}" if keys else "keys and values"
    kinds = node.get("type", "a value")
    text = " or ".join(kinds) if isinstance(kinds, list) else kinds
    names = {
        "exclusiveMinimum": ">",
        "minimum": ">=",
        "exclusiveMaximum": "<",
        "maximum": "<=",
        "minItems": "items >=",
        "maxLength": "characters <=",
    }
    bounds = [f"{sign} {node[word]}" for word, sign in names.items() if word in node]
    if "pattern" in node:
        bounds.append("matching " + node["pattern"])
    return f"{text} {' and '.join(bounds)}".strip()


def explain(error, schema):
    """Turn one finding of jsonschema into lines that name key, value, allowed values and a fix."""
    key = key_name(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.schema.get("additionalProperties"), bool):
        known = list(error.schema.get("properties", {}))
        lines = []
        for name in error.instance:
            if name not in known:
                where = key_name([*error.absolute_path, name])
                close = difflib.get_close_matches(str(name), known, 1)
                fix = f"did you mean `{close[0]}`?" if close else "remove it"
                lines.append(f"`{where}` is not a known key; {fix} Known here: {', '.join(known)}")
        return lines
    if error.validator == "required":
        name = re.match(r"'(.*)' is a required", error.message).group(1)
        return [f"`{key_name([*error.absolute_path, name])}` is missing; add it"]
    unit = f" (in {error.schema['unit']})" if "unit" in error.schema else ""
    allowed = _allowed(resolve(error.schema, schema))
    fix = "change the value"
    if isinstance(error.instance, str) and re.fullmatch(r"[-+]?\d+[eE][-+]?\d+", error.instance):
        mantissa, exponent = re.split("[eE]", error.instance)
        fix = f"YAML reads this as text, write {mantissa}.0e{exponent}"
    return [f"`{key}` is {error.instance!r}; allowed: {allowed}{unit}; {fix}"]
