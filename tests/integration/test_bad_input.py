"""Every mistake of the table in bad_input.py is reported with place and remedy, no traceback and no needless job."""

import copy
import fcntl
import io
import json
import logging
import os
import runpy
import subprocess
import sys
from collections import Counter
from contextlib import redirect_stderr
from pathlib import Path
from types import SimpleNamespace

import bad_input
import pytest
import yaml
from conftest import ROOT

from gapglass import cli
from gapglass.base import log
from gapglass.base.errors import UserError
from gapglass.base.files import read_json, read_json_lines, read_table, whole_file
from gapglass.frames import store
from gapglass.study import config, preflight

BIN = Path(sys.executable).parent
SCRIPTS = ROOT / "workflow/scripts"
RESULTS = Path("results/tiny")
TINY = yaml.safe_load((ROOT / "config/tiny.yaml").read_text())
CURVE = {"name": "one", "file": "curve.txt", "kind": "S(Q)", "radiation": "xray", "q_max": 12.0, "source": "a paper"}
NOBODY = 65534


class Named(list):
    """A list whose items also have names, like Snakemake's."""

    def __init__(self, *items, **named):
        super().__init__([*items, *named.values()])
        self.__dict__.update(named)


@pytest.fixture
def study(tmp_path, blyp_frames, monkeypatch):
    """A sound study, and this process in its folder."""
    data = copy.deepcopy(TINY)
    data["trajectories"] = [{"name": "glass", "file": "run.extxyz", "temperature_key": "temperature"}]
    data["structure"]["experiments"] = [dict(CURVE)]
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    handlers, hook = logging.getLogger("gapglass").handlers[:], sys.excepthook
    yield bad_input.Study(tmp_path, data, [frame.copy() for frame in blyp_frames[::5][:12]], list(bad_input.TEN))
    logging.getLogger("gapglass").handlers[:], sys.excepthook = handlers, hook
    for folder in (tmp_path, *tmp_path.glob("results")):
        folder.chmod(0o755)


def write(study):
    """Write the files of a study that its case has not written."""
    folder = study.folder
    name = study.data["trajectories"][0]["file"] if isinstance(study.data.get("trajectories"), list) else "run.extxyz"
    for target in {"run.extxyz", name} if "/" not in name else {"run.extxyz"}:
        path = folder / target
        if (name in ("nowhere.xyz",) and target == name) or path.is_dir():
            continue
        mode = path.stat().st_mode if path.exists() else 0o644
        store.write_frames(path, study.frames)
        path.write_bytes(study.packed(path.read_bytes()))
        path.chmod(mode)
    if not (folder / "curve.txt").exists():
        (folder / "curve.txt").write_text("\n".join(study.curve) + "\n")
    content = yaml.safe_dump(study.data) if study.text is None else study.text
    mode = (folder / "study.yaml").stat().st_mode if (folder / "study.yaml").exists() else 0o644
    (folder / "study.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "study.yaml").chmod(mode)


def completed(study):
    return config.read("study.yaml")


def check(study):
    return cli.main(["check", study.config])


def started(study):
    """Do what the workflow does when the plan stands and has glasses in it."""
    done = completed(study)
    plugin = {"build_plugin"} if done["glass"]["engine"] == "quip" else set()
    try:
        preflight.check_machine(done, {"import_frames", "pack_atoms", "run_stage"} | plugin)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class Parameters(SimpleNamespace):
    """Named parameters of a rule."""

    def items(self):
        return vars(self).items()


def script(name, **objects):
    """Run the script of a rule as Snakemake does; return its exit status."""
    objects = {"log": Named(str(RESULTS / f"logs/{name}.log")), "params": Parameters(), **objects}
    try:
        runpy.run_path(str(SCRIPTS / f"{name}.py"), init_globals={"snakemake": SimpleNamespace(**objects)})
    except Exception:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def import_frames(study, folder=RESULTS / "frames"):
    done = completed(study)
    names = {"frames": "frames.extxyz", "isolated": "isolated.extxyz", "table": "table.csv", "summary": "import.json"}
    outputs = {what: folder / name for what, name in names.items()}
    parameters = Parameters(
        trajectories=done["trajectories"],
        settings=done["import"],
        composition=done["glass"]["composition"],
        e0=done["potential"]["e0"],
        same_order=done["descriptors"]["coulomb"]["permutation"] == "none",
        labels=done.get("labels"),
    )
    return script("import_frames", params=parameters, output=Named(**outputs), config=done)


def import_experiment(study):
    done = completed(study)
    entry = done["structure"]["experiments"][0]
    parameters = Parameters(entry=entry, settings=done["structure"], composition={"Te": 1, "O": 2}, density=5.6)
    outputs = {name: RESULTS / f"structure/experiment_one/{name}.csv" for name in ("sq", "gr")}
    return script(
        "import_experiment", params=parameters, output=Named(**outputs), wildcards=SimpleNamespace(name="one")
    )


def check_lammps(study):
    glass = completed(study)["glass"]
    parameters = Parameters(command=glass["lammps_command"], ranks=glass["ranks"], pair_style=glass["engine"])
    return script("check_lammps", params=parameters, output=Named(RESULTS / "lammps/own.txt"))


def build_plugin(study):
    logs = Named(str(RESULTS / "logs/build_plugin.log"), compiler=RESULTS / "logs/build_plugin.compiler.log")
    return script("build_plugin", output=Named(RESULTS / "lammps/quip.so"), log=logs)


def pack_atoms(study):
    glass = completed(study)["glass"]
    closest = {"closest_distance_angstrom": {"O-O": 2.3, "O-Te": 1.75, "Te-Te": 2.9}}
    Path("import.json").write_text(json.dumps(closest))
    if glass["start"] in ("auto", "reference"):
        import_frames(study, RESULTS / "glass")
    return script(
        "pack_atoms",
        params=Parameters(settings=glass, seed=1),
        wildcards=SimpleNamespace(atoms=str(glass["sizes"][0]), replica="1"),
        input=SimpleNamespace(
            summary="import.json", frames=RESULTS / "glass/frames.extxyz", table=RESULTS / "glass/table.csv"
        ),
        output=Named(RESULTS / "packed.data"),
    )


def estimate_speed(study):
    glass = completed(study)["glass"]
    (RESULTS / "glass").mkdir(parents=True)
    (RESULTS / "glass/packed.data").write_text("")
    return script(
        "estimate_speed",
        params=Parameters(settings=glass, cycle=glass["cycle"]),
        wildcards=SimpleNamespace(atoms="48"),
        input=SimpleNamespace(packed=RESULTS / "glass/packed.data", potential="gap.xml", plugin="quip.so"),
        output=Named("speed.json"),
    )


HERE = {
    "check": check,
    "import_frames": import_frames,
    "import_experiment": import_experiment,
    "check_lammps": check_lammps,
    "build_plugin": build_plugin,
    "pack_atoms": pack_atoms,
    "estimate_speed": estimate_speed,
}


def in_this_process(study, way, monkeypatch):
    """Return exit status and output of one of the ways above, without the rights of root if the case demands it."""
    for name, value in study.environment.items():
        monkeypatch.setenv(name, value)
    for place, name, value in study.patches:
        monkeypatch.setattr(place, name, value)
    function = started if way == "start" else HERE[way]
    if not (study.user and os.geteuid() == 0):
        with redirect_stderr(io.StringIO()) as stream:
            status = function(study)
        return status, stream.getvalue()
    # All that is imported later is imported here: another user may not be allowed to read Python's own folder.
    config.read(ROOT / "config/tiny.yaml")
    preflight.check_engine()
    with Path("told.txt").open("w+") as stream:
        child = os.fork()
        if child == 0:
            status = 99
            try:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
                with redirect_stderr(stream):
                    status = function(study)
                stream.flush()
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        stream.seek(0)
        return status, stream.read()


def command(study, arguments):
    environment = {**os.environ, "PYTHONPATH": "", **study.environment}
    done = subprocess.run(
        arguments, cwd=study.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment
    )
    return done.returncode, done.stdout + done.stderr


def snakemake(study, *arguments):
    options = [
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--workflow-profile",
        str(ROOT / "profiles/default"),
        "--cores",
        "2",
        "--nocolor",
    ]
    # targets first: --configfile takes every word that follows for a file
    return command(
        study, [str(BIN / "snakemake"), *arguments, *study.arguments, *options, "--configfile", study.config]
    )


def make(study, target):
    """Run make in a copy of the project that has its environment already, or has yet to set it up."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "Snakefile", "workflow", "profiles"):
        (study.folder / name).symlink_to(ROOT / name)
    if target == "run":
        (study.folder / ".venv").mkdir()
        for path in Path(sys.prefix).iterdir():
            if path.name not in (".packages", ".complete"):
                (study.folder / ".venv" / path.name).symlink_to(path)
        for stamp in (".packages", ".complete"):
            (study.folder / ".venv" / stamp).touch()
        study.arguments += (f"CONFIG={study.config}", "ARGS=--cores 1 clusters")
    with (study.folder / ".run.lock").open("w") as lock:
        if study.held:
            fcntl.flock(lock, fcntl.LOCK_EX)
        return command(study, ["make", "--no-print-directory", target, *study.arguments])


def meet(study, way, monkeypatch):
    if way == "plan":
        return snakemake(study, "--dry-run")
    if way == "run":
        return snakemake(study, *([] if study.arguments else ["clusters"]))
    if way in ("make", "setup"):
        return make(study, "run" if way == "make" else "setup")
    if way == "start" and not (study.user or study.patches):
        return snakemake(study)
    return in_this_process(study, way, monkeypatch)


def found(study):
    """Return the result files: no logs, no files of a failed run, no record of the version."""
    files = (path for path in study.folder.glob("results/**/*") if path.is_file() and path.name != "version.json")
    return {str(path) for path in files if not {"logs", "benchmarks", "failed"} & set(path.parts)}


@pytest.mark.parametrize("case", bad_input.CASES, ids=lambda case: case.name)
def test_mistake_is_told(case, study, monkeypatch):
    case.make(study)
    write(study)
    before, when = found(study), bad_input.WAYS[case.way][1]
    status, output = meet(study, case.way, monkeypatch)
    assert status != 0, output
    for words in (case.place, case.fix):
        assert words in output, output
    assert "Traceback" not in output and "mistake of gapglass" not in output and 'File "<' not in output, output
    if when == bad_input.BEFORE:
        assert not list(study.folder.glob("results/**/logs"))
    assert {
        path for path in found(study) - before if not path.startswith(str(study.folder / RESULTS / "glass"))
    } == set()


@pytest.mark.parametrize("way", ["check", "start", "import_frames", "import_experiment"])
def test_the_sound_study_passes(way, study, monkeypatch):
    """So every case above fails for its own reason."""
    write(study)
    status, output = in_this_process(study, way, monkeypatch)
    assert status == 0, output


def test_the_sound_study_is_planned(study):
    write(study)
    status, output = snakemake(study, "--dry-run")
    assert status == 0 and "import_frames" in output, output


def test_one_temperature_is_enough(study, monkeypatch):
    """A glass at one temperature is a data set like another."""
    study.set("trajectories.0", {"name": "glass", "file": "run.extxyz", "temperature": 300.0})
    write(study)
    assert in_this_process(study, "import_frames", monkeypatch)[0] == 0
    assert read_json(RESULTS / "frames/import.json")["temperatures_k"] == [300.0]


def test_frames_of_different_size_are_no_mistake(study, monkeypatch):
    study.data["trajectories"].append({"name": "less", "file": "less.extxyz", "temperature": 300.0, "role": "extra"})
    study.set("descriptors.coulomb", {"permutation": "none"})
    less = [frame[1:] for frame in study.frames]
    write(study)
    store.write_frames("less.extxyz", less)
    assert in_this_process(study, "import_frames", monkeypatch)[0] == 0
    assert read_json(RESULTS / "frames/import.json")["n_atoms"] == [47, 48]


def test_other_order_is_no_mistake_where_matrices_are_sorted(study, monkeypatch):
    bad_input.mixed_order(study)
    study.set("descriptors.coulomb", {"permutation": "eigenspectrum", "distances": "minimum_image"})
    write(study)
    assert in_this_process(study, "import_frames", monkeypatch)[0] == 0


def test_name_with_an_at_sign_is_read(study, monkeypatch):
    """ASE takes what follows an @ for the numbers of frames."""
    study.set("trajectories.0.file", "run@3")
    write(study)
    assert in_this_process(study, "import_frames", monkeypatch)[0] == 0
    assert read_json(RESULTS / "frames/import.json")["n_frames"] == 12


def test_no_compiler_is_asked_for_clusters(study):
    """Nor for a plan of everything."""
    write(study)
    study.environment["CXX"] = "no-such-compiler"
    assert snakemake(study, "--dry-run")[0] == 0
    study.frames = study.frames[:1]
    write(study)
    status, output = snakemake(study, "clusters")
    assert status != 0 and "only 1 of the frames" in output and "C++" not in output


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("open('/dev/full', 'w').write('x' * 100000)", "No space left on device; free space"),
        ("open('/proc/none/here', 'w')", "/proc/none/here: No such file or directory; mend the path"),
        ("import dscribe_that_is_not_there", "is not complete; run `make -B setup`"),
        ("raise MemoryError('of 3 TB')", "of 3 TB); run fewer jobs at once"),
        ("{}['energy']", "KeyError: 'energy'. This is a mistake of gapglass, not yours"),
    ],
)
def test_what_nobody_foresaw_is_one_line(statement, told, tmp_path):
    """Snakemake shows the whole log of a job that fails, so the traceback is kept elsewhere."""
    path = tmp_path / "logs/job.log"
    code = f"from gapglass.base import log\nlog.configure({str(path)!r}, 'a job')\n{statement}\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and told in done.stderr and done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr + path.read_text()
    assert (tmp_path / "logs/job.traceback").exists() == ("mistake of gapglass" in told)


def test_log_that_cannot_be_written_is_told(tmp_path, capsys):
    handlers, hook = logging.getLogger("gapglass").handlers[:], sys.excepthook
    (tmp_path / "logs").write_text("a file")
    try:
        log.configure(tmp_path / "logs/job.log", "a job")
    except OSError:
        sys.excepthook(*sys.exc_info())
    logging.getLogger("gapglass").handlers[:], sys.excepthook = handlers, hook
    assert "logs: File exists" in capsys.readouterr().err


def test_disk_full_while_writing_is_told(tmp_path):
    def write():
        with whole_file(tmp_path / "table.csv"), Path("/dev/full").open("w") as stream:
            stream.write("x" * 100000)

    with pytest.raises(UserError, match=r"table\.csv: No space left on device; free space there"):
        write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "reader"),
    [
        ("import.json", '{"n_frames": 1', read_json),
        ("ledger.jsonl", '{"a": 1}\n{', read_json_lines),
        ("table.csv", "", read_table),
        ("table.csv", "a,b\n1,2\n1,2,3\n", read_table),
    ],
)
def test_damaged_result_is_told(name, content, reader, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=rf"{name} is corrupt \(.*\); delete it, and the next run rebuilds it"):
        reader(tmp_path / name)


def test_table_of_this_file_has_what_it_promises():
    groups = Counter(case.group for case in bad_input.CASES)
    assert sum(groups.values()) >= 60 and set(groups) == set(bad_input.GROUPS) and min(groups.values()) >= 8
    assert len({case.name for case in bad_input.CASES}) == len(bad_input.CASES)
    real = Counter(
        case.group
        for case in bad_input.CASES
        if case.way in ("plan", "run", "start", "make", "setup") or case.way not in HERE
    )
    assert all(real[group] >= 2 for group in (bad_input.C, bad_input.T, bad_input.P, bad_input.X, bad_input.E))


def test_page_is_up_to_date():
    assert bad_input.PAGE.read_text(encoding="utf-8") == bad_input.page(), (
        "run `python tests/integration/bad_input.py`"
    )
