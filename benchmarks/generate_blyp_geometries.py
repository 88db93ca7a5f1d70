"""Write CHGNet's frames at the steps of the BLYP labels, with CHGNet's energies and forces.

    .venv/bin/python benchmarks/generate_blyp_geometries.py benchmarks/trajectories/teo2-blyp-geometries.extxyz

They are the trajectory of ``harvest-teo2-blyp.yaml``: every frame has a label in resources/teo2-blyp, and a guide.
"""

import argparse
import lzma
from pathlib import Path

from ase.io import read, write

from gapglass.base import files

RESOURCES = Path(__file__).resolve().parents[1] / "resources"


def frames_of(name):
    """Return the frames of the glass trajectory of a resource by their step."""
    with lzma.open(RESOURCES / name / f"{name}.extxyz.xz", "rt") as text:
        found = read(text, ":", format="extxyz")
    return {frame.info["step"]: frame for frame in found if frame.info["trajectory"] == "glass"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    target = parser.parse_args().target
    trajectory = frames_of("teo2-chgnet")
    target.parent.mkdir(parents=True, exist_ok=True)
    with files.whole_file(target) as temporary:
        write(temporary, [trajectory[step] for step in sorted(frames_of("teo2-blyp"))], format="extxyz")
