"""The explorer: a page on which one points at a frame on the map, or at an atom of a glass, and sees the atoms.

The map and the atoms are drawn by chemiscope (https://chemiscope.org), whose viewer and data stand in the page itself:
a page that is opened from the disk may not read other files, and needs no network.
"""

import json
from pathlib import Path

import ase.io
import chemiscope
import jinja2
import numpy as np
from ase.neighborlist import neighbor_list

from gapglass.base import units
from gapglass.base.files import read_json, read_table
from gapglass.frames import store
from gapglass.labels.attach import HARVESTED
from gapglass.potential.engine import GAP, EngineError
from gapglass.potential.evaluation import UNLABELLED
from gapglass.report.figures.style import model_label
from gapglass.selection import time_blocks

TEMPLATES = Path(__file__).with_name("templates")
VIEWER = Path(chemiscope.__file__).with_name("sphinx") / "static" / "chemiscope.min.js"
FRAME_ATOMS = 300_000  # atoms of all frames on the page, about 20 bytes each
GLASS_ATOMS = 20_000  # atoms of all glasses on the page, each of which is a point of the map
SETS = {
    "train": "training",
    "test": "test",
    "validation": "validation",
    "holdout": "hold-out",
    "guard": "guard",
    "unused": "not chosen",
}


def roles(table, predictions=None, guard=()):
    """Return what each frame was used for.

    Parameters
    ----------
    table : pandas.DataFrame
        frames/table.csv: frame, trajectory, labelled.
    predictions : pandas.DataFrame, optional
        predictions.csv of the potential: frame, set.
    guard : collection of int
        Frames beside those that were set aside, which nothing uses.

    Returns
    -------
    list of str
        training, test, validation, hold-out, guard, not chosen, no label, not used yet.
    """
    sets = {} if predictions is None else dict(zip(predictions["frame"], predictions["set"], strict=True))
    guard, found = set(guard), []
    for frame, labelled in zip(table["frame"], table["labelled"], strict=True):
        used = sets.get(frame, "unused")
        used = "unused" if used == UNLABELLED else used
        if used == "unused" and frame in guard:
            used = "guard"
        if used == "unused" and not labelled:
            found.append("no label")
        elif used == "unused" and predictions is None:
            found.append("not used yet")
        else:
            found.append(SETS[used])
    return found


def frame_errors(predictions, forces):
    """Return the errors of a potential on single frames.

    Parameters
    ----------
    predictions : pandas.DataFrame
        predictions.csv: frame, energy_reference_ev_per_atom, energy_gap_ev_per_atom.
    forces : mapping of numpy.ndarray
        forces.npz: ``frame`` (row of ``predictions``) of each atom, ``reference`` and ``gap`` (eV/Å).

    Returns
    -------
    pandas.DataFrame
        frame, energy_error (meV/atom) and force_error (eV/Å, root mean square of the components).
    """
    squares = ((forces["gap"] - forces["reference"]) ** 2).mean(axis=1)
    n_atoms = np.bincount(forces["frame"], minlength=len(predictions))
    sums = np.bincount(forces["frame"], weights=squares, minlength=len(predictions))
    with np.errstate(invalid="ignore", divide="ignore"):
        of_force = np.sqrt(sums / n_atoms)
    of_energy = 1000 * (predictions["energy_gap_ev_per_atom"] - predictions["energy_reference_ev_per_atom"])
    return predictions[["frame"]].assign(energy_error=of_energy, force_error=of_force)


def thinned(n_atoms, keep, most=FRAME_ATOMS):
    """Return the places of the frames that are shown: all, or those to keep and others at even steps.

    Parameters
    ----------
    n_atoms : numpy.ndarray, shape (n,)
        Number of atoms of each frame.
    keep : numpy.ndarray of bool, shape (n,)
        Frames that are shown in any case, unless they alone are too many.
    most : int
        Number of atoms on the page.
    """
    places, step = np.arange(len(n_atoms)), 1
    chosen = places
    while n_atoms[chosen].sum() > most and step < len(places):
        step += 1
        chosen = places[keep | (places % step == 0)] if n_atoms[keep].sum() <= most / 2 else places[::step]
    return chosen


def _property(values, target, unit=None, description=None):
    """Return a property in the form of chemiscope; numbers are rounded to six digits."""
    values = list(values)
    if not isinstance(values[0], str):
        values = [float(f"{value:.6g}") for value in values]
    found = {"target": target, "values": values, "units": unit, "description": description}
    return {key: value for key, value in found.items() if value is not None}


def _bare(atoms):
    """Return atoms without labels, wrapped into the cell, in thousandths of an Å."""
    bare = ase.Atoms(atoms.numbers, positions=atoms.positions, cell=np.round(atoms.cell.array, 4), pbc=atoms.pbc)
    bare.wrap()
    bare.positions = np.round(bare.positions, 3)
    return bare


def of_frames(frames, table):
    """Return the dataset of the frames.

    Parameters
    ----------
    frames : list of ase.Atoms
    table : pandas.DataFrame
        A row for each frame: frame, trajectory, temperature_k, time_ps, cluster, energy_ev_per_atom,
        density_g_per_cm3, min_distance_angstrom, x, y, role, and, where there is a potential, energy_error and
        force_error.

    Returns
    -------
    dict
        ``data`` for the viewer, ``colours`` (properties to colour by) and ``numbers`` (properties to list).
    """

    def of(values, unit=None, description=None):
        return _property(values, "structure", unit, description)

    properties = {
        "map x": of(table["x"], None, "first coordinate of the distances of the kernel"),
        "map y": of(table["y"], None, "second coordinate of the distances of the kernel"),
        "role": of(table["role"]),
        "cluster": of(table["cluster"], None, "numbered by rising mean energy"),
        "temperature": of(table["temperature_k"], "K"),
        "energy": of(table["energy_ev_per_atom"], "eV/atom"),
    }
    if "energy_error" in table:
        properties["energy error"] = of(table["energy_error"], "meV/atom", "potential minus label")
        properties["size of the energy error"] = of(table["energy_error"].abs(), "meV/atom")
        properties["force error"] = of(table["force_error"], "eV/Å", "root mean square of the components")
    properties |= {
        "density": of(table["density_g_per_cm3"], "g/cm³"),
        "closest distance": of(table["min_distance_angstrom"], "Å"),
        "time": of(table["time_ps"], "ps"),
        "trajectory": of(table["trajectory"].astype(str)),
        "frame": of(table["frame"]),
    }
    if (table["trajectory"] == HARVESTED).any():
        harvested = np.where(table["trajectory"] == HARVESTED, HARVESTED, "of a trajectory")
        properties["origin"] = of(harvested.tolist())
    properties = {name: item for name, item in properties.items() if _known(item["values"])}
    settings = chemiscope.quick_settings(
        x="map x",
        y="map y",
        map_color="cluster",
        symbol="role",
        periodic=True,
        map_settings={"color": {"property": "cluster"}, "size": {"factor": 35}},
    )
    data = chemiscope.create_input([_bare(frame) for frame in frames], properties=properties, settings=settings)
    hidden = ("map x", "map y")
    shown = [name for name in properties if name not in hidden]
    return {
        "data": data,
        "colours": [name for name in shown if name not in ("frame", "time")],
        "numbers": shown,
        "start": "cluster",
    }


def _known(values):
    """Return whether a property has a value for some frame."""
    return isinstance(values[0], str) or not np.isnan(values).all()


def _atoms_of_glass(atoms, cutoffs, potential, variance):
    """Return what is known of each atom of a glass, name -> (values, unit, description)."""
    symbols = np.array(atoms.get_chemical_symbols())
    found = {"element": (symbols.tolist(), None, None)}
    for pair, cutoff in cutoffs.items():
        first, second = pair.split("-")
        centre, distance = neighbor_list("id", atoms, {(first, second): cutoff})
        count = np.bincount(centre, minlength=len(atoms))
        mean = np.bincount(centre, weights=distance, minlength=len(atoms)) / np.where(count, count, np.nan)
        counted = np.isin(symbols, [first, second])
        found[f"{pair} neighbours"] = (np.where(counted, count, np.nan), None, f"within {cutoff:g} Å")
        found[f"{pair} mean distance"] = (np.where(counted, mean, np.nan), "Å", f"to neighbours within {cutoff:g} Å")
    try:
        calculator = GAP(potential, variance=variance)
        calculator.calculate(atoms)
    except EngineError:
        return found  # a potential that only QUIP evaluates
    energies = calculator.results["energies"].copy()
    for symbol in set(symbols):
        energies[symbols == symbol] -= energies[symbols == symbol].mean()
    found["energy of the atom"] = (1000 * energies, "meV", "above the mean of its element")
    if variance is not None:
        sigma = 1000 * np.sqrt(calculator.results["energy_variances"])
        found["predicted error"] = (sigma, "meV", "standard deviation of the energy of the atom")
    return found


def of_glasses(glasses, models, cutoffs, potentials, variances):
    """Return the dataset of the final glasses, in which every atom is a point of the map; None without a glass.

    Parameters
    ----------
    glasses : dict
        Model ("optimal_96_1", "optimal_96_rate_10_1") -> ase.Atoms.
    models : dict
        Model -> what is known of it, name -> text.
    cutoffs : dict
        ``structure.coordination_cutoffs``.
    potentials, variances : dict
        Potential -> its gap.xml, and its gap.variance where it has one.

    Returns
    -------
    dict or None
        As for ``of_frames``, with ``models`` (name and numbers of each glass) besides.
    """
    if not glasses:
        return None
    columns = {}
    for model, atoms in glasses.items():
        potential = next(name for name in potentials if model.startswith(f"{name}_"))
        known = _atoms_of_glass(atoms, cutoffs, potentials[potential], variances.get(potential))
        for name, (values, unit, description) in known.items():
            columns.setdefault(name, ([], unit, description))[0].append((model, values))
    properties = {}
    for name, (parts, unit, description) in columns.items():
        of_model = dict(parts)
        empty = "" if name == "element" else np.nan
        values = [value for model, atoms in glasses.items() for value in of_model.get(model, [empty] * len(atoms))]
        properties[name] = _property(values, "atom", unit, description)
    properties = {name: item for name, item in properties.items() if _known(item["values"])}
    places = [place for atoms in glasses.values() for place in range(len(atoms))]
    properties["atom"] = _property(places, "atom")
    numbers = [name for name in properties if name not in ("element", "atom")]
    start = next((name for name in numbers if name.endswith("neighbours")), numbers[0] if numbers else "element")
    settings = chemiscope.quick_settings(
        x=numbers[1] if len(numbers) > 1 else "atom",
        y=numbers[2] if len(numbers) > 2 else start,
        map_color=start,
        symbol="element",
        periodic=True,
        target="atom",
        map_settings={"color": {"property": start}, "size": {"factor": 35}},
        structure_settings={"supercell": [1, 1, 1], "environments": {"activated": False}},
    )
    structures = [_bare(atoms) for atoms in glasses.values()]
    data = chemiscope.create_input(
        structures,
        properties=properties,
        environments=chemiscope.all_atomic_environments(structures, cutoff=4.0),
        settings=settings,
    )
    return {
        "data": data,
        "colours": [name for name in properties if name != "atom"],
        "numbers": list(properties),
        "start": start,
        "models": [{"name": model_label(model), **models.get(model, {})} for model in glasses],
    }


def shown_glasses(n_atoms, most=GLASS_ATOMS):
    """Return the models that fit on the page, the first replica of each first.

    Parameters
    ----------
    n_atoms : dict
        Model ("optimal_96_1") -> number of atoms.
    most : int
        Number of atoms of all of them.
    """
    chosen, total = set(), 0
    for model in sorted(n_atoms, key=lambda name: (int(name.rsplit("_", 1)[1]), n_atoms[name])):
        if total + n_atoms[model] <= most:
            chosen.add(model)
            total += n_atoms[model]
    return [model for model in n_atoms if model in chosen]


def of_study(files, cutoffs, study, report="report.html"):
    """Return the explorer of a study as HTML, None before its frames are on the map.

    Parameters
    ----------
    files : mapping
        From ``Study.explorer_files``: names -> paths, of which those that exist are read.
    cutoffs : dict
        ``structure.coordination_cutoffs``.
    study : str
        Name of the study.
    report : str
        Name of the report beside the page.
    """
    if not all(Path(files[name]).exists() for name in ("frames", "table", "labels", "map", "sets")):
        return None
    frames, notes = _frames_of_study(files)
    paths = {"_".join(Path(path).parts[-4:-1]): path for path in files["outcomes"] if Path(path).exists()}
    outcomes = {model: read_json(path) for model, path in paths.items()}
    made = {"_".join(Path(path).parts[-4:-1]): path for path in files["glasses"]}
    glasses = {model: ase.io.read(made[model]) for model, outcome in outcomes.items() if not outcome["exploded"]}
    chosen = shown_glasses({model: len(atoms) for model, atoms in glasses.items()})
    if len(chosen) < len(outcomes):
        notes.append(
            f"{len(chosen)} of {len(outcomes)} glass models are shown: those that exploded have no structure, and "
            f"the page has room for {GLASS_ATOMS} atoms."
        )
    models = {model: _told_of_glass(glasses[model], outcomes[model]) for model in chosen}
    potentials = {Path(path).parent.name: path for path in files["potentials"]}
    variances = {Path(path).parent.name: path for path in files["variances"]}
    dataset = of_glasses({model: glasses[model] for model in chosen}, models, cutoffs, potentials, variances)
    return render(study, frames, dataset, notes, report)


def _told_of_glass(atoms, outcome):
    """Return what is known of a glass as a whole, name -> text."""
    density = atoms.get_masses().sum() / atoms.get_volume() * units.AMU_PER_A3_IN_G_PER_CM3
    believed = {True: "yes", False: "no", None: "not counted"}[outcome.get("believed")]
    return {"atoms": str(len(atoms)), "density": f"{density:.3f} g/cm³", "to be believed": believed}


def _frames_of_study(files):
    """Return the dataset of the frames of a study, and notes on what is left out."""
    table = read_table(files["table"])
    potential = Path(files["predictions"]).exists() and Path(files["forces"]).exists()
    predictions = read_table(files["predictions"]) if potential else None
    guard = time_blocks.current(read_json(files["sets"])["runs"], table)["guard"]
    offsets = table["offset_bytes"].to_numpy()
    table["role"] = roles(table, predictions, guard)
    if potential:
        table = table.merge(frame_errors(predictions, np.load(files["forces"])), on="frame", how="left")
    n_frames = len(table)
    table = table.merge(read_table(files["labels"]), on="frame").merge(read_table(files["map"]), on="frame")
    keep = table["role"].isin(["training"]) | (table["trajectory"] == HARVESTED)
    table = table.iloc[thinned(table["n_atoms"].to_numpy(), keep.to_numpy())].reset_index(drop=True)
    notes = []
    if len(table) < n_frames:
        notes.append(
            f"{len(table)} of {n_frames} frames are shown, at even steps; training and harvested frames that are on "
            "the map are kept if they fit."
        )
    return of_frames(store.read_frames(files["frames"], table["frame"], offsets), table), notes


def _script(value):
    """Return data as a JavaScript literal that may stand in a page; unlike JSON it may hold NaN."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def render(study, frames, glasses=None, notes=(), report="report.html"):
    """Return the explorer as HTML.

    Parameters
    ----------
    study : str
        Name of the study.
    frames, glasses : dict or None
        From ``of_frames`` and ``of_glasses``.
    notes : list of str
        What is left out.
    report : str
        Name of the report beside the page.
    """
    datasets = {"frames": frames, "glass": glasses}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=True
    )
    return environment.get_template("explorer.html.j2").render(
        study=study,
        report=report,
        glasses=glasses,
        notes=notes,
        version=chemiscope.__version__,
        # The end of a script must not stand in it.
        viewer=VIEWER.read_text(encoding="utf-8").replace("</script", "<\\/script"),
        datasets=_script({name: item for name, item in datasets.items() if item}),
    )
