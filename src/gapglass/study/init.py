"""A first configuration written from trajectory files (``gapglass init``), with what they contain in its comments."""

from collections import Counter
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.formula import Formula

from gapglass import __version__
from gapglass.base.errors import UserError
from gapglass.frames import inspection, readers, trajectory
from gapglass.frames.isolated import is_isolated
from gapglass.glass import start
from gapglass.structure import coordination, pairs
from gapglass.study import config, source

R_BIN = 0.05  # Å, of the g(r) whose minimum is a cutoff
R_MAX = 6.0  # Å
MOST_FRAMES = 100  # of one temperature, in g(r)
BONDED = 1.2  # a pair whose first peak lies within this multiple of its covalent radii is bonded
FEW_FRAMES = 100
MOST_REPEATS = 8  # of the cell of a frame, in the smallest model
COOLING_RATE = 20.0  # K/ps
HOLD = 10.0  # ps
MOST_KELVIN_APART = 0.5
MOST_KINDS = 10


@dataclass
class Set:
    """What the frames of all files contain together.

    Attributes
    ----------
    files : list of dict
        What ``inspection.inspect`` found in each file.
    temperatures : list of float
        K, of the most frequent composition and number of atoms, from the highest.
    formula : dict
        Formula unit of that composition.
    n_atoms : int
        That number of atoms.
    density : float
        g/cm³, mean over frames of the highest temperature.
    cold : list of ase.Atoms
        Frames of the lowest temperature.
    same_order : bool
        Whether all frames of a formula list their atoms in the same order.
    kinds : dict
        (file, key) -> number of frames of each value, of keys whose values tell frames of a file apart.
    """

    files: list
    temperatures: list
    formula: dict
    n_atoms: int
    density: float
    cold: list
    same_order: bool
    kinds: dict


class Thinned:
    """Frames of one kind, of which at most twice ``MOST_FRAMES``, evenly spaced, are kept."""

    def __init__(self):
        self.frames, self.n, self.stride = [], 0, 1

    def add(self, atoms):
        """Count a frame, and keep it if its turn has come."""
        if self.n % self.stride == 0:
            self.frames.append(atoms)
        self.n += 1
        if len(self.frames) == 2 * MOST_FRAMES:
            self.frames, self.stride = self.frames[::2], 2 * self.stride


def write(target, files, options, given):
    """Inspect trajectory files and write the configuration of a study of them.

    Parameters
    ----------
    target : path-like
        The configuration, which must not exist.
    files : list of str
        Trajectories.
    options : dict
        Keys of an entry of ``trajectories`` that are needed to read the files.
    given : dict
        ``study``, ``temperature`` (K) and ``interval`` (fs) for files that do not state them; None where not given.

    Returns
    -------
    list of str
        What the user should look at before a run.

    Raises
    ------
    UserError
        When the configuration exists, or a file cannot be read or lacks what a study needs.
    """
    target = Path(target)
    if target.exists():
        raise UserError(f"{target} exists and is not overwritten; name another file with --output, or move it away")
    if not target.parent.is_dir():
        raise UserError(f"there is no folder {target.parent} for {target.name}; make it, or mend --output")
    found = [inspection.inspect(readers.source_of(_entry(file, options))) for file in files]
    for one in found:
        _refuse_unusable(one, given["temperature"])
    contents = _look(found, options, given["temperature"])
    cutoffs = _cutoffs(contents.cold)
    text = _sized_text(contents, cutoffs, options, given)
    with target.open("x", encoding="utf-8") as stream:
        stream.write(text)
    return _notes(contents)


def name_of(file):
    """Return a name for a study, from that of its first file."""
    return inspection.name_of({"file": file})


def _entry(file, options):
    return {"name": readers.bare_name(file), "file": file, **options}


def _refuse_unusable(found, temperature):
    """Refuse a file without labels, cell or temperature."""
    file = found["file"]
    lacking = [what for what, there in (("energy", found["energies"]), ("forces", found["forces"])) if not there]
    if lacking:
        raise UserError(
            f"{file} has no {' and no '.join(lacking)}, and no fit can use it; what has them: {found['labels_from']}. "
            "Labels from elsewhere: docs/how-to/labels.md"
        )
    if found["cell_angstrom"] is None:
        raise UserError(f"{file} has no periodic cell; give it with --cell, in Å")
    plateaus = inspection.plateaus_of(found)
    unknown = any(part["temperature_k"] is None for part in plateaus)
    if found["temperature_key"] is None and not temperature and unknown:
        raise UserError(f"{file} states no temperature; give that of the thermostat with --temperature, in K")


def _look(found, options, temperature):
    """Read the files once more for what depends on temperature and composition; return ``Set``."""
    same_order, orders, groups, kinds = True, {}, {}, {}
    for one in found:
        opened = readers.source_of(_entry(one["file"], options))
        everything = {"name": opened.name, "where": {}, "start": 0, "stop": None, "stride": 1}
        for index, raw in trajectory.read_raw(everything, opened):
            atoms, kelvin = raw.atoms, _temperature_of(one, index, raw.atoms, temperature)
            if kelvin is None or is_isolated(atoms):
                continue
            for key, value in atoms.info.items():
                if isinstance(value, str):
                    kinds.setdefault((one["file"], key), Counter())[value] += 1
            known = orders.setdefault(atoms.get_chemical_formula(), atoms.numbers)
            same_order &= bool((known == atoms.numbers).all())
            unit = _unit(atoms.get_chemical_formula())
            groups.setdefault((tuple(unit.items()), len(atoms), kelvin), Thinned()).add(atoms)
    counted = Counter()
    for (unit, n_atoms, _), group in groups.items():
        counted[unit, n_atoms] += group.n
    (unit, n_atoms), _ = counted.most_common(1)[0]
    chosen = {kelvin: group.frames for (*kind, kelvin), group in groups.items() if kind == [unit, n_atoms]}
    hottest, coldest = max(chosen), min(chosen)
    return Set(
        files=found,
        temperatures=sorted(chosen, reverse=True),
        formula=dict(unit),
        n_atoms=n_atoms,
        density=float(np.mean([start.density_of(atoms) for atoms in chosen[hottest]])),
        cold=chosen[coldest],
        same_order=same_order,
        kinds={place: counted for place, counted in kinds.items() if 1 < len(counted) <= MOST_KINDS},
    )


def _temperature_of(found, index, atoms, given):
    """Return the temperature of a frame as the configuration will have it (K), None for a frame of a ramp."""
    if found["temperature_key"] is not None:
        return float(atoms.info[found["temperature_key"]])
    parts = inspection.plateaus_of(found)
    part = next((part for part in parts if part["start"] <= index < part["stop"]), None)
    if part is None:
        return None
    return given or float(f"{part['temperature_k']:.0f}")


def _unit(formula):
    """Return the formula unit of a chemical formula, rarer elements first."""
    counts = Formula(formula).count()
    divisor = gcd(*counts.values())
    return {symbol: n // divisor for symbol, n in sorted(counts.items(), key=lambda item: (item[1], item[0]))}


def _cutoffs(frames):
    """Return pair -> (cutoff in Å, whether the pair is bonded), from the first minimum of each g(r)."""
    frames = [frame[np.argsort(frame.numbers, kind="stable")] for frame in frames]
    n_bins = pairs.count_bins(frames, R_BIN, R_MAX)
    r, g = pairs.pair_distributions(frames, pairs.count_pairs(frames, R_BIN, n_bins), R_BIN)
    found = {}
    for row in coordination.closest_approach(frames, r, g).itertuples():
        if np.isfinite(row.first_minimum_angstrom):
            bond = sum(covalent_radii[atomic_numbers[symbol]] for symbol in row.pair.split("-"))
            found[row.pair] = (round(row.first_minimum_angstrom, 2), row.first_peak_angstrom < BONDED * bond)
    return found


def _sized_text(contents, cutoffs, options, given):
    """Return the configuration with the smallest model whose cell holds everything that the configuration asks for."""
    for repeats in range(1, MOST_REPEATS + 1):
        text = _text(contents, cutoffs, options, given, repeats * contents.n_atoms)
        try:
            config.complete(source.parse(text), "the configuration")
        except UserError:
            if repeats == MOST_REPEATS:
                raise
        else:
            return text
    raise AssertionError("the loop returns or raises")


def _text(contents, cutoffs, options, given, size):
    """Return the configuration as text."""
    lines = [
        f"# Written by gapglass {__version__} from the files below. Lines marked CHECK hold guesses.",
        "# config/README.md of gapglass explains every key with its unit, range and default. A key that is left out",
        "# has its default, and unknown keys are errors.",
        "",
        f"study: {given['study']}   # results go to results/{given['study']}/",
        "seed: 1   # all random numbers derive from it",
        "",
        "trajectories:",
    ]
    names = set()
    for found in contents.files:
        lines += _trajectory_lines(found, contents, given, options, names)
    lines += _label_lines(contents.formula)
    lines += [
        "",
        "descriptors:",
        "  coulomb:",
        *_coulomb_lines(contents.same_order),
        "",
        "active_learning:",
        "  increment: 0.05   # each iteration adds 5 % of all frames to the training frames",
        "  # meV/atom, CHECK: the loop ends at this error. The paper has 2 for 240 to 480 atoms; errors average out",
        "  # less in small cells.",
        f"  energy_tolerance: {_tolerance(contents.n_atoms):g}",
        "",
        "potential:",
        "  hyperparameters:   # ranges are searched",
        "    cutoff: {low: 4.0, high: 5.5}   # Å",
        "    n_max: {choices: [4, 6, 8]}",
        "    l_max: {choices: [3, 4]}",
        "    atom_sigma: {low: 0.3, high: 0.6}   # Å",
        "    n_sparse: {low: 200, high: 600, scale: log}   # for each species",
        "",
        "glass:",
        f"  composition: {inspection.yaml_value(contents.formula)}   # formula unit",
        f"  density: {contents.density:.4g}   # g/cm³, at the start; mean of the frames at "
        f"{contents.temperatures[0]:g} K",
        f"  # atoms, CHECK: multiples of the {contents.n_atoms} of the frames begin in a frame, others at random;",
        "  # larger models are better glasses.",
        f"  sizes: [{size}]",
        *_start_lines(contents),
        "  ranks: 2   # MPI ranks of a quench",
        *_cycle_lines(contents.temperatures),
        "",
        "structure:",
        f"  reference_temperature: {contents.temperatures[-1]:g}   # K, of the frames to compare with",
        *_cutoff_lines(cutoffs, contents.temperatures[-1]),
    ]
    return "\n".join(lines) + "\n"


def _trajectory_lines(found, contents, given, options, names):
    """Return the entries of a file, with its contents in comments; its name is added to ``names``."""
    role = "reference" if contents.formula in map(_unit, found["formulas"]) else "extra"
    name = inspection.name_of(found)
    while name in names:
        name += "-2"
    names.add(name)
    values = {"name": name, "temperature": given["temperature"], "interval": given["interval"], "role": role}
    entries = inspection.entry_texts(found, options, values)
    comments = [f"  # {line}" for line in (found["file"], *inspection.summary(found).splitlines())]
    for (file, key), counted in contents.kinds.items():
        if file == found["file"]:
            comments.append(
                f"  # CHECK: {_counts(counted, key)} in one file; if they are different runs or phases, give each an "
                f"entry with where: {{{key}: ...}}, and crystals role: extra"
            )
    return [*comments, *"\n".join(entries).splitlines(), *_ramp_lines(found, options, values)]


def _ramps(found):
    """Return the ramps of a file whose frames no entry has."""
    return inspection.ramps_of(found) if found["temperature_key"] is None else []


def _ramp_lines(found, options, values):
    """Return entries of the ramps of a file, as comments."""
    lines = []
    for part in _ramps(found):
        lines += [
            f"  # CHECK: frames {part['start']} to {part['stop'] - 1} are a ramp and in no entry. To use them too, at "
            "their mean temperature:",
        ]
        (entry,) = inspection.entry_texts(found, options, values | {"role": "extra"}, [part])
        lines += [f"  # {line.removeprefix('  ')}" for line in entry.splitlines()]
    return lines


def _label_lines(formula):
    """Return the section ``labels``, and a strategy that goes with it, as comments."""
    species = ", ".join(sorted(formula))
    return [
        "",
        "# Are the labels in these files those of a cheap method? Then a better one can label the frames that are",
        "# chosen, and the energies and forces of the files become the guide (docs/how-to/labels.md of gapglass):",
        "# labels:",
        "#   engine: cp2k   # or espresso, vasp, command; none takes the labels of sets alone",
        f"#   template: single-point.inp   # a single point without cell and positions, for {species}",
        '#   command: [mpirun, -np, "{ranks}", cp2k.psmp]   # launcher and program; the program alone by default',
        "#   ranks: 4   # MPI ranks of a calculation",
        "#   memory: 4000   # MB of a calculation",
        "#   max_time: 240   # min; a calculation that takes longer counts as failed",
        "#   budget: {frames: 100}   # the loop ends when so many frames have been labelled",
        "# selection:",
        "#   strategy: variance   # chooses frames without their labels",
    ]


def _counts(counted, key):
    """Return the numbers of frames with each value of a key in words."""
    return " and ".join(f"{n} frames with {key}={value}" for value, n in counted.items())


def _coulomb_lines(same_order):
    if same_order:
        return [
            "    permutation: none   # the atoms have the same order in all frames",
            "    distances: minimum_image",
        ]
    return ["    permutation: eigenspectrum   # the atoms have different orders", "    distances: minimum_image"]


def _tolerance(n_atoms):
    """Return an energy tolerance (meV/atom): the paper's 2 at 480 atoms, larger as the root of smaller numbers."""
    return round(2 * max(1.0, (480 / n_atoms) ** 0.5), 1)


def _start_lines(contents):
    """Return the start of the models and the time step."""
    light = "H" in contents.formula
    step = 0.5 if light else 1.0
    lines = [f"  timestep: {step}   # fs" + (", for hydrogen" if light else "")]
    _, molecule, endless = start.molecules(contents.cold[0])
    sizes = np.bincount(molecule)
    if not endless and 1 < sizes.max() <= len(molecule) / 2 and sizes.min() > 1:
        lines.insert(0, "  start: reference   # the frames hold molecules, which random packing cannot make")
    return lines


def _cycle_lines(temperatures):
    """Return the thermal cycle: hold at the highest temperature of the frames, cool to the lowest, hold there."""
    hot, cold = temperatures[0], temperatures[-1]
    if hot - cold < MOST_KELVIN_APART:
        return [
            "  # CHECK: all frames have one temperature. A quench begins in the liquid, and a potential is reliable",
            "  # only at temperatures that its frames cover.",
            "  cycle:",
            f"    - {{temperature: {hot:g}, time: {HOLD:g}}}   # K, ps",
        ]
    return [
        f"  # CHECK: cooled at {COOLING_RATE:g} K/ps within the temperatures of the frames; a slower quench gives a "
        "better glass.",
        "  cycle:   # K, ps",
        f"    - {{temperature: {hot:g}, time: {HOLD:g}}}",
        f"    - {{temperature: {cold:g}, temperature_start: {hot:g}, time: {(hot - cold) / COOLING_RATE:.3g}}}",
        f"    - {{temperature: {cold:g}, time: {HOLD:g}}}",
    ]


def _cutoff_lines(cutoffs, temperature):
    """Return the cutoffs of bonded pairs, those of the others as comments."""
    bonded = {pair: cutoff for pair, (cutoff, near) in cutoffs.items() if near}
    lines = [f"  # Å, first minimum of g(r) of the frames at {temperature:g} K"]
    if not bonded:
        return [*lines, "  # no pair is bonded and has a clear minimum", "  coordination_cutoffs: {}"]
    lines.append("  coordination_cutoffs:")
    for pair, (cutoff, near) in cutoffs.items():
        lines.append(f"    {pair}: {cutoff:g}" if near else f"    # {pair}: {cutoff:g}   # first peak beyond bonds")
    return lines


def _notes(contents):
    """Return what a user should look at before a run."""
    n_frames = sum(found["frames"] for found in contents.files)
    notes = []
    if n_frames < FEW_FRAMES:
        notes.append(f"{n_frames} frames are few: a study needs hundreds, spread over liquid, cooling and glass")
    if contents.temperatures[0] - contents.temperatures[-1] < MOST_KELVIN_APART:
        notes.append(f"all frames are at {contents.temperatures[0]:g} K, so there is no quench to compare with")
    for (file, key), counted in contents.kinds.items():
        notes.append(f"{file} holds {_counts(counted, key)}; see the line CHECK of its entry")
    for found in contents.files:
        for part in _ramps(found):
            notes.append(
                f"frames {part['start']} to {part['stop'] - 1} of {found['file']} are a ramp and not used; the "
                "configuration has an entry for them in comments"
            )
        unused = [key for key in found["label_keys"] if key not in found["keys_used"]]
        if unused:
            notes.append(f"{found['file']} has keys that look like labels and are not used: {', '.join(unused)}")
    return notes
