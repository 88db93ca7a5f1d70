"""Entries of a configuration and the frames that they select, for the tests of this folder."""

import shutil

from conftest import ROOT

from gapglass.frames import readers, trajectory

FIXTURES = ROOT / "tests/data/readers"
FAULTS = ROOT / "tests/data/faults"
SETTINGS = {
    "max_rejected_fraction": 0.5,
    "min_distance": 0.6,
    "max_force": 100.0,
    "energy_source": "auto",
    "energies_agree": False,
}


def entry(path, **changes):
    """Return a completed entry of ``trajectories``."""
    defaults = {
        "name": "run",
        "file": str(path),
        "start": 0,
        "stop": None,
        "stride": 1,
        "where": {},
        "temperature": 300.0,
        "temperature_key": None,
        "interval": None,
        "role": "reference",
    }
    return defaults | changes


def frames_of(path, **options):
    """Return the raw frames of a file and its source."""
    source = readers.source_of(entry(path, **options))
    return [raw for _, raw in trajectory.read_raw(entry(path, **options), source)], source


def copied(folder, tmp_path):
    """Copy the files of a folder of ``FIXTURES``; return where they are."""
    for path in (FIXTURES / folder).iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path
