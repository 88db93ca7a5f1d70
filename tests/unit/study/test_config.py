"""The configuration: every mistake is named with its key, what is allowed and a fix."""

import copy

import pytest
import yaml
from conftest import ROOT

from gapglass.base.errors import UserError
from gapglass.frames import checks
from gapglass.study import config, inputs, protocols, schema

EXAMPLE = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def changed(path, value):
    """Return the example with one key set (or removed with value ...)."""
    data = copy.deepcopy(EXAMPLE)
    *parents, last = path
    here = data
    for key in parents:
        here = here.setdefault(key, {}) if isinstance(here, dict) else here[key]
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return data


CURVE = {"name": "one", "file": "one.txt", "kind": "S(Q)", "radiation": "xray", "q_max": 12.0, "source": "a paper"}

BAD = [
    (["study"], ..., "`study` is missing"),
    (["study"], "a/b", "`study` is 'a/b'"),
    (["study"], "../up", "`study`"),
    (["trajectories"], ..., "`trajectories` is missing"),
    (["trajectories"], [], "`trajectories` is []"),
    (["trajectories", 0, "file"], ..., "`trajectories[0].file` is missing"),
    (["trajectories", 0, "stride"], 0, "`trajectories[0].stride` is 0; allowed: integer >= 1"),
    (["trajectories", 0, "stop"], 3.5, "`trajectories[0].stop` is 3.5"),
    (["trajectories", 0, "role"], "main", "one of reference, extra"),
    (["trajectories", 0, "role"], "extra", "no entry of role reference"),
    (["trajectories", 0, "temperature"], 300, "exactly one of them"),
    (["trajectories", 0, "temperature_key"], None, "exactly one of them"),
    (["trajectories", 1, "name"], "glass", "'glass' twice"),
    (["trajectories", 0, "strid"], 2, "did you mean `stride`?"),
    (["seed"], "x", "`seed` is 'x'; allowed: integer"),
    (["seed"], -1, "`seed` is -1"),
    (["clusterin"], {}, "did you mean `clustering`?"),
    (["clustering", "d_tol"], 0, "`clustering.d_tol` is 0; allowed: number > 0"),
    (["clustering", "d_tolerance"], 0.1, "`clustering.d_tolerance` is not a known key"),
    (["clustering", "deltas"], [0.5, 1.5], "`clustering.deltas[1]` is 1.5"),
    (["clustering", "deltas"], [-0.1, 0.5], "`clustering.deltas[0]` is -0.1"),
    (["clustering", "deltas"], [0, 1], "inside 0 < delta < 1"),
    (["clustering", "affinity"], "knn", "one of rbf, similarity"),
    (["clustering", "n_clusters_max"], 2, "integer >= 3"),
    (["descriptors", "soap", "cutoff"], 0, "`descriptors.soap.cutoff` is 0; allowed: number > 0 (in Å)"),
    (["descriptors", "soap", "cutoff"], -5, "`descriptors.soap.cutoff` is -5"),
    (["descriptors", "soap", "l_max"], 21, "`descriptors.soap.l_max` is 21"),
    (["descriptors", "soap", "radial_basis"], "bessel", "one of polynomial, gto"),
    (["descriptors", "coulomb", "permutation"], "sorted_l2", "their order is noise"),
    (["kernels", "coulomb", "zeta"], "automatic", "`kernels.coulomb.zeta` is 'automatic'"),
    (["kernels", "soap", "degree"], 0, "`kernels.soap.degree` is 0"),
    (["active_learning", "increment"], 0, "`active_learning.increment` is 0"),
    (["active_learning", "increment"], 1.5, "`active_learning.increment` is 1.5"),
    (["active_learning", "train_fraction"], 1, "`active_learning.train_fraction` is 1"),
    (["active_learning", "energy_tolerance"], -2, "(in meV/atom)"),
    (["active_learning", "proposals_per_round"], "two", "`active_learning.proposals_per_round` is 'two'"),
    (["potential", "descriptor"], "ace", "one of soap, soap_turbo"),
    (["potential", "e0"], {"Tee": 1.0}, "`potential.e0.Tee` is not a chemical element"),
    (["potential", "hyperparameters", "cutof"], 4, "did you mean `cutoff`?"),
    (["potential", "hyperparameters", "cutoff"], {"low": 5, "high": 4}, "low must be smaller"),
    (["potential", "hyperparameters", "cutoff"], {"low": 5}, "`potential.hyperparameters.cutoff`"),
    (["potential", "hyperparameters", "n_max"], {"choices": [8, 10]}, "allowed with soap_turbo: at most 8"),
    (["potential", "hyperparameters", "n_max"], 4.5, "`potential.hyperparameters.n_max` is 4.5"),
    (["potential", "hyperparameters", "sigma_energy"], 0, "`potential.hyperparameters.sigma_energy` is 0"),
    (["potential", "hyperparameters", "cutoff_width"], 4.5, "the width must be smaller"),
    (["glass", "density"], 0, "`glass.density` is 0"),
    (["glass", "density"], ..., "`glass.density` is missing"),
    (["glass", "composition"], {"Te": 1, "Ox": 2}, "`glass.composition.Ox` is not a chemical element"),
    (["glass", "composition"], {"Te": 1.5}, "`glass.composition.Te` is 1.5"),
    (["glass", "sizes"], [100], "use 99"),
    (["glass", "cycle"], [], "`glass.cycle` is []"),
    (["glass", "cycle", 0, "ensemble"], "nve", "one of nvt, npt"),
    (["glass", "cycle", 0, "temperature"], 0, "`glass.cycle[0].temperature` is 0"),
    (["glass", "cycle", 0, "time"], 0.0001, "shorter than one time step"),
    (["glass", "sample_interval"], 1e6, "would leave no frame"),
    (["glass", "lammps_command"], "mpirun lmp", "`glass.lammps_command` is 'mpirun lmp'"),
    (["structure", "coordination_cutoffs"], {"TeO": 2.4}, "write it like Te-O"),
    (["structure", "coordination_cutoffs"], {"As-O": 2.4}, "that glass.composition"),
    (["descriptors", "coulomb"], {"matrix": "sine"}, "sorted_l2 with matrix sine"),
    (
        ["descriptors", "coulomb"],
        {"matrix": "ewald", "permutation": "none", "distances": "minimum_image"},
        "no effect on the ewald matrix",
    ),
    (["kernels", "coulomb", "averaging"], "atoms", "one of fingerprint, environments"),
    (["potential", "variants"], ["optimal", "best"], "one of optimal, soap_only, all_frames"),
    (["glass", "comparison_sizes"], [144], "which glass.sizes [48, 96] lacks"),
    (["structure", "coordination_cutoffs"], {"Te-O": 2.4, "O-Te": 2.5}, "names a pair a second time"),
    (["structure", "coordination_cutoffs"], {"Te-O": 12.0}, "the smallest model, 48 atoms, reaches 4.5"),
    (["structure", "network"], {"formers": ["As"], "bridges": ["O"]}, "`structure.network.formers` names As"),
    (["structure", "network"], {"formers": ["Te"], "bridges": ["S"]}, "`structure.network.bridges` names S"),
    (["structure", "network"], {"formers": ["Te"], "bridges": ["Te"]}, "names Te as former and as bridge"),
    (["structure", "network"], {"bridges": ["O"]}, "no effect without formers"),
    (["structure", "network"], {"formers": ["Te"]}, "no cutoff for its bonds; add one, for example Te-Te"),
    (["structure", "network"], {"formers": ["Te"], "max_ring": 2}, "`structure.network.max_ring` is 2"),
    (["structure", "r_x_min"], 50, "`structure.r_x_min` is 50"),
    (["structure", "q_direct"], 0.1, "the first wave vector of the smallest model, 48 atoms, is about 0.69"),
    (
        ["learning_curves", "hyperparameters"],
        {"n_sparse": 400.5},
        "`learning_curves.hyperparameters.n_sparse` is 400.5; allowed: a whole number",
    ),
    (["learning_curves", "hyperparameters"], {"n_max": 12}, "`learning_curves.hyperparameters.n_max` reaches 12"),
    (["learning_curves", "hyperparameters"], {"cutoff_width": 9}, "the width must be smaller"),
    (["glass", "comparison_sizes"], [], "leave it out to make all sizes"),
    (["glass", "cycle", 0, "density"], "experiment", "`glass.cycle[0].density` is 'experiment'"),
    (["active_learning", "allocation"], "greedy", "one of proportional, equal, energy_spread"),
    (["learning_curves", "strategies"], ["luck"], "`learning_curves.strategies[0]` is 'luck'"),
    (
        ["learning_curves", "hyperparameters"],
        {"nsparse": 4},
        "`learning_curves.hyperparameters.nsparse` is not a hyperparameter",
    ),
    (["learning_curves", "seeds"], 1, "`learning_curves.seeds` is 1"),
    (["clustering", "d_tol"], "1e-4", "YAML reads this as text, write 1.0e-4"),
    (["clustering", "d_tol"], float("nan"), "`clustering.d_tol` is not a finite number"),
    (["glass", "density"], 5600, "`glass.density` is 5600; allowed: number > 0 and <= 30 (in g/cm³)"),
    (["glass", "cycle", 0, "pressure"], 5.0, "in an nvt stage"),
    (["glass", "lammps_command"], ["mpirun", "-np", "8", "lmp"], "as many ranks"),
    (["trajectories"], [{}], "`trajectories[0].file` is missing"),
    (["structure", "window"], "hann", "one of none, lorch"),
    (["structure", "q_direct"], "never", "`structure.q_direct` is 'never'"),
    (["structure", "experiments"], [CURVE, CURVE], "`structure.experiments` holds the name 'one' twice"),
    (["structure", "experiments"], [CURVE | {"kind": "s(q)"}], "`structure.experiments[0].kind` is 's(q)'"),
    (
        ["structure", "experiments"],
        [CURVE | {"window": "lorch"}],
        "`structure.experiments[0].window` is lorch for S(Q), where it has no",
    ),
    (
        ["structure", "experiments"],
        [CURVE | {"kind": "G(r)", "density": 5.0}],
        "density` is 5.0 g/cm³ for G(r), where it has no effect",
    ),
    (["trajectories", 0, "format"], "vasp", "one of auto, extxyz, vasp_xml"),
    (["trajectories", 0, "keys"], {"energie": "E"}, "did you mean `energy`?"),
    (["trajectories", 0, "keys"], {"energy": "E"}, "`trajectories[0].keys` names no forces"),
    (["trajectories", 0, "keys"], {"forces": "F"}, "`trajectories[0].keys` names no energy"),
    (
        ["trajectories", 0, "keys"],
        {"energy": "E", "forces": "F", "stress": "s", "virial": "v"},
        "virial and stress, which are one label",
    ),
    (["trajectories", 0, "key_units"], {"energy": "Ry"}, "`trajectories[0].key_units.energy` is a unit without a key"),
    (["trajectories", 0, "key_units"], {"energy": "Rydberg"}, "one of eV, Hartree, Ry"),
    (["trajectories", 0, "keys"], {"guide_energy": "e", "energy": "E"}, "`trajectories[0].keys` names no forces"),
    (["trajectories", 0, "keys"], {"guide_force": "f"}, "did you mean `guide_forces`?"),
    (
        ["trajectories", 0, "key_units"],
        {"guide_energy": "Ry"},
        "`trajectories[0].key_units.guide_energy` is a unit without a key",
    ),
    (["trajectories", 0, "weight"], 0, "`trajectories[0].weight` is 0; allowed: number > 0"),
    (["trajectories", 0, "sigma_factors"], {"force": -1}, "`trajectories[0].sigma_factors.force` is -1"),
    (["trajectories", 0, "sigma_factors"], {"forces": 2.0}, "did you mean `force`?"),
    (["trajectories", 0, "cell"], [5.0, 5.0], "three edges, three edges and three angles"),
    (["trajectories", 0, "cell"], [5.0, -5.0, 5.0], "all > 0"),
    (["trajectories", 0, "companions"], {"force": "F"}, "did you mean `forces`?"),
    (["trajectories", 0, "lammps_units"], "lj", "one of metal, real"),
    (["trajectories", 0, "species"], 5, "`trajectories[0].species` is 5"),
    (["import"], {"energies_agree": "yes"}, "`import.energies_agree` is 'yes'"),
    (
        ["structure", "experiments"],
        [CURVE | {"kind": "T(r)", "q_max": 25.0}],
        "raise structure.q_max to at least 25.0",
    ),
]


OF_THE_FIT = [
    (["active_learning", "holdout_fraction"], 0.6, "`active_learning.holdout_fraction` is 0.6; allowed: number"),
    (["active_learning", "holdout_guard"], -1, "`active_learning.holdout_guard` is -1; allowed:"),
    (["active_learning", "validation"], "bootstrap", "one of cross_validation, split"),
    (["active_learning", "objective"], "forces", "one of energy_and_forces, energy"),
    (["active_learning", "objective_weights"], {"forces": 1.0}, "did you mean `force`?"),
    (["active_learning", "objective_weights"], {"energy": 0, "force": 0}, "objective_weights` are both 0; raise one"),
    (["potential", "fitter"], "turbogap", "one of engine, gap_fit"),
    (["potential", "sparse_from"], "all", "one of pool, training"),
    (["potential", "core"], "zbl", "one of repulsion, none"),
    (["potential", "cost_limit"], 0, "`potential.cost_limit` is 0"),
    (["potential", "fitter"], "gap_fit", "`active_learning.validation` is cross_validation, which"),
    (["potential", "fitter"], "gap_fit", "`potential.sparse_from` is pool, which `potential.fitter: gap_fit`"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), OF_THE_FIT)
def test_mistakes_in_the_fit_are_named(path, value, message):
    with pytest.raises(UserError) as caught:
        config.complete(changed(path, value))
    assert message in str(caught.value)


def test_a_command_of_one_process_has_one_rank():
    data = changed(["glass", "lammps_command"], ["lmp"])
    assert config.complete(data)["glass"]["ranks"] == 1
    data["glass"]["ranks"] = 2
    with pytest.raises(UserError, match="as many ranks"):
        config.complete(data)


@pytest.mark.parametrize("entry", [{"weight": 2}, {"weight_key": "w"}, {"sigma_factors": {"force": 2.0}}])
def test_gap_fit_takes_no_weights(entry):
    data = copy.deepcopy(EXAMPLE)
    data["active_learning"]["validation"], data["selection"] = "split", {"strategy": "clusters"}
    data["potential"] |= {"fitter": "gap_fit", "sparse_from": "training"}
    assert config.complete(data)["potential"]["fitter"] == "gap_fit"
    data["trajectories"][0] |= entry
    with pytest.raises(UserError, match=r"weights or sigma_factors, which `potential\.fitter: gap_fit` does not take"):
        config.complete(data)
    data["potential"]["fitter"] = "engine"
    config.complete(data)


@pytest.mark.parametrize(("path", "value", "message"), BAD, ids=[f"{'.'.join(map(str, p))}={v!r}" for p, v, _ in BAD])
def test_mistakes_are_named(path, value, message):
    with pytest.raises(UserError) as caught:
        config.complete(changed(path, value))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"format": "vasp_outcar", "keys": {"energy": "E", "forces": "F"}},
            "`trajectories[0].keys` has no effect with format vasp_outcar",
        ),
        (
            {"format": "cp2k"},
            "`trajectories[0].temperature_key` looks at keys of the frames, which format cp2k does not have",
        ),
        ({"format": "cp2k"}, "`trajectories[0].where` looks at keys of the frames"),
        ({"format": "extxyz", "species": "TeO2"}, "`trajectories[0].species` has no effect with format extxyz"),
        ({"format": "cp2k", "lammps_units": "metal"}, "`trajectories[0].lammps_units` has no effect with format cp2k"),
        (
            {"format": "cp2k", "companions": {"thermo": "log"}},
            "companions.thermo` is no file of format cp2k; known: forces",
        ),
    ],
)
def test_keys_that_contradict_the_format(keys, message):
    data = copy.deepcopy(EXAMPLE)
    data["trajectories"][0] |= keys
    with pytest.raises(UserError) as caught:
        config.complete(data)
    assert message in str(caught.value)


def test_keys_of_readers_that_make_sense():
    data = copy.deepcopy(EXAMPLE)
    for entry in data["trajectories"]:
        entry |= {"where": {}, "temperature_key": None, "temperature": 300}
    data["trajectories"][0] |= {
        "format": "lammps_dump",
        "lammps_units": "metal",
        "species": ["Te", "O"],
        "companions": {"thermo": "log"},
    }
    data["trajectories"][1] |= {"format": "cp2k", "species": {"Te1": "Te"}, "cell": [9, 9, 9, 90, 90, 90]}
    complete = config.complete(data)
    assert complete["trajectories"][0]["species"] == ["Te", "O"] and complete["trajectories"][1]["cell"][0] == 9.0
    assert config.complete(complete) == complete


@pytest.mark.parametrize(
    "extra", [{"q_max": 25.0}, {"kind": "T(r)", "density": 5.0, "window": "lorch"}, {"kind": "G(r)", "window": "none"}]
)
def test_experiments_that_make_sense(extra):
    assert (
        config.complete(changed(["structure", "experiments"], [CURVE | extra]))["structure"]["experiments"][0]["name"]
        == "one"
    )


def test_all_problems_are_reported_at_once():
    data = changed(["seed"], "x")
    data["clustering"]["d_tol"] = -1
    with pytest.raises(UserError, match="2 problem"):
        config.complete(data)


@pytest.mark.parametrize("name", ["config.yaml", "tiny.yaml"])
def test_shipped_studies_are_valid(name):
    complete = config.read(ROOT / "config" / name)
    assert complete["kernels"]["soap"] == {"averaging": "fingerprint", "degree": 4, "c0": 1.0, "slope": "auto"}


def test_defaults_are_filled_and_input_is_left_alone():
    before = copy.deepcopy(EXAMPLE)
    complete = config.complete(EXAMPLE)
    assert before == EXAMPLE
    assert complete["trajectories"][0]["stride"] == 1
    assert complete["glass"]["cycle"][0]["ensemble"] == "nvt"
    assert complete["potential"]["hyperparameters"]["cutoff"]["scale"] == "linear"
    assert config.complete(complete) == complete


def test_numbers_are_of_the_kind_that_is_meant():
    data = changed(["potential", "hyperparameters", "cutoff"], {"low": 4, "high": 5})
    data["potential"]["hyperparameters"]["n_sparse"] = {"low": 100.0, "high": 300.0}
    data["glass"]["sizes"], data["glass"]["replicas"] = [96.0, 48], [3.0, 1]
    complete = config.complete(data)
    found = complete["potential"]["hyperparameters"]
    assert [type(found["cutoff"][key]) for key in ("low", "high")] == [float, float]
    assert [type(found["n_sparse"][key]) for key in ("low", "high")] == [int, int]
    assert type(complete["glass"]["sizes"][0]) is int and type(complete["seed"]) is int
    assert type(complete["glass"]["replicas"][0]) is int


def test_reference_must_have_the_formula_of_the_glass(blyp_frames):
    frame = blyp_frames[0].copy()
    frame.info |= {"role": "reference", "trajectory": "run"}
    checks.check_reference({"Te": 1, "O": 2}, [frame])
    for composition in ({"Te": 1}, {"Te": 2, "O": 5}, {"Te": 1, "O": 1}):
        with pytest.raises(UserError, match="role reference and holds O32Te16"):
            checks.check_reference(composition, [frame])
    frame.info["role"] = "extra"
    checks.check_reference({"Te": 1}, [frame])


def test_order_of_the_keys_does_not_matter():
    shuffled = yaml.safe_load(yaml.safe_dump(EXAMPLE, sort_keys=True))
    assert list(shuffled) != list(EXAMPLE)
    assert str(config.complete(shuffled)) == str(config.complete(EXAMPLE))


def test_file_that_is_not_yaml_or_absent(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("study: [")
    with pytest.raises(UserError, match="not valid YAML"):
        config.read(path)
    with pytest.raises(UserError, match="cannot read"):
        config.read(tmp_path / "absent.yaml")


def test_species_must_agree_with_the_frames():
    with pytest.raises(UserError, match=r"glass\.composition names As"):
        checks.check_species({"As": 1, "Te": 3}, "fitted", ["Te", "O"])
    with pytest.raises(UserError, match=r"potential\.e0 has Te"):
        checks.check_species({"Te": 1, "O": 2}, {"Te": -1.0}, ["Te", "O"])
    checks.check_species({"Te": 1, "O": 2}, {"Te": -1.0, "O": 0.0}, ["Te", "O"])


def test_absent_trajectory_is_named():
    data = config.complete(changed(["trajectories", 1, "file"], "nowhere.extxyz"))
    with pytest.raises(UserError, match=r"trajectories\[1\]\.file` is nowhere\.extxyz"):
        inputs.check_files(data)


def test_absent_experiment_is_named(monkeypatch):
    monkeypatch.chdir(ROOT)
    data = config.complete(changed(["structure", "experiments"], [CURVE]))
    with pytest.raises(UserError, match=r"experiments\[0\]\.file` is one\.txt; there is no such file"):
        inputs.check_files(data)
    data["structure"]["experiments"][0]["file"] = "README.md"
    inputs.check_files(data)


def test_eigenvalues_have_no_environments():
    data = changed(["kernels"], {"coulomb": {"averaging": "environments"}})
    data["descriptors"]["coulomb"] = {"permutation": "eigenspectrum"}
    with pytest.raises(UserError, match="eigenvalues belong to no atom"):
        config.complete(data)


def test_only_ends_of_delta_are_allowed_where_all_may_be_chosen():
    data = changed(["clustering"], {"deltas": [0, 1], "choose_from": "all"})
    assert config.complete(data)["clustering"]["deltas"] == [0.0, 1.0]


def test_sizes_to_compare_need_another_potential():
    data = changed(["potential", "variants"], ["optimal"])
    with pytest.raises(UserError, match="holds optimal alone"):
        config.complete(data)


def test_the_papers_protocol_is_one_line_and_keys_beside_it_win():
    data = copy.deepcopy(EXAMPLE)
    data["potential"] = {"variants": ["optimal"], "core": "repulsion"}
    del data["active_learning"], data["clustering"], data["glass"]["comparison_sizes"]
    ours = config.complete(data)
    paper = config.complete(data | {"protocol": "paper"})
    for section, values in protocols.PAPER.items():
        for key, value in values.items():
            default = schema.load_schema()["properties"][section]["properties"][key]["default"]
            assert default != value and ours[section][key] == (default if key != "core" else "repulsion")
            assert paper[section][key] == (value if key != "core" else "repulsion")
    text = schema.load_schema()["properties"]["protocol"]["description"]
    assert all(f"{key}: {value:g}" in text if isinstance(value, float) else f"{key}: {value}" in text
               for values in protocols.PAPER.values() for key, value in values.items())  # fmt: skip


KNOWN_WORDS = {
    "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default", "description", "enum",
    "exclusiveMaximum", "exclusiveMinimum", "items", "maxItems", "maximum", "maxLength", "minItems", "minLength",
    "minProperties", "minimum", "optional", "pattern", "properties", "propertyNames", "required", "title", "type",
    "uniqueItems", "unit",
}  # fmt: skip


def words_of(node):
    """Yield the words of the schema that a node and those inside it use."""
    for word, value in node.items():
        yield word
        named = word in ("properties", "$defs")
        inner = value.values() if named else value if word == "anyOf" else [value] if word != "default" else []
        for child in inner:
            if isinstance(child, dict):
                yield from words_of(child)


def test_schema_has_no_word_that_nothing_reads():
    """A comma in a description without quotation marks would end it, and the rest would become such a word."""
    assert set(words_of(schema.load_schema())) <= KNOWN_WORDS
