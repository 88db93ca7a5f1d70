"""The working folder of a LAMMPS run, which disappears after a success and stays as ``failed`` after a failure."""

import shutil
import tempfile
from pathlib import Path


def clear(folder):
    """Remove the working folders of killed runs and the folder ``failed`` of an earlier attempt."""
    for left in (*folder.glob(".running-*"), folder / "failed"):
        shutil.rmtree(left, ignore_errors=True)


class Scratch:
    """Context manager that yields a working folder for LAMMPS beside the file ``target``.

    Remains of earlier attempts are removed first. When the block raises an error, the folder is renamed to ``failed``,
    so that its log and dumps can be read; otherwise it is deleted.
    """

    def __init__(self, target):
        self.parent = Path(target).parent

    def __enter__(self):
        self.parent.mkdir(parents=True, exist_ok=True)
        clear(self.parent)
        self.folder = Path(tempfile.mkdtemp(dir=self.parent, prefix=".running-"))
        return self.folder

    def __exit__(self, kind, error, trace):
        if kind is None:
            shutil.rmtree(self.folder)
        else:
            self.folder.rename(self.parent / "failed")
