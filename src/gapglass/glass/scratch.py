"""Glass models by melt-quench: random packing, push-off, and the stages of the thermal cycle.

Source: section 2.5 of doi:10.1111/jace.20128.
"""

import shutil
import tempfile
from pathlib import Path


def clear(folder):
    """Remove what an earlier attempt left: folders of a killed run, files of a failed one."""
    for left in (*folder.glob(".running-*"), folder / "failed"):
        shutil.rmtree(left, ignore_errors=True)


class Scratch:
    """A folder beside the target for LAMMPS' files; kept when the run fails, so that its log can be read."""

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
