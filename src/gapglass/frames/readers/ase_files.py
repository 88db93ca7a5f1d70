"""What ASE writes: .traj (ulm: JSON and plain arrays) and databases (.db: SQLite, .json).

Neither runs code that the file brings: ``TrajectoryReader`` reads JSON and raw numbers and refuses the pickled .traj of ASE before
2015, and databases hold JSON. ``ase.io.read`` is not used, because it would fall back to other formats.
"""

import re

from ase.db import connect
from ase.io.trajectory import TrajectoryReader

from gapglass.frames.readers.records import Format, from_atoms


def traj_frames(source):
    """Yield the frames of an ASE trajectory."""
    with TrajectoryReader(str(source.path)) as trajectory:
        for atoms in trajectory:
            yield from_atoms(atoms)


def db_frames(source):
    """Yield the rows of an ASE database in the order of their id; key-value pairs are keys for `where`."""
    database = connect(str(source.path), type="json" if source.path.suffix == ".json" else "db", use_lock_file=False)
    for row in database.select(sort="id"):
        atoms = row.toatoms()
        atoms.info |= row.key_value_pairs
        yield from_atoms(atoms)


FORMATS = (
    Format(
        "ase_traj", "converted", "ASE trajectory (.traj)", traj_frames,
        lambda name, head: head.startswith("- of Ulm"), labels_from="frames written with a calculator that has energy and forces",
    ),
    Format(
        "ase_db", "converted", "ASE database (.db, .json)", db_frames,
        lambda name, head: head.startswith("SQLite format 3") or (name.endswith(".json") and re.match(r'\{"\d+": \{', head) is not None),
        labels_from="rows written with a calculator that has energy and forces",
    ),
)  # fmt: skip
