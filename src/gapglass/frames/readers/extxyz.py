"""Extended XYZ, with the keys of ASE, with REF_* keys, or with any keys that the configuration declares."""

import io
from itertools import islice

import numpy as np

from gapglass.base import units
from gapglass.frames.readers.opening import COMPRESSED
from gapglass.frames.readers.records import Format, RawFrame, from_atoms

# The labels that `keys` may declare, and their units if `key_units` names none; pressure is the negative of stress.
UNITS = {
    "energy": "eV",
    "free_energy": "eV",
    "forces": "eV/A",
    "virial": "eV",
    "stress": "eV/A^3",
    "pressure": "eV/A^3",
    "time": "fs",
}
KNOWN_UNITS = {
    "energy": units.ENERGY_EV,
    "free_energy": units.ENERGY_EV,
    "forces": units.FORCE_EV_PER_ANGSTROM,
    "virial": units.ENERGY_EV,
    "stress": units.PRESSURE_EV_PER_ANGSTROM3,
    "pressure": units.PRESSURE_EV_PER_ANGSTROM3,
    "time": units.TIME_FS,
}


def opened(path):
    """Return a file as an open text stream; a compressed file is unpacked into memory.

    ASE seeks back and forth, which is very slow in a compressed file. ASE gets a stream and not a path, because it
    takes the part of a path after an @ for the numbers of frames.
    """
    opener = COMPRESSED.get(path.suffix)
    if opener is None:
        stream = path.open()
    else:
        with opener(path, "rt") as packed:
            stream = io.StringIO(packed.read())
    _refuse_absurd(stream)
    return stream


def _refuse_absurd(stream):
    """Refuse a frame that claims more atoms than the file has lines, because ASE would try to read each of them."""
    n_lines = 0
    while line := stream.readline():
        n_lines += 1
        if line.strip() and not line.startswith("VEC"):
            n_atoms = int(line)
            n_read = sum(1 for _ in islice(stream, n_atoms + 1))
            n_lines += n_read
            if n_atoms > n_lines:
                raise ValueError(f"a frame claims {n_atoms} atoms, and the file has {n_lines} lines")
    stream.seek(0)


def frames(source):
    """Yield the frames of an extended XYZ file."""
    from ase.io import iread

    with opened(source.path) as stream:
        for atoms in iread(stream, index=":", format="extxyz"):
            yield _declared(source, atoms) if source.keys else from_atoms(atoms)


def _declared(source, atoms):
    """Return a raw frame whose labels are those of the declared keys only."""
    results = getattr(atoms.calc, "results", None) or {}

    def value(what):
        name = source.keys.get(what)
        if name is None:
            return None
        for place in (atoms.info, atoms.arrays, results):
            if name in place:
                return np.asarray(place[name], float)
        return None

    def unit(what):
        return source.key_units.get(what, UNITS[what])

    frame = RawFrame(atoms)
    for kind in ("energy", "free_energy"):
        if (number := value(kind)) is not None:
            frame.energies[kind] = float(units.energy(number, unit(kind)))
    if (forces := value("forces")) is not None:
        frame.forces = units.forces(forces, unit("forces"))
    if (time := value("time")) is not None:
        frame.time_fs = float(units.time(time, unit("time")))
    volume = abs(np.linalg.det(np.asarray(atoms.cell)))
    if (virial := value("virial")) is not None:
        frame.virial = units.energy(_tensor(virial), unit("virial"))
    elif (stress := value("stress")) is not None:
        frame.virial = units.virial_from_stress(_tensor(stress), volume, unit("stress"))
    elif (pressure := value("pressure")) is not None:
        frame.virial = units.virial_from_pressure(_tensor(pressure), volume, unit("pressure"))
    return frame


def _tensor(numbers):
    """Return a 3 x 3 tensor from nine numbers, or from six in the order of ASE: xx yy zz yz xz xy."""
    return units.tensor(numbers, "xx yy zz yz xz xy") if numbers.size == 6 else numbers.reshape(3, 3)


def recognises(name, head):
    """Return whether a file may be extended XYZ, by its suffix or by a first line with a number of atoms."""
    return name.endswith((".extxyz", ".xyz")) or head.split("\n")[0].strip().isdigit()


FORMATS = (
    Format(
        "extxyz",
        family="converted",
        title="extended XYZ",
        frames=frames,
        recognises=recognises,
        options=("keys", "key_units"),
        labels_from=(
            "REF_energy and REF_forces, or energy and forces in ASE's calculator, or the names given in `keys`"
        ),
    ),
)
