"""What the readers of VASP share: reasons, notes, the order of a tensor, elements of POTCARs and names of settings."""

from gapglass.frames.readers import twice

WITHOUT_SCF = "steps without a self-consistent energy (machine-learned force field)"
WITHOUT_FORCES = "steps without forces (a small NWRITE leaves them out)"
CUT_FORCES = "steps whose forces are not numbers"
TRUNCATED = "truncated last frame"
VASP_ORDER = "xx yy zz xy yz zx"
NOT_CONVERGED = "there are steps that used all NELM electronic iterations; their labels may not be converged"


def potcar_element(source, title):
    """Return the element of a POTCAR title such as PAW_PBE Te_sv 23Jan2001; a name in ``species`` stays as it is."""
    words = title.split()
    name = (words[1] if len(words) > 1 else words[0]).split("_")[0].split("/")[0]
    return named_element(source, name)


def named_element(source, name):
    """Return the element of a name such as Te_sv, H1.25 or Te_sv/7c3a5b1e; a name in ``species`` stays as it is."""
    known = source.species if isinstance(source.species, dict) else {}
    for candidate in (name, name.split("/")[0], name.split("/")[0].split("_")[0]):
        if candidate in map(str, known):
            return candidate
    return twice.element_of(name) or name


def functional(values, titles):
    """Return the functional as text, from tags of INCAR and the family of the POTCARs.

    Parameters
    ----------
    values : dict of str
        Tags as VASP prints them.
    titles : list of str
        Titles of the POTCARs.
    """
    values = {name: str(value).strip().strip(".") for name, value in values.items() if value is not None}
    families = sorted({title.split()[0] for title in titles if len(title.split()) > 1})
    gga = values.get("GGA", "--")
    parts = [f"GGA={gga}" if gga.strip("-") else "", "+".join(families)]
    if values.get("METAGGA", "F").strip("-") not in ("", "F", "NONE", "none"):
        parts.append(f"METAGGA={values['METAGGA']}")
    if values.get("LHFCALC", "F").startswith("T"):
        parts.append(f"LHFCALC HFSCREEN={float(values.get('HFSCREEN', 0)):g}")
    if values.get("IVDW", "0") != "0":
        parts.append(f"IVDW={values['IVDW']}")
    parts += [tag for tag in ("LUSE_VDW", "LDAU") if values.get(tag, "F").startswith("T")]
    return " ".join(part for part in parts if part)


def smearing(values):
    """Return ISMEAR and SIGMA as text, None if the file does not state both."""
    if values.get("ISMEAR") is None or values.get("SIGMA") is None:
        return None
    return f"ISMEAR={int(values['ISMEAR'])} SIGMA={float(values['SIGMA']):g} eV"


def k_points(grid, count):
    """Return the k-points as text, from the divisions of their grid (or None) and their number (or None)."""
    if count == 1:
        return "1 point"
    if grid:
        return "x".join(grid.split())
    return None if count is None else f"{count} points"
