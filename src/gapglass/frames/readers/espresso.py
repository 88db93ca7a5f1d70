"""The formats of Quantum ESPRESSO: the output of pw.x, and the files PREFIX.pos, .for, .cel, .evp of cp.x."""

from gapglass.frames.readers import espresso_cp, espresso_pw
from gapglass.frames.readers.records import Format

FORMATS = (
    Format(
        "espresso_pw",
        family="Quantum ESPRESSO",
        title="Quantum ESPRESSO pw.x output",
        frames=espresso_pw.frames,
        recognises=lambda name, head: "Program PWSCF" in head,
        options=("species",),
        labels_from="a pw.x output with forces (tprnfor)",
    ),
    Format(
        "espresso_cp",
        family="Quantum ESPRESSO",
        title="Quantum ESPRESSO cp.x PREFIX.pos and its companions",
        frames=espresso_cp.frames,
        recognises=espresso_cp.recognises,
        companions=espresso_cp.companions,
        accepts=("forces", "energies", "cell"),
        options=("companions", "species", "cell"),
        labels_from="PREFIX.for (tprnfor) and PREFIX.evp",
    ),
)
