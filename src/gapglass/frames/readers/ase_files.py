"""Files that ASE writes: .traj (ulm: JSON and plain arrays) and databases (.db: SQLite, .json).

Reading them never runs code from the file: ``TrajectoryReader`` reads JSON and raw numbers and refuses the pickled
.traj files of ASE before 2015, and databases contain JSON. ``ase.io.read`` would fall back to other formats, so it is
not used.
"""

import re

from gapglass.frames.readers import guide
from gapglass.frames.readers.families import declared_or_chosen
from gapglass.frames.readers.records import Format


def traj_frames(source):
    """Yield the frames of an ASE trajectory."""
    from ase.io.trajectory import TrajectoryReader

    with TrajectoryReader(str(source.path)) as trajectory:
        for atoms in trajectory:
            yield declared_or_chosen(source, atoms)


def db_frames(source):
    """Yield the rows of an ASE database in the order of their id; key-value pairs are keys for `where`.

    A key-value pair is one number or text, so the forces of a guide are read from the ``data`` of the row.
    """
    from ase.db import connect

    database = connect(str(source.path), type="json" if source.path.suffix == ".json" else "db", use_lock_file=False)
    for row in database.select(sort="id"):
        atoms = row.toatoms()
        atoms.info |= row.key_value_pairs
        atoms.info |= {key: row.data[key] for key in guide.names(source.keys).values() if key in row.data}
        yield declared_or_chosen(source, atoms)


def recognises_db(name, head):
    """Return whether a file is an SQLite or JSON database, by its first bytes."""
    if head.startswith("SQLite format 3"):
        return True
    return name.endswith(".json") and re.match(r'\{"\d+": \{', head) is not None


FORMATS = (
    Format(
        "ase_traj",
        family="converted",
        title="ASE trajectory (.traj)",
        frames=traj_frames,
        recognises=lambda name, head: head.startswith("- of Ulm"),
        options=("keys", "key_units"),
        labels_from="frames written with a calculator that has energy and forces",
    ),
    Format(
        "ase_db",
        family="converted",
        title="ASE database (.db, .json)",
        frames=db_frames,
        recognises=recognises_db,
        options=("keys", "key_units"),
        labels_from="rows written with a calculator that has energy and forces",
    ),
)
