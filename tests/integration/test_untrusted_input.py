"""Files of somebody else: what stands in them is read, never run, and leads nowhere outside the study."""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT

from gapglass import cli
from gapglass.base import files
from gapglass.base.errors import UserError
from gapglass.frames import store
from gapglass.glass import lammps, stages
from gapglass.potential import gap_fit
from gapglass.report import costs
from gapglass.report.page import render
from gapglass.similarity import blocks
from gapglass.similarity.kernels import UNBALANCED, read_distance
from gapglass.study import config

SNAKEMAKE = [
    str(Path(sys.executable).with_name("snakemake")),
    "--snakefile",
    str(ROOT / "Snakefile"),
    "--workflow-profile",
    str(ROOT / "profiles/default"),
    "--cores",
    "1",
    "--nocolor",
]
TINY = yaml.safe_load((ROOT / "config/tiny.yaml").read_text())
CURVE = {"name": "one", "file": "curve.txt", "kind": "S(Q)", "radiation": "xray", "q_max": 12.0, "source": "a paper"}
FORBIDDEN = re.compile(
    r"\bpickle\b|\bmarshal\b|\bshelve\b|\bjoblib\b|(?<![.\w])eval\(|(?<![.\w])exec\(|os\.(system|popen|exec|spawn)|shell\s*=\s*True"
    r"|yaml\.(load|full_load|unsafe_load|load_all)\((?!text, Loader=_StrictLoader\))"
    r"|allow_pickle\s*=\s*True|read_pickle|__import__"
    r"|\|\s*safe\b|Markup\(|autoescape\s*=\s*False"
)
# words in a sentence; LAMMPS input is no HTML, and render() refuses what LAMMPS would read as more than a name
ALLOWED = {
    "so nothing is pickled",
    "autoescape=False,  # LAMMPS input is no HTML",
    'yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=loader)',  # our own file, by a safe loader
    "<script>{{ viewer | safe }}</script>",  # of the installed chemiscope
    "const DATASETS = {{ datasets | safe }};",  # without a "<" (tests/unit/report/test_explorer.py)
    "os.execv(arguments[0], arguments)",  # Snakemake, by a list, in the place of `gapglass run`
}
SAMPLES = (
    "pickle.load(f)",
    "eval(text)",
    "exec(text)",
    "os.system(command)",
    "os.popen(c)",
    "subprocess.run(c, shell=True)",
    "yaml.load(text)",
    "yaml.load(text, Loader=yaml.Loader)",
    "yaml.unsafe_load(t)",
    "np.load(path, allow_pickle=True)",
    "pd.read_pickle(path)",
    "{{ notice | safe }}",
    "jinja2.Environment(autoescape=False)",
)


def sources():
    """Return every file of the library and the workflow that runs or becomes a program."""
    folders = [ROOT / "src", ROOT / "workflow"]
    found = [path for folder in folders for kind in ("*.py", "*.smk", "*.j2") for path in folder.rglob(kind)]
    return [*found, ROOT / "Snakefile", ROOT / "workflow/Snakefile"]


def test_nothing_that_could_run_a_file_of_the_user():
    assert len(sources()) > 150 and all(FORBIDDEN.search(sample) for sample in SAMPLES)
    for path in sources():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not any(words in line for words in ALLOWED):
                assert not FORBIDDEN.search(line), f"{path.name}, line {number}: {line.strip()}"


def test_no_rule_has_a_shell_command():
    for path in sources():
        if path.suffix != ".py":
            assert not re.search(r"^\s*(shell|run|notebook|wrapper)\s*:", path.read_text(), flags=re.MULTILINE), (
                path.name
            )


def test_programs_are_started_from_lists():
    """A command that is a text would need a shell to take it apart."""
    for path in sources():
        for call in re.findall(r"subprocess\.(?:run|Popen|call|check_output)\(\s*(.)(\w*)", path.read_text()):
            assert call[0] == "[" or "".join(call) == "command", f"{path.name}: {call}"


NAMES = [
    "../x",
    "..",
    ".",
    "/abs",
    "a/b",
    "a;rm -rf x",
    "$(touch pwned)",
    "`touch pwned`",
    "a b",
    "a\nb",
    "a\n",
    "",
    "{x}",
    "{wildcards}",
    "<script>",
    "a'b",
    'a"b',
    "-rf",
    "a\x00b",
    "a|b",
    "*",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["study", "trajectory", "experiment"])
def test_names_that_become_paths_are_plain(place, name):
    data = copy.deepcopy(TINY)
    data["structure"]["experiments"] = [dict(CURVE)]
    here = {"study": data, "trajectory": data["trajectories"][0], "experiment": data["structure"]["experiments"][0]}[
        place
    ]
    here["study" if place == "study" else "name"] = name
    with pytest.raises(UserError, match="matching"):
        config.complete(data)


@pytest.mark.parametrize("symbol", ["Te\nshell touch pwned", "O ${x}", 'O"', "../O", "O}; touch pwned; {"])
@pytest.mark.parametrize("place", ["composition", "e0", "cutoffs"])
def test_species_are_chemical_symbols(place, symbol):
    data = copy.deepcopy(TINY)
    if place == "composition":
        data["glass"]["composition"] = {"Te": 1, symbol: 2}
    elif place == "e0":
        data["potential"]["e0"] = {"Te": -3.0, "O": -1.0, symbol: 1.0}
    else:
        data["structure"]["coordination_cutoffs"] = {f"Te-{symbol}": 2.0}
    with pytest.raises(UserError, match=r"is not a chemical element|is not a pair of elements"):
        config.complete(data)


@pytest.mark.parametrize("value", ["4.0} ; touch pwned", {"choices": ["4", "5"]}, {"low": "4\n", "high": 5}])
def test_hyperparameters_are_numbers(value):
    data = copy.deepcopy(TINY)
    data["potential"]["hyperparameters"]["cutoff"] = value
    with pytest.raises(UserError, match=r"potential\.hyperparameters\.cutoff"):
        config.complete(data)


def test_gap_fit_is_given_a_list(hyperparameters):
    arguments = gap_fit.fit_arguments(
        hyperparameters, ["O", "Te"], {"O": -1.0, "Te": -2.0}, descriptor="soap", virials=True, seed=1
    )
    assert isinstance(arguments, list) and all("\n" not in argument for argument in arguments)


STAGE = {"temperature": 300.0, "temperature_start": None, "time": 0.05, "ensemble": "nvt", "pressure": 0.0}
SETTINGS = {
    "composition": {"Te": 1, "O": 2},
    "timestep": 1.0,
    "ranks": 2,
    "engine": "quip",
    "sample_interval": 5,
    "closest_fraction": 0.5,
    "max_temperature_factor": 3.0,
}
GUARDS = stages.stage_guards(STAGE, SETTINGS, {})


@pytest.mark.parametrize(
    "folder", ['a" x\nshell touch pwned', "a\nshell touch pwned", "$(touch pwned)", "${x}", "a & b", 'a"b']
)
@pytest.mark.parametrize("place", ["potential", "plugin"])
def test_a_folder_is_no_command_of_lammps(place, folder, tmp_path):
    """LAMMPS has a command `shell`; a line break in a path would reach it."""
    sound = tmp_path / "sound & safe" if place == "nowhere" else tmp_path
    (tmp_path / folder).mkdir()
    paths = {name: (tmp_path / folder if name == place else sound) / name for name in ("potential", "plugin")}
    paths["potential"].write_text('<Potential label="GAP_1" init_args="IP GAP"/>')
    with pytest.raises(UserError, match=f"LAMMPS cannot be given {place}.*rename that folder"):
        stages.stage_input(STAGE, SETTINGS, title="t", restart=False, velocity_seed=1, guards=GUARDS, **paths)


def test_a_label_is_no_command_of_lammps(tmp_path):
    (tmp_path / "gap.xml").write_text('<Potential label="GAP\nshell touch pwned\n" init_args="IP GAP"/>')
    with pytest.raises(UserError, match="LAMMPS cannot be given label"):
        stages.stage_input(
            STAGE,
            SETTINGS,
            title="t",
            restart=False,
            velocity_seed=1,
            guards=GUARDS,
            potential=tmp_path / "gap.xml",
            plugin=tmp_path / "quip.so",
        )
    text = lammps.render("pack.in.j2", cutoffs=[(1, 1, 2.0)])
    assert "shell" not in text


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_objects_in_arrays_are_refused(tmp_path):
    """np.load runs them where it is told to; ours is not."""
    pwned = tmp_path / "pwned"
    evil = np.array([[Touch(pwned)]], dtype=object)
    np.save(tmp_path / "evil.npy", evil, allow_pickle=True)
    (tmp_path / "block").mkdir()
    np.savez(tmp_path / "block/frame_000000.npz", soap=evil, coulomb=evil)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        blocks.read_block(tmp_path / "block")
    with pytest.raises(ValueError, match=r"object|Python"):
        read_distance(tmp_path / "evil.npy", tmp_path / "evil.npy", 0.5, UNBALANCED)
    assert not pwned.exists()
    np.load(tmp_path / "evil.npy", allow_pickle=True)
    assert pwned.exists()  # so the file would have


def run(folder, *command, **environment):
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": "", **environment},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "tag", ["object/apply:os.system [touch pwned]", "object/new:os.system [touch pwned]", "name:os.system"]
)
def test_python_in_the_configuration_is_refused_and_not_run(tag, tmp_path):
    (tmp_path / "study.yaml").write_text(f"study: a\nnotice: !!python/{tag}\n")
    status, output = run(tmp_path, *SNAKEMAKE, "--dry-run", "--configfile", "study.yaml")
    assert status != 0 and "Traceback" not in output
    assert not (tmp_path / "pwned").exists()
    with pytest.raises(UserError, match=r"line 2.*the tag !!python/.* is not allowed"):
        config.read(tmp_path / "study.yaml")


def test_python_that_snakemake_would_run_is_refused(tmp_path, monkeypatch, capsys):
    """Snakemake runs it before the Snakefile is read; `make run` looks first, and the Snakefile refuses the study."""
    (tmp_path / "study.yaml").write_text("__use_yte__: true\nstudy: ?str(open('pwned', 'w'))\n")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["check", "study.yaml"]) == 1 and "`__use_yte__`" in capsys.readouterr().err
    assert not Path("pwned").exists()
    Path("study.yaml").write_text("__use_yte__: true\nstudy: ?'a' + 'b'\n")
    status, output = run(tmp_path, *SNAKEMAKE, "--dry-run", "--configfile", "study.yaml")
    assert (
        status != 0
        and "`__use_yte__` lets a configuration run Python code; remove it" in output
        and "Traceback" not in output
    )


@pytest.mark.parametrize(
    "name",
    [
        "study;touch pwned",
        "$(shell touch pwned)",
        "$(touch pwned)",
        "`touch pwned`",
        "a' ; touch pwned ; '",
        'a" ; touch pwned ; "',
    ],
)
def test_name_of_the_configuration_is_no_command_of_make(name, tmp_path):
    for linked in ("Makefile", "pyproject.toml", "requirements.lock", "workflow"):
        (tmp_path / linked).symlink_to(ROOT / linked)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/gapglass").write_text('#!/bin/sh\nprintf "%s\\n" "asked for: $2"\nexit 1\n')
    (tmp_path / ".venv/bin/gapglass").chmod(0o755)
    for stamp in (".packages", ".complete"):
        (tmp_path / ".venv" / stamp).touch()
    status, output = run(tmp_path, "make", "--no-print-directory", "run", f"CONFIG={name}")
    assert status != 0 and f"asked for: {name}\n" in output
    assert not (tmp_path / "pwned").exists()


HOSTILE_FILE = "-a b;touch pwned $(touch pwned) `touch pwned`'\"|&*@0.extxyz"


def test_hostile_trajectory_is_read_and_not_run(tmp_path, blyp_frames):
    """Its name and what stands in its comment lines, through the real first job."""
    data = copy.deepcopy(TINY)
    data["trajectories"] = [{"name": "glass", "file": HOSTILE_FILE, "temperature_key": "temperature"}]
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(data))
    frames = [frame.copy() for frame in blyp_frames[::5][:12]]
    for frame in frames:
        frame.info |= {
            "note": "__import__('os').system('touch pwned')",
            "cmd": "$(touch pwned)",
            "obj": '!!python/object/apply:os.system ["touch pwned"]',
            "json": {"__class__": "os.system", "py/object": "os.system"},
            "html": "<script>alert(1)</script>",
        }
    store.write_frames(tmp_path / HOSTILE_FILE, frames)
    status, output = run(tmp_path, *SNAKEMAKE, "results/tiny/frames/import.json", "--configfile", "study.yaml")
    assert status == 0, output
    assert files.read_json(tmp_path / "results/tiny/frames/import.json")["n_frames"] == 12
    assert not list(tmp_path.rglob("pwned"))
    written = (tmp_path / "results/tiny/frames/frames.extxyz").read_text()
    assert "touch pwned" not in written and "script" not in written  # only labels go on


def test_text_of_the_user_cannot_pass_for_rows_of_a_table(tmp_path):
    table = pd.DataFrame({"x": [1.5, 2.5]})
    files.write_table(tmp_path / "table.csv", table, ["from a paper\n3.0\r\n4.0"])
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "table.csv"), table)
    assert files.read_header(tmp_path / "table.csv") == ["from a paper 3.0 4.0"]


SCRIPT = "<script>alert('pwned')</script>"


def report_files(folder):
    """Write the smallest results from which a report can be made."""

    def table(name, **columns):
        files.write_table(folder / name, pd.DataFrame(columns))
        return folder / name

    def document(name, **data):
        files.write_json(folder / name, data)
        return folder / name

    none = {"train": 1.0, "test": None, "validation": None, "holdout": None}
    imported = {
        "n_frames": 12,
        "n_atoms": [48],
        "species": ["O", "Te"],
        "n_rejected": 1,
        "energy_source": ["REF_energy"],
        "virials": True,
        "n_virials": 7,
        "notes": [SCRIPT],
        "left_out": {"glass": {SCRIPT: 2}},
        "settings": {"glass": {"functional": SCRIPT}},
        "trajectories": {"glass": 12},
        "labels": {
            "engine": SCRIPT,
            "version": SCRIPT,
            "fingerprint": "x1",
            "folders": [SCRIPT],
            "n_labelled": 9,
            "n_harvested": 1,
        },
        "rejected": [{"trajectory": "glass", "source_index": 3, "reasons": [SCRIPT]}],
    }
    potential = {
        "converged": True,
        "reason": SCRIPT,
        "iterations": 1,
        "n_fits": 1,
        "n_train": 9,
        "n_frames_reference": 12,
        "fraction": 0.7,
        "n_test": 3,
        "descriptor": "soap",
        "rmse_energy_mev_per_atom": none,
        "rmse_force_ev_per_angstrom": none,
        "energy_tolerance": 2,
        "data_or_model": None,
        "n_failed_labels": 0,
        "validation": None,
        "calibration": None,
        "fit_agreement": None,
        "nve": {
            "survived": False,
            "message": SCRIPT,
            "temperature_k": 2000.0,
            "n_atoms": 48,
            "timestep_fs": 0.5,
            "time_ps": 0.1,
            "step": 17,
            "drift_mev_per_atom_per_ps": None,
            "fluctuation_mev_per_atom": None,
            "closeness": None,
            "offending_frame": SCRIPT,
            "frames_before": None,
        },
        "not_repulsive_at_angstrom": {SCRIPT: 0.7},
        "prior": "none",
        "priors": {},
    }
    item = {"difference": 1e-3, "limit": 1e-4, "values": [0.1, 0.101], "frame": 3, "trajectory": SCRIPT}
    of_quantity = dict.fromkeys(("energy", "force", "virial"), item)
    agreement = {"frames": [3], "kinds": {"as given": of_quantity}, "engine": {"sources": "0123", "simd": "plain"}}
    stage = {"replica": 1, "stage": 1, "n_marked": 2, "sustained_ev": 0.2, "share_too_close": 0.0, "exploded": SCRIPT}
    harvested = {"round": 1, "action": "written", "reference_ev": 0.1, "threshold": 2, "stages": [stage], "frames": []}
    thermo = table(
        "glass/optimal/48/1/thermo.csv",
        stage=[1],
        time_ps=[1.0],
        temperature_k=[300.0],
        potential_energy_ev=[-1.0],
        pressure_gpa=[0.0],
        density_g_per_cm3=[5.5],
        min_distance_angstrom=[1.7],
    )
    r_x = {
        "r_x_percent": [9.0],
        "r_x_percent_error": [1.0],
        "n_replicas": [3],
        "r_min_angstrom": [1.0],
        "r_max_angstrom": [4.0],
        "q_max_inverse_angstrom": [12.0],
    }
    spread = {name: {"median": 0.1, "lowest": 0.0, "highest": 0.2, "deviation": 0.1} for name in ("soap", "coulomb")}
    rmse = {"rmse_energy_mev_per_atom": [1.0], "rmse_force_ev_per_angstrom": [1.0]}
    pair = {"centre": ["Te"], "neighbour": ["O"]}
    tables = [
        table("errors.csv", potential=["optimal"], frames=["train"], n_frames=[9], **rmse),
        table("hyperparameters.csv", hyperparameter=["cutoff"], optimal=[4.0], searched=["fixed"]),
        table("r_x.csv", model=["optimal_48"], against=["reference"], **r_x),
        table("coordination.csv", model=["reference"], **pair, coordination_number=[4.0], standard_error=[0.1]),
        table("l_fold.csv", model=["reference"], **pair, percent_4_fold=[90.0]),
        table(
            "closest_approach.csv",
            model=["reference"],
            pair=["O-Te"],
            closest_distance_angstrom=[1.7],
            first_peak_angstrom=[1.9],
            first_minimum_angstrom=[2.4],
        ),
        table("rings.csv", model=[], formers_in_ring=[], rings_per_former=[], rings_per_former_error=[]),
        table("glass_transition.csv", model=[], quantity=[], transition_k=[], n_named=[], n_replicas=[], reason=[]),
        table("density.csv", model=[], stage=[], temperature_k=[], density_g_per_cm3=[]),
        table("thermal_expansion.csv", model=[], range=[], expansion_1e_6_per_k=[], from_k=[], to_k=[]),
        table("network.csv", model=[], quantity=[], species=[], n=[], share_percent=[], share_percent_error=[]),
        table("cost.csv", **{name: ["import_frames" if name == "rule" else 1.0] for name in costs.COLUMNS}),
    ]
    return {
        "figures": [],
        "tables": tables,
        "thermo": [thermo],
        "histories": [],
        "imported": document("import.json", **imported),
        "kernels": document("kernels.json", slope=1.0, zeta=1.0, balance="none", medians=UNBALANCED, spread=spread),
        "best": document(
            "best.json",
            delta=0.5,
            energies="guide",
            coulomb_share=0.99,
            n_clusters=3,
            d_tol=0.1,
            mean_sigma_energy_mev_per_atom=1.0,
        ),
        "delta": table(
            "delta.csv",
            delta=[0.5],
            n_clusters=[3],
            mean_sigma_energy_mev_per_atom=[1.0],
            weighted_sigma_energy_mev_per_atom=[1.0],
            n_singletons=[0],
            coulomb_share=[0.99],
            difference_mev_per_atom=[0.0],
            difference_error_mev_per_atom=[0.0],
            converged=[True],
        ),
        "potentials": [document("potentials/optimal/summary.json", **potential, agreement=agreement)],
        "pair_styles": [
            document("potentials/optimal/pair_style.json", engine="gapglass", ranks=1, differences=of_quantity)
        ],
        "crystals": [document("potentials/optimal/crystals/alpha.json", relaxed=False, reason=SCRIPT)],
        "speed": [document("speed.json", atoms=48, ns_per_day=1.0)],
        "outcomes": [document("glass/optimal/48/1/outcome.json", exploded=False)],
        "harvest": document(
            "harvest.json",
            passed=False,
            action="written",
            rounds=[harvested],
            n_labelled=0,
            n_failed=0,
            n_new=0,
            errors={},
            next=[SCRIPT],
        ),
        "gr": [table("structure/optimal_48/gr.csv", r_angstrom=[1.0])],
    }


def test_text_of_the_user_is_no_html(tmp_path):
    data = copy.deepcopy(TINY)
    data["potential"]["variants"] = ["optimal"]
    data["notice"] = SCRIPT
    data["trajectories"][0] |= {"name": "glass", "file": SCRIPT}
    data["structure"]["experiments"] = [CURVE | {"source": SCRIPT, "file": SCRIPT}]
    data["validation"]["structures"] = [{"name": "alpha", "file": "alpha.cif"}]
    page = render(config.complete(data), report_files(tmp_path), tmp_path / "logs", study_file=f"{SCRIPT}.yaml")
    # notice, rejected frame, reason of the potential, difference to QUIP, file, source; and the settings with three of
    # them; an explosion of the harvest, and how to go on
    assert page.count("&lt;script&gt;") >= 14
    assert page.count("<script") == 1  # that of the page itself
