"""The settings with which the jobs of a study ran, read back from their logs."""

import json
from itertools import islice
from pathlib import Path

from gapglass.base.log import SETTINGS


def settings_of(folder):
    """Return the settings with which the jobs of each rule last ran.

    Parameters
    ----------
    folder : path-like
        Folder ``logs`` of a study.

    Returns
    -------
    list of dict
        rule, jobs, settings (text, key by key), first and last (time of the earliest and latest of these jobs). There
        is a row for each rule and each different settings, in the order in which they ran.
    """
    found = {}
    for path in sorted(Path(folder).rglob("*.log")):
        with path.open(errors="replace") as stream:
            line = next((line for line in islice(stream, 5) if f"INFO {SETTINGS}" in line), None)
        if line is None:
            continue
        when, settings = line[:19], json.loads(line.split(SETTINGS, 1)[1])
        rule = path.relative_to(folder).parts[0].removesuffix(".log")
        text = "; ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items())
        found.setdefault((rule, text), []).append(when)
    rows = [
        {"rule": r, "jobs": len(times), "first": min(times), "last": max(times), "settings": text}
        for (r, text), times in found.items()
    ]
    return sorted(rows, key=lambda row: (row["first"], row["rule"]))
