"""Where the labelling of a study stands: its table, the share of failures, the time of a label, and the budget."""

from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.files import read_json, write_table
from gapglass.base.progress import duration
from gapglass.labels.job import COMPUTED, FAILED, FEWEST_TRIED, LARGEST_FAILED_SHARE, RETRIED, STORED

COLUMNS = ("frame", "state", "own", "seconds", "core_seconds", "scf_steps", "file", "reason")


def read_records(paths):
    """Return frame -> record from the files of labelling jobs, which the numbers of their frames name."""
    return {int(Path(path).stem): read_json(path) for path in paths}


def read_joined(path):
    """Return frame -> record from one file with the records of many frames."""
    return {int(frame): record for frame, record in read_json(path).items()}


def table(records):
    """Return the table of ``labels/status.csv``.

    Parameters
    ----------
    records : dict
        Frame -> record (``job.Record.as_json``).

    Returns
    -------
    pandas.DataFrame
        One row per frame, in the order of the frames.
    """
    import pandas as pd

    rows = [{"frame": frame, **{name: record.get(name) for name in COLUMNS[1:]}} for frame, record in records.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("frame", ignore_index=True)


def write(path, records, settings=None):
    """Write ``labels/status.csv``, with the settings in its first line."""
    header = [f"settings: {settings.title}"] if settings is not None else []
    write_table(path, table(records), [*header, *summary(records)])


def counts(records):
    """Return how many records have each state, state -> number."""
    found = {}
    for record in records.values():
        found[record["state"]] = found.get(record["state"], 0) + 1
    return found


def summary(records):
    """Return lines on the records: numbers of states, median time, and core hours."""
    states = ", ".join(f"{number} {state}" for state, number in sorted(counts(records).items())) or "none yet"
    lines = [f"frames: {states}"]
    if (median := median_seconds(records)) is not None:
        lines.append(
            f"median time of a label: {duration(median)}; core hours of new labels: {core_hours(records):.2f}"
        )
    return lines


def median_seconds(records):
    """Return the median wall time (s) of a label, of those found and those computed; None without any."""
    times = [r["seconds"] for r in records.values() if r.get("seconds") and r["state"] != FAILED]
    return float(np.median(times)) if times else None


def core_hours(records):
    """Return the core hours that this study has spent, in all its runs: labels that it found cost it nothing."""
    return sum(record["core_seconds"] or 0.0 for record in records.values() if record["own"]) / 3600


def refuse_failures(records):
    """Stop where too many frames got no label.

    Raises
    ------
    UserError
        When more than a fifth of at least ``FEWEST_TRIED`` tried frames failed; the message has their table.
    """
    tried = {frame: r for frame, r in records.items() if r["state"] in (COMPUTED, RETRIED, FAILED, STORED)}
    failed = {frame: r for frame, r in tried.items() if r["state"] == FAILED}
    if len(tried) < FEWEST_TRIED or len(failed) <= LARGEST_FAILED_SHARE * len(tried):
        return
    rows = "\n".join(f"  - frame {frame}: {record['reason']}" for frame, record in sorted(failed.items())[:10])
    more = f"\n  ... and {len(failed) - 10} more" if len(failed) > 10 else ""
    raise UserError(
        f"{len(failed)} of {len(tried)} frames got no label, more than a fifth:\n{rows}{more}\n"
        "Mend the settings (labels.template, labels.fallback); labels that are stored stay."
    )


def forecast(n_left, records):
    """Return a line on the frames still to label and the time they take, by the median time of a label so far.

    Parameters
    ----------
    n_left : int
    records : dict
        Of the frames so far.
    """
    median = median_seconds(records)
    words = f"{n_left} frame{'' if n_left == 1 else 's'} to label"
    if not n_left:
        return words
    if median is None:
        return f"{words}; no time of a label is known yet"
    return f"{words}, about {duration(n_left * median)} one after the other ({duration(median)} each)"


def progress(folder):
    """Return the forecast of a study at this moment, from the choices of frames and the records in its folder.

    Of each potential only the last choice counts, because all before it have their labels. The folder of a round of
    harvest has the frames that it asks for itself.
    """
    folder, asked = Path(folder), set()
    if (folder / "round.json").exists():
        asked.update(range(len(read_json(folder / "round.json")["frames"])))
    for potential in (folder / "potentials").glob("*"):
        choices = list(potential.glob("iteration_*/choice_*/database.json"))
        if choices:
            asked.update(read_json(max(choices, key=lambda path: path.stat().st_mtime_ns))["asked"])
    records = read_records((folder / "labels").glob("*.json"))
    return forecast(len(asked - set(records)), records)


def affordable(budget, records, cores=1):
    """Return how many more labels the budget allows, None without a limit.

    Parameters
    ----------
    budget : dict or None
        ``labels.budget``: frames, core_hours, or both.
    records : dict
        Of all frames so far. Labels that this study did not compute cost nothing.
    cores : int
        Cores of a calculation, for the expected cost of a label.
    """
    if not budget:
        return None
    limits = []
    spent = sum(record["own"] for record in records.values())
    if budget.get("frames") is not None:
        limits.append(int(budget["frames"]) - spent)
    if budget.get("core_hours") is not None:
        left = float(budget["core_hours"]) - core_hours(records)
        median = median_seconds(records)
        # The first label tells the cost; until then one is allowed.
        limits.append(int(left > 0) if median is None else int(left * 3600 / (median * cores)))
    return max(0, min(limits)) if limits else None
