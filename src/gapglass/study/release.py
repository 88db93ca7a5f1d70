"""The version of gapglass that wrote a results folder, and the notice of a run that finds results of another one."""

from collections import Counter
from pathlib import Path

from gapglass import __version__
from gapglass.base import files

RECORD = "version.json"
BEFORE_RECORDS = "0.1"  # stands for the versions that wrote no record


def made_by(folder):
    """Return the version of gapglass that last wrote to a results folder, None where the folder holds no results.

    Parameters
    ----------
    folder : path-like
        results/{study}.
    """
    folder = Path(folder)
    if (folder / RECORD).exists():
        return files.read_json(folder / RECORD)["gapglass"]
    return BEFORE_RECORDS if any((folder / name).exists() for name in ("frames", "logs", "report.html")) else None


def counted(rules):
    """Return the number of jobs of each rule, "2 fit_trial, 1 import_frames", for a list of rule names."""
    return ", ".join(f"{count} {rule}" for rule, count in sorted(Counter(rules).items())) or "none"


def notice(folder, planned, kept):
    """Return the notice of a run that finds results of another version, None where it finds none.

    Parameters
    ----------
    folder : path-like
        results/{study}.
    planned, kept : list of str
        The rule of every job that will run, and of every job whose results stay as they are.
    """
    earlier = made_by(folder)
    if earlier in (None, __version__):
        return None
    whose = f"a version of gapglass before {__version__}" if earlier == BEFORE_RECORDS else f"gapglass {earlier}"
    return (
        f"{folder} was made by {whose}; this is gapglass {__version__}.\n"
        f"  Jobs that run again, and overwrite their results: {counted(planned)}\n"
        f"  Jobs whose results are kept: {counted(kept)}\n"
        "  Where the loop or the number of frames decides, later jobs are planned during the run.\n"
        "  To keep the old results, stop the run now and move that folder away, or give the study another name "
        "(`study:`).\n"
        "  To rebuild only what other input or settings demand, run snakemake with --rerun-triggers mtime params "
        "input."
    )


def begin(folder, planned, kept):
    """Print the notice on results of another version, then record the present version in the results folder.

    Parameters
    ----------
    folder, planned, kept
        As for ``notice``.
    """
    text = notice(folder, planned, kept)
    if text:
        print(text, flush=True)
    files.write_json(Path(folder) / RECORD, {"gapglass": __version__})
