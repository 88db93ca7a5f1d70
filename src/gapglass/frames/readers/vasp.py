"""The formats of VASP: vasprun.xml, OUTCAR, XDATCAR and ML_AB.

The kind free_energy is TOTEN (e_fr_energy); energy is the one extrapolated to zero smearing (e_0_energy, sigma->0).
VASP prints the pressure tensor in kB (kbar), positive under compression and without the kinetic contribution.
"""

import re

from gapglass.frames.readers import vasp_lists, vasp_outcar, vasp_xml
from gapglass.frames.readers.records import Format

FORMATS = (
    Format(
        "vasp_xml",
        family="VASP",
        title="VASP vasprun.xml",
        frames=vasp_xml.frames,
        recognises=lambda name, head: "<modeling>" in head,
        options=("species",),
        labels_from="a vasprun.xml with forces",
    ),
    Format(
        "vasp_outcar",
        family="VASP",
        title="VASP OUTCAR",
        frames=vasp_outcar.frames,
        recognises=lambda name, head: re.match(r"\s*vasp\.\d", head) is not None,
        options=("species",),
        labels_from="a complete OUTCAR or vasprun.xml",
    ),
    Format(
        "vasp_ml_ab",
        family="VASP",
        title="VASP ML_AB",
        frames=vasp_lists.ml_ab_frames,
        recognises=lambda name, head: "The number of configurations" in head,
        options=("species",),
        labels_from="vasprun.xml or OUTCAR",
    ),
    Format(
        "vasp_xdatcar",
        family="VASP",
        title="VASP XDATCAR",
        frames=vasp_lists.xdatcar_frames,
        recognises=lambda name, head: re.search(r"^(Direct|Cartesian) configuration=", head, re.MULTILINE) is not None,
        options=("species",),
        labels_from="vasprun.xml or OUTCAR of the same run, which an XDATCAR does not replace",
    ),
)
