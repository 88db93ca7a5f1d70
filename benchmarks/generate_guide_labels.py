"""Write energies and forces of CHGNet 0.3.0 beside the labels of an extended XYZ file, as guide of a study.

    python3 -m venv somewhere/chgnet
    somewhere/chgnet/bin/pip install chgnet==0.4.2
    somewhere/chgnet/bin/python benchmarks/generate_guide_labels.py labelled.extxyz with-guide.extxyz

CHGNet (doi:10.1038/s42256-023-00716-3) is no dependency of gapglass: the script needs an environment of its own. The
package 0.4.2 holds the weights 0.3.0. The labels of the file stay as they are; ``guide_energy`` (eV) and
``guide_forces`` (eV/Å) are added.
"""

import argparse
from pathlib import Path

import torch
from ase.io import read, write
from chgnet.model import CHGNet
from pymatgen.io.ase import AseAtomsAdaptor

EVERY = 10  # frames between two lines of progress


def main():
    """Read frames, evaluate CHGNet on them, write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="extended XYZ file with labels")
    parser.add_argument("target", type=Path, help="file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model, frames = CHGNet.load(model_name="0.3.0", use_device="cpu"), read(arguments.source, ":")
    for number, frame in enumerate(frames, 1):  # one at a time: several need GB of memory, and are no faster on a CPU
        found = model.predict_structure(AseAtomsAdaptor.get_structure(frame), task="ef")
        frame.info["guide_energy"] = float(found["e"]) * len(frame)  # CHGNet gives eV/atom
        frame.arrays["guide_forces"] = found["f"].astype(float)
        if number % EVERY == 0 or number == len(frames):
            print(f"{number} of {len(frames)} frames", flush=True)
    write(arguments.target, frames, format="extxyz")


if __name__ == "__main__":
    main()
