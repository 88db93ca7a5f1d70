"""The findings of jsonschema in words, and the problems of a configuration that jsonschema does not report."""

import difflib
import math
import re

from gapglass.study.schema import resolve

# Former key -> its new name, and what changes.
RENAMED = {
    "glass.min_distance": (
        "glass.closest_fraction",
        "the guard follows the closest distance of each pair of species in the frames, and closest_fraction "
        "(default 0.5) is the share of it at which a run stops; drop min_distance, or give the share instead of Å",
    )
}


def not_finite(value, path=()):
    """Yield the path of every number that is not finite: NaN passes every comparison with a bound."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from not_finite(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from not_finite(item, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path


def keys_without_name(value, path=()):
    """Yield the path of every key that YAML reads as a number or truth value, and the key itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(value, dict) and not isinstance(key, str):
            yield path, key
        else:
            yield from keys_without_name(item, (*path, key))


def key_name(path):
    """Return the name of a key in messages, glass.cycle[0].time, from its path of keys and indices."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text or "(top level)"


def _allowed(node):
    """Return in words what a node of the schema allows."""
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
    """Return one finding of jsonschema as lines that name the key, its value, the allowed values and a fix.

    Parameters
    ----------
    error : jsonschema.ValidationError
    schema : dict

    Returns
    -------
    list of str
    """
    key = key_name(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.schema.get("additionalProperties"), bool):
        return _unknown_keys(error)
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


def _unknown_keys(error):
    """Return a line for every key that the schema does not know, with the known key that resembles it most."""
    known = list(error.schema.get("properties", {}))
    lines = []
    for name in error.instance:
        if name not in known:
            where = key_name([*error.absolute_path, name])
            if where in RENAMED:
                lines.append(f"`{where}` is now `{RENAMED[where][0]}`: {RENAMED[where][1]}")
                continue
            close = difflib.get_close_matches(str(name), known, 1)
            fix = f"did you mean `{close[0]}`?" if close else "remove it"
            lines.append(f"`{where}` is not a known key; {fix} Known here: {', '.join(known)}")
    return lines
