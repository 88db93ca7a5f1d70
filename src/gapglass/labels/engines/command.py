"""Labels by any program that reads an extended XYZ and writes one, such as a script around a calculator of ASE.

The argument list of ``labels.command`` contains {input} and {output}; it is never given to a shell. What the labels
depend on is declared in ``labels.method``, because the program is not known; the content of ``labels.files`` counts
too.
"""

import json
from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.frames.store import write_frames
from gapglass.labels.engines.engine import Engine
from gapglass.labels.label import Label, LabelFailed
from gapglass.labels.matching import bare
from gapglass.labels.settings import digest_of, normalised

INPUT, OUTPUT = "input.extxyz", "output.extxyz"


class Command(Engine):
    """Any program; see ``Engine``."""

    name = "command"
    kept = (*Engine.kept, OUTPUT)

    def check(self, species):
        for name, value in (("input", "{input}"), ("output", "{output}")):
            if not any(value in str(word) for word in self.section.get("command") or ()):
                raise UserError(
                    f"labels.command does not contain {value}, the file of a frame's {name}; for example "
                    "[python, label.py, '{input}', '{output}']"
                )
        if not self.section.get("method"):
            raise UserError(
                "labels.method is missing: with labels.engine: command it says what the labels depend on, for example "
                "{method: GFN2-xTB, accuracy: 0.1}"
            )
        super().check(species)

    def attempts(self):
        return [json.dumps([*self._words(), self.values()])]

    def _words(self):
        return [str(word) for word in self.section.get("command") or ()]

    def values(self, fallback=False):
        found = {str(key): normalised(value) for key, value in (self.section.get("method") or {}).items()}
        for name in self.section.get("files") or ():
            path = Path(name)
            if not path.is_file():
                raise UserError(f"labels.files: there is no file {path}")
            found[f"file {path.name}"] = digest_of(path.read_bytes())
        return found

    def command(self):
        return [word.replace("{input}", INPUT).replace("{output}", OUTPUT) for word in self.launcher()]

    def prepare(self, frame, folder, fallback=False, guess=None, spin=None):
        sent = bare(frame)
        sent.info = {} if spin is None else {"unpaired_electrons": spin}
        write_frames(Path(folder) / INPUT, [sent])

    def read(self, frame, folder):
        frames, source = self.read_frames(Path(folder) / OUTPUT, "extxyz")
        if len(frames) != 1:
            raise LabelFailed(f"{OUTPUT} has {len(frames)} frames, one was asked for")
        raw = frames[0]
        energy = next((raw.energies[k] for k in ("REF_energy", "free_energy", "energy") if k in raw.energies), None)
        if energy is None or raw.forces is None:
            raise LabelFailed(f"{OUTPUT} has no energy or no forces (REF_energy and REF_forces, or energy and forces)")
        steps = raw.atoms.info.get("scf_steps")
        return Label(
            atoms=raw.atoms,
            energy=energy,
            forces=raw.forces,
            virial=raw.virial,
            converged=raw.converged,
            scf_steps=int(steps) if steps is not None else None,
            notes=list(source.notes),
            faults=list(raw.faults),
        )
