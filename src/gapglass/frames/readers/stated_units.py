"""Units that a frame states in its keys (``energy_unit=hartree``), by their usual names."""

import re

import numpy as np

from gapglass.base import units
from gapglass.base.errors import UserError
from gapglass.frames.readers.label_names import family_of

_QUANTITIES = {
    "energy": "energy",
    "energies": "energy",
    "free_energy": "energy",
    "force": "forces",
    "forces": "forces",
    "stress": "stress",
    "virial": "virial",
    "virials": "virial",
    "pressure": "pressure",
    "length": "length",
    "lengths": "length",
    "distance": "length",
    "position": "length",
    "positions": "length",
    "pos": "length",
    "coordinate": "length",
    "coordinates": "length",
    "lattice": "length",
    "cell": "length",
    "time": "time",
    "temperature": "temperature",
    "temp": "temperature",
}
_ENERGY = {
    "ev": units.ENERGY_EV["eV"],
    "electronvolt": units.ENERGY_EV["eV"],
    "electronvolts": units.ENERGY_EV["eV"],
    "hartree": units.ENERGY_EV["Hartree"],
    "hartrees": units.ENERGY_EV["Hartree"],
    "ha": units.ENERGY_EV["Hartree"],
    "eh": units.ENERGY_EV["Hartree"],
    "au": units.ENERGY_EV["Hartree"],
    "ry": units.ENERGY_EV["Ry"],
    "rydberg": units.ENERGY_EV["Ry"],
    "rydbergs": units.ENERGY_EV["Ry"],
    "kcal/mol": units.ENERGY_EV["kcal/mol"],
    "kj/mol": units.ENERGY_EV["kJ/mol"],
}
_LENGTH = {
    "angstrom": 1.0,
    "angstroms": 1.0,
    "ang": 1.0,
    "a": 1.0,
    "å": 1.0,
    "bohr": units.LENGTH_ANGSTROM["Bohr"],
    "bohrs": units.LENGTH_ANGSTROM["Bohr"],
    "a0": units.LENGTH_ANGSTROM["Bohr"],
    "au": units.LENGTH_ANGSTROM["Bohr"],
    "nm": units.LENGTH_ANGSTROM["nm"],
    "pm": 0.01,
}
_PRESSURE = {name.lower(): value for name, value in units.PRESSURE_EV_PER_ANGSTROM3.items()} | {
    "pa": 1e-9 * units.PRESSURE_EV_PER_ANGSTROM3["GPa"],
    "au": units.PRESSURE_EV_PER_ANGSTROM3["Hartree/Bohr^3"],
}
_TIME = {"fs": 1.0, "femtosecond": 1.0, "femtoseconds": 1.0, "ps": 1000.0, "picoseconds": 1000.0}
_TIME |= {"au": units.TIME_FS["a.u."], "s": 1e15}
_OWN_SYSTEM = {"ev", "ev/a", "ev/ang", "ev/angstrom", "ase"}
_OF_KIND = {"REF_energy": "energy", "free_energy": "energy", "guide_energy": "energy", "guide_forces": "forces"}


def _plain(text):
    """Return the text of a unit in small letters, without blanks and in one notation of powers and products."""
    text = str(text).strip().lower().replace("a.u.", "au").replace("atomic units", "au").replace("angström", "ang")
    text = text.replace("ångström", "ang").replace("ångstrom", "ang").replace("**", "^").replace("³", "^3")
    text = re.sub(r"[ *·]*\b(ang(?:stroms?)?|å|a|bohr|a0)\^?-(\d)", lambda m: f"/{m[1]}^{m[2]}", text)
    text = re.sub(r"(?<=[/ ])(mol|ang(?:stroms?)?|å|a|bohr)\^?1\b", r"\1", text).replace(" mol-1", "/mol")
    return re.sub(r"[ _]", "", re.sub(r"\s*per\s*|_per_", "/", text))


def factor(quantity, text):
    """Return what a number in a unit is multiplied with to give eV, Å, fs and K, or None for an unknown unit.

    Parameters
    ----------
    quantity : {"energy", "virial", "forces", "stress", "pressure", "length", "time", "temperature"}
    text : str
    """
    if str(text).strip() == "meV":
        return 1e-3 if quantity in ("energy", "virial") else None
    name = _plain(text)
    if quantity in ("energy", "virial"):
        return _ENERGY.get(name)
    if quantity == "length":
        return _LENGTH.get(name)
    if quantity == "time":
        return _TIME.get(name)
    if quantity == "temperature":
        return 1.0 if name in ("k", "kelvin") else None
    if quantity in ("stress", "pressure"):
        return _PRESSURE.get(name, _ratio(name, 3))
    return _ratio(name, 1) if name != "au" else units.FORCE_EV_PER_ANGSTROM["Hartree/Bohr"]


def _ratio(name, power):
    """Return the factor of an energy over a length to a power, None if one of the two is not known."""
    energy, slash, length = name.rpartition("/")
    match = re.fullmatch(r"(.*?)\^?(3?)\)?", length.lstrip("("))
    if not slash or (match[2] == "3") != (power == 3):
        return None
    above, below = _ENERGY.get(energy), _LENGTH.get(match[1])
    return None if above is None or below is None else above / below**power


class Stated:
    """The units that one frame states, and those of the configuration.

    Parameters
    ----------
    info : dict
        Keys of the frame.
    source : Source or None
        It gets notes, and its name and file stand in errors.
    key_units : dict
        Kind -> unit, of ``key_units`` in the configuration.
    """

    def __init__(self, info, source, key_units):
        self.source, self.key_units = source, key_units
        self.found = {}  # (family, quantity) -> (key, text)
        self.used = {}  # quantity of a label, or kind of the guide's -> whether its unit is stated
        for key, value in info.items():
            if isinstance(value, dict) and str(key).lower() in ("unit", "units"):
                for quantity, text in value.items():
                    self._add(f"{quantity}_unit", text, f"{key}.{quantity}")
            elif isinstance(value, str):
                self._add(str(key), value, str(key))

    def _add(self, key, text, shown):
        name = re.sub(r"[-. ]", "_", key.lower())
        match = re.fullmatch(r"(?:(.*?)_?)units?|units?_(?:of_)?(.+)", name)
        if match is None:
            return
        rest = match[1] or match[2] or ""
        if not rest:
            if _plain(text) not in _OWN_SYSTEM:
                raise self._unknown(shown, text)
            return
        quantity = next((word for word in sorted(_QUANTITIES, key=len, reverse=True) if _ends(rest, word)), None)
        if quantity is None:
            return
        family = rest.removesuffix(quantity).strip("_")
        if factor(_QUANTITIES[quantity], text) is None:
            raise self._unknown(shown, text)
        self.found[family, _QUANTITIES[quantity]] = (shown, text)

    def _error(self, message):
        return UserError(message) if self.source is None else self.source.error(message)

    def _unknown(self, key, text):
        where = "a frame" if self.source is None else self.source.path
        return self._error(
            f"{where} states {key}={text}, a unit that is not known; convert the file to eV, eV/Å and eV/Å³ (stress), "
            "or write a known name: eV, hartree, Ry, kcal/mol, kJ/mol; bohr, nm; eV/Å, hartree/bohr; GPa, kbar, bar"
        )

    def _stated(self, quantity, key=""):
        """Return (key, text) of the unit stated for a label of a name, or for the quantity in general, else None."""
        of_label = family_of(key)[1] or ""
        return self.found.get((of_label, quantity)) or self.found.get(("", quantity))

    def factor(self, kind, key):
        """Return the factor of a label, from the configuration or from the frame.

        Raises
        ------
        UserError
            When the two contradict each other.
        """
        quantity = _OF_KIND.get(kind, kind)
        stated = self._stated(quantity, key)
        if stated is None and quantity == "pressure":
            stated = self._stated("stress", key)
        self.used[kind if kind.startswith("guide") else quantity] = stated is not None or kind in self.key_units
        of_file = 1.0 if stated is None else factor(quantity, stated[1])
        if kind not in self.key_units:
            return of_file
        of_user = _tables(quantity)[self.key_units[kind]]
        if stated is not None and not np.isclose(of_file, of_user, rtol=1e-4):
            raise self._error(
                f"key_units.{kind} is {self.key_units[kind]}, but {self.source.path} states {stated[0]}={stated[1]}; "
                "drop the one that is wrong"
            )
        return of_user

    def apply_length(self, atoms):
        """Convert positions and cell to Å in place."""
        stated = self._stated("length")
        scale = 1.0 if stated is None else factor("length", stated[1])
        if scale != 1.0:
            atoms.positions *= scale
            atoms.cell[:] *= scale

    def note_partial(self):
        """Note labels without a stated unit where other labels state one that is not of eV and Å."""
        foreign = [
            f"{key}={text}" for (_, what), (key, text) in self.found.items() if not np.isclose(factor(what, text), 1)
        ]
        unstated = [what for what, known in self.used.items() if not known and what != "time"]
        if self.source is not None and foreign and unstated:
            self.source.note(
                f"the file states {', '.join(foreign)}, but no unit of {' and '.join(unstated)}, taken as "
                "eV, eV/Å and eV/Å³; give `keys` and `key_units` if that is wrong"
            )


def _ends(rest, word):
    return rest == word or rest.endswith(f"_{word}")


def _tables(quantity):
    return {
        "energy": units.ENERGY_EV,
        "virial": units.ENERGY_EV,
        "forces": units.FORCE_EV_PER_ANGSTROM,
        "stress": units.PRESSURE_EV_PER_ANGSTROM3,
        "pressure": units.PRESSURE_EV_PER_ANGSTROM3,
        "time": units.TIME_FS,
    }[quantity]
