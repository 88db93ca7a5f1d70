"""Labels by VASP: INCAR, KPOINTS and POTCARs of the user; gapglass writes POSCAR and reads OUTCAR and vasprun.xml.

VASP wants atoms grouped by species. They are sorted for it, and its forces are put back into the order of the frame.
"""

import json
import re
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.labels.engines.engine import SCREEN, Engine, template, text_of
from gapglass.labels.label import Label, LabelFailed
from gapglass.labels.settings import digest_of, normalised

ORDER = "order.json"
SAME_ENERGY = 1e-5  # eV; vasprun.xml and OUTCAR print eight digits
SAME_FORCE = 2e-5  # eV/Å; OUTCAR prints six digits
OURS = {"IBRION": "-1", "NSW": "0", "LWAVE": ".FALSE.", "LCHARG": ".FALSE."}
# Tags on which labels do not depend: parallelisation, files, and the way to self-consistency.
_OTHER = {
    "SYSTEM", "NCORE", "NPAR", "KPAR", "NSIM", "LPLANE", "LSCALU", "NWRITE", "LWAVE", "LCHARG", "LVTOT", "LELF",
    "LORBIT", "ISTART", "ICHARG", "INIWAV", "ALGO", "IALGO", "NELM", "NELMIN", "NELMDL", "IMIX", "AMIX", "BMIX",
    "AMIX_MAG", "BMIX_MAG", "AMIN", "MAXMIX", "WC", "TIME", "LDIAG", "IBRION", "NSW", "ISIF", "POTIM", "EDIFFG",
    "LASYNC", "LH5", "NBLOCK", "KBLOCK",
}  # fmt: skip
_ERROR = re.compile(
    r"^.*?(VERY BAD NEWS!.*|ZBRENT: fatal error.*|Error EDDDAV.*|internal error in subroutine.*|ERROR:? .*)$",
    re.MULTILINE,
)


class Vasp(Engine):
    """VASP; see ``Engine``."""

    name = "vasp"
    programs = ("vasp_std", "vasp_gam", "vasp")
    kept = (SCREEN, "INCAR", "OUTCAR")

    def incar(self, fallback=False):
        """Return {tag: value} of the INCAR of the user, after refusing what cannot be used."""
        path, text = template(self.section, "fallback" if fallback else "incar")
        tags = {}
        for line in re.sub(r"\\\s*\n", " ", text).splitlines():
            for part in re.split(r"[!#]", line)[0].split(";"):
                name, equals, value = part.partition("=")
                if equals:
                    tags[name.strip().upper()] = value.strip()
        if tags.get("NSW", "0") != "0" or normalised(tags.get("IBRION", "-1")) not in ("-1",):
            raise UserError(f"{path}: NSW or IBRION moves the atoms; labels are single points, drop both")
        if normalised(tags.get("ML_LMLFF", "F")) == "TRUE":
            raise UserError(f"{path}: ML_LMLFF is set; a machine-learned force field gives no first-principles labels")
        if "ENCUT" not in tags:
            raise UserError(f"{path} has no ENCUT; by default it would depend on the elements of a frame")
        return tags

    def check(self, species):
        self.incar()
        if not self.section.get("kpoints") and "KSPACING" not in self.incar():
            raise UserError("labels.kpoints is missing, and INCAR has no KSPACING")
        for symbol in species:
            self._potcar(symbol)
        super().check(species)

    def _potcar(self, symbol):
        """Return (path, text) of the POTCAR of an element."""
        given = self.section.get("potcars") or {}
        if symbol not in given:
            raise UserError(f"labels.potcars names no file for {symbol}, which the frames hold: {{{symbol}: PATH}}")
        path = Path(given[symbol])
        try:
            text = path.read_text(errors="replace")
        except OSError as error:
            raise UserError(f"labels.potcars.{symbol}: {path} cannot be read ({error.strerror})") from error
        title = re.search(r"TITEL\s*=\s*(.+)", text)
        if title is None or text.count("End of Dataset") > 1:
            raise UserError(f"labels.potcars.{symbol}: {path} is no POTCAR of one element")
        words = title.group(1).split()
        element = re.split(r"[_.]", words[1] if len(words) > 1 else words[0])[0]
        if element != symbol:
            raise UserError(f"labels.potcars.{symbol}: {path} is of {element} ({title.group(1).strip()})")
        return path, text

    def attempts(self):
        parts = [template(self.section, "incar")[1]]
        if self.has_fallback:
            parts.append(template(self.section, "fallback")[1])
        return parts

    def values(self, fallback=False):
        found = {f"INCAR/{tag}": normalised(value) for tag, value in self.incar(fallback).items() if tag not in _OTHER}
        if self.section.get("kpoints"):
            lines = template(self.section, "kpoints")[1].splitlines()
            # The first line is a comment; comments may also end a line.
            found["KPOINTS"] = normalised(" ".join(re.split(r"[!#]", line)[0] for line in lines[1:]))
        for symbol in sorted(self.section.get("potcars") or {}):
            text = self._potcar(symbol)[1]
            title = re.search(r"TITEL\s*=\s*(.+)", text).group(1)
            found[f"POTCAR {symbol}"] = f"{' '.join(title.split())} {digest_of(text)}"
        return found

    def command(self):
        return self.launcher()

    def prepare(self, frame, folder, fallback=False, guess=None, spin=None):
        folder = Path(folder)
        tags = self.incar(fallback) | OURS
        if self.virials:
            tags["ISIF"] = "2"
        tags.pop("NWRITE", None)  # 0 and 1 leave out what is read
        if spin is not None:
            tags |= {"ISPIN": "2", "NUPDOWN": str(spin)}
        (folder / "INCAR").write_text("".join(f"{name} = {value}\n" for name, value in tags.items()))
        if self.section.get("kpoints"):
            (folder / "KPOINTS").write_text(template(self.section, "kpoints")[1])
        species = list(dict.fromkeys(frame.symbols))
        order = [i for symbol in species for i, other in enumerate(frame.symbols) if other == symbol]
        (folder / ORDER).write_text(json.dumps(order))
        texts = [self._potcar(symbol)[1] for symbol in species]
        (folder / "POTCAR").write_text("".join(text if text.endswith("\n") else text + "\n" for text in texts))
        counts = [sum(other == symbol for other in frame.symbols) for symbol in species]
        rows = [*np.asarray(frame.cell), *frame.positions[order]]
        numbers = [" ".join(f"{value:.10f}" for value in row) for row in rows]
        lines = [
            "gapglass", "1.0", *numbers[:3], " ".join(species), " ".join(map(str, counts)), "Cartesian", *numbers[3:],
        ]  # fmt: skip
        (folder / "POSCAR").write_text("\n".join(lines) + "\n")

    def read(self, frame, folder):
        folder = Path(folder)
        frames, source = self.read_frames(folder / "OUTCAR", "vasp_outcar")
        if len(frames) != 1:
            raise LabelFailed(f"OUTCAR has {len(frames)} complete steps, one was asked for")
        raw, faults = frames[0], list(frames[0].faults)
        energy, forces = raw.energies["free_energy"], raw.forces
        positions = raw.atoms.positions
        if (folder / "vasprun.xml").is_file():
            twin, _ = self.read_frames(folder / "vasprun.xml", "vasp_xml")
            if len(twin) == 1 and twin[0].forces is not None:
                faults += _contradictions(energy, forces, twin[0])
                energy, forces = twin[0].energies["free_energy"], twin[0].forces
                positions = twin[0].atoms.positions
        order = np.array(json.loads((folder / ORDER).read_text()))
        if len(order) != len(forces):
            raise LabelFailed(f"OUTCAR is of {len(forces)} atoms, {len(order)} were sent")
        back = np.argsort(order)
        atoms = raw.atoms[back]
        atoms.positions = positions[back]
        text = text_of(folder / "OUTCAR")
        steps = re.findall(r"-- Iteration\s+\d+\(\s*(\d+)\)", text)
        version = re.search(r"^\s*vasp\.(\d+(?:\.\d+)*)", text)
        return Label(
            atoms=atoms,
            energy=energy,
            forces=forces[back],
            virial=raw.virial,
            converged=raw.converged,
            scf_steps=max(map(int, steps)) if steps else None,
            version=version.group(1) if version else None,
            ranks=self.stated_ranks(folder),
            notes=[note for note in source.notes if "timing summary" not in note],
            faults=faults,
        )

    def stated_ranks(self, folder):
        text = text_of(Path(folder) / "OUTCAR")
        found = re.search(r"running\s+(\d+)\s+mpi-ranks|running on\s+(\d+)\s+(?:total cores|nodes)", text)
        return int(found.group(1) or found.group(2)) if found else None

    def complaint(self, folder):
        """Return the message of an error that VASP prints, which need not change its status."""
        folder = Path(folder)
        for name in (SCREEN, "OUTCAR"):
            found = _ERROR.search(text_of(folder / name))
            if found:
                return f"VASP: {' '.join(found.group(1).strip(' |').split())}"
        return None


def _contradictions(energy, forces, twin):
    """Return what OUTCAR and vasprun.xml state differently."""
    found = []
    other = twin.energies["free_energy"]
    if abs(energy - other) > SAME_ENERGY:
        found.append(f"OUTCAR has the energy {energy:.8f} eV, vasprun.xml {other:.8f} eV")
    if forces.shape != twin.forces.shape or np.abs(forces - twin.forces).max() > SAME_FORCE:
        found.append("OUTCAR and vasprun.xml have different forces")
    return found
