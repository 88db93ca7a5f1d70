"""Labels by the real programs CP2K and pw.x of Quantum ESPRESSO, which Debian's packages provide.

The tests are skipped where a program is not installed, unless GAPGLASS_CODES is required, as in CI.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from labelling import cp2k_template, cristobalite, hydrogen, pw_template
from tiny_study import SNAKEMAKE, copy_project

from gapglass.base.errors import UserError
from gapglass.labels import isolated, job, settings
from gapglass.labels.engines import create
from gapglass.labels.store import Store

REQUIRED = os.environ.get("GAPGLASS_CODES") == "required"


def needs(program, name):
    return pytest.mark.skipif(not REQUIRED and shutil.which(program) is None, reason=f"{name} is not installed")


needs_cp2k, needs_pw = needs("cp2k.psmp", "CP2K"), needs("pw.x", "Quantum ESPRESSO")


@pytest.fixture
def hydrogen_engine(tmp_path):
    return create({"engine": "cp2k", "template": cp2k_template(tmp_path / "h.inp", H=1)})


def store_of(folder, engine):
    return Store(folder / "labels").of(engine.settings())


def work_along(engine, stored, frame, direction, step):
    """Return (work of the forces, difference of the energies) in eV between two frames moved along a direction."""
    labels = []
    for sign in (-1, 0, 1):
        moved = frame.copy()
        moved.positions = moved.positions + sign * step * direction
        record = job.label_frame(moved, engine, stored)
        assert record.state in ("computed", "stored"), record
        labels.append(stored.find(moved))
    return 2 * step * float((labels[1].forces * direction).sum()), labels[0].energy - labels[2].energy


@needs_cp2k
def test_cp2k_labels_a_molecule_and_its_forces_are_the_derivatives_of_its_energy(tmp_path, hydrogen_engine):
    engine = hydrogen_engine
    engine.check(["H"])
    stored = store_of(tmp_path, engine)
    direction = np.array([[0, 0, -1.0], [0, 0, 1.0]])  # no net motion: the mean force is taken off
    work, difference = work_along(engine, stored, hydrogen(0.85), direction, 0.02)
    assert abs(difference) > 0.05
    assert work == pytest.approx(difference, rel=0.03)
    entry = stored.find(hydrogen(0.85))
    assert entry.info["code"] == f"cp2k {engine.version()}"
    assert entry.info["ranks"] == 1 and entry.info["scf_steps"] > 3
    assert np.allclose(entry.virial, entry.virial.T, atol=1e-6)


@needs_cp2k
def test_shipped_labels_have_the_settings_of_their_input():
    engine = create({"engine": "cp2k", "template": str(ROOT / "resources/teo2-blyp/teo2-blyp.inp")})
    engine.check(["O", "Te"])
    assert engine.settings() == settings.read(ROOT / "resources/teo2-blyp")


@needs_cp2k
@pytest.mark.slow
def test_virial_of_cp2k_is_the_derivative_of_the_energy_with_the_strain(tmp_path, hydrogen_engine):
    """A positive virial pushes the cell apart: the energy falls as the cell grows."""
    engine = hydrogen_engine
    stored = store_of(tmp_path, engine)
    energies, strain = [], 0.01
    for sign in (-1, 0, 1):
        frame = hydrogen(0.65)
        frame.set_cell(np.asarray(frame.cell) * [1, 1, 1 + sign * strain], scale_atoms=True)
        job.label_frame(frame, engine, stored)
        energies.append(stored.find(frame).energy)
    virial = stored.find(hydrogen(0.65)).virial
    assert virial[2, 2] == pytest.approx((energies[0] - energies[2]) / (2 * strain), rel=0.1)
    assert virial[2, 2] > 1.0


@needs_cp2k
def test_cp2k_starts_from_the_wave_functions_of_a_neighbour(tmp_path, hydrogen_engine):
    stored, guesses = store_of(tmp_path, hydrogen_engine), tmp_path / "guesses"
    first = job.label_frame(hydrogen(0.75), hydrogen_engine, stored, guesses=guesses)
    second = job.label_frame(hydrogen(0.76), hydrogen_engine, stored, guesses=guesses)
    assert second.scf_steps < first.scf_steps
    fresh = Store(tmp_path / "fresh").of(hydrogen_engine.settings())
    job.label_frame(hydrogen(0.76), hydrogen_engine, fresh)
    assert stored.find(hydrogen(0.76)).energy == pytest.approx(fresh.find(hydrogen(0.76)).energy, abs=1e-4)


@needs_cp2k
def test_cp2k_that_does_not_converge_is_tried_again_and_then_failed(tmp_path):
    """CP2K 2023 ends with status 0 and prints forces where its self-consistency has not converged."""
    short = cp2k_template(tmp_path / "short.inp", steps=2, H=1)
    long = cp2k_template(tmp_path / "long.inp", H=1)
    engine = create({"engine": "cp2k", "template": short, "fallback": long})
    engine.check(["H"])
    stored = store_of(tmp_path, engine)
    record = job.label_frame(hydrogen(), engine, stored, keep=tmp_path / "kept")
    assert record.state == "retried" and "did not converge" in record.reason
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"first", "fallback"}
    engine = create({"engine": "cp2k", "template": short})
    record = job.label_frame(hydrogen(0.8), engine, stored)
    assert record.state == "failed" and "did not converge" in record.reason
    assert len(stored) == 1


@needs_cp2k
def test_cp2k_template_with_a_mistake_is_told_in_the_words_of_cp2k(tmp_path):
    template = Path(cp2k_template(tmp_path / "h.inp", H=1))
    template.write_text(template.read_text().replace("REL_CUTOFF", "RELL_CUTOFF"))
    engine = create({"engine": "cp2k", "template": str(template)})
    record = job.label_frame(hydrogen(), engine, store_of(tmp_path, engine))
    assert record.state == "failed"
    assert record.reason == "CP2K aborted: found an unknown keyword RELL_CUTOFF in section MGRID"


@needs_cp2k
def test_launcher_of_another_mpi_is_refused(tmp_path):
    """The mpiexec of the Python environment starts serial copies of Debian's CP2K."""
    launcher = Path(sys.executable).with_name("mpiexec")
    command = [str(launcher), "-launcher", "fork", "-n", "{ranks}", "cp2k.psmp"]
    section = {"engine": "cp2k", "template": cp2k_template(tmp_path / "h.inp", H=1), "command": command, "ranks": 2}
    engine = create(section)
    stored = store_of(tmp_path, engine)
    with pytest.raises(UserError, match="ran on 1 MPI ranks, 2 were asked for"):
        job.label_frame(hydrogen(), engine, stored)
    assert len(stored) == 0 and list((stored.folder / "claims").glob("*.json")) == []


@needs_cp2k
@pytest.mark.slow
def test_own_launcher_of_cp2k_runs_on_two_ranks(tmp_path, monkeypatch):
    launcher = shutil.which("mpirun")
    if launcher is None or Path(launcher).parent == Path(sys.executable).parent:
        pytest.skip("the mpirun of CP2K is not installed")
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    section = {"engine": "cp2k", "template": cp2k_template(tmp_path / "h.inp", H=1), "ranks": 2}
    command = [launcher, "--oversubscribe", "-n", "{ranks}", "cp2k.psmp"]
    engine = create(section | {"command": command})
    stored = store_of(tmp_path, engine)
    record = job.label_frame(hydrogen(), engine, stored)
    assert record.state == "computed" and stored.find(hydrogen()).info["ranks"] == 2
    alone = create(section | {"ranks": 1})
    # Ranks are no settings: the label of two ranks is found for one.
    assert job.label_frame(hydrogen(), alone, store_of(tmp_path, alone)).state == "stored"


@needs_cp2k
def test_killed_labelling_goes_on_with_no_frame_labelled_twice(tmp_path):
    """A program around CP2K counts its starts; the job is killed while it computes its second frame."""
    counter = tmp_path / "cp2k-counted"
    counter.write_text(f'#!/bin/sh\nif [ "$1" = -i ]; then echo start >> {tmp_path}/starts; fi\nexec cp2k.psmp "$@"\n')
    counter.chmod(0o755)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from labelling import cp2k_template, hydrogen\n"
        "from gapglass.labels import job\n"
        "from gapglass.labels.engines import create\n"
        "from gapglass.labels.store import Store\n"
        "folder = Path(sys.argv[2])\n"
        "section = {'engine': 'cp2k', 'template': cp2k_template(folder / 'h.inp', H=1)}\n"
        "engine = create(section | {'command': [str(folder / 'cp2k-counted')]})\n"
        "stored = Store(folder / 'labels').of(engine.settings())\n"
        "for length in (0.7, 0.75, 0.8):\n"
        "    print(job.label_frame(hydrogen(length), engine, stored).state, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)]
    starts = tmp_path / "starts"
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(1200):
        if starts.is_file() and len(starts.read_text().split()) == 2:
            break
        time.sleep(0.1)
    time.sleep(0.3)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert len(starts.read_text().split()) == 2
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout.split() == ["stored", "computed", "computed"]
    # One start more than frames: the killed one, which gave no label.
    assert len(starts.read_text().split()) == 4
    assert len(list((tmp_path / "labels").glob("*/*.extxyz"))) == 3


@needs_cp2k
@pytest.mark.slow
def test_cp2k_labels_cristobalite(tmp_path):
    engine = create({"engine": "cp2k", "template": cp2k_template(tmp_path / "sio2.inp", cutoff=240, Si=4, O=6)})
    engine.check(["Si", "O"])
    record = job.label_frame(cristobalite(1), engine, store_of(tmp_path, engine))
    assert record.state == "computed", record
    forces = store_of(tmp_path, engine).find(cristobalite(1)).forces
    assert 0.5 < np.abs(forces).max() < 30


@needs_cp2k
@pytest.mark.slow
def test_cp2k_labels_isolated_atoms_with_spin(tmp_path):
    """The energy of a free hydrogen atom in the local spin density approximation is -0.4787 Hartree.

    The value is that of doi:10.1103/PhysRevA.55.191; without spin it is -0.4457 Hartree. Basis sets of short range
    (SR), made for condensed matter, are 0.04 Hartree too high.
    """
    template = cp2k_template(tmp_path / "h.inp", cutoff=300, hydrogen="TZV2P-MOLOPT-GTH", H=1)
    engine = create({"engine": "cp2k", "template": template})
    stored = store_of(tmp_path, engine)
    record, energy = isolated.label_atom("H", engine, stored, edge=8.0)
    assert record.state == "computed"
    assert energy == pytest.approx(-0.4787 * 27.2114, abs=0.1)
    again, same = isolated.label_atom("H", engine, stored, edge=8.0)
    assert again.state == "stored" and same == energy
    with pytest.raises(UserError, match="with 1 unpaired electrons"):
        isolated.label_atom("H", engine, stored, edge=8.0, spins={"H": 3})


@needs_pw
def test_pw_labels_cristobalite_and_its_forces_are_the_derivatives_of_its_energy(tmp_path):
    engine = create({"engine": "espresso", "template": pw_template(tmp_path / "pw.in")})
    engine.check(["Si", "O"])
    stored = store_of(tmp_path, engine)
    frame = cristobalite(1)
    record = job.label_frame(frame, engine, stored, keep=tmp_path / "kept")
    assert record.state == "computed", record
    entry = stored.find(frame)
    assert entry.info["code"] == f"espresso {engine.version()}" and entry.info["ranks"] == 1
    assert np.allclose(entry.forces.mean(axis=0), 0, atol=1e-6)
    direction = entry.forces / np.linalg.norm(entry.forces)
    work, difference = work_along(engine, stored, frame, direction, 0.02)
    assert work == pytest.approx(difference, rel=0.02)


@needs_pw
def test_pw_that_does_not_converge_is_tried_again(tmp_path):
    short = pw_template(tmp_path / "short.in", steps=2)
    engine = create({"engine": "espresso", "template": short, "fallback": pw_template(tmp_path / "long.in")})
    engine.check(["Si", "O"])
    stored = store_of(tmp_path, engine)
    record = job.label_frame(cristobalite(2), engine, stored)
    assert record.state == "retried" and "did not converge" in record.reason


@needs_pw
@pytest.mark.slow
def test_pw_labels_isolated_atoms_with_spin(tmp_path):
    engine = create({"engine": "espresso", "template": pw_template(tmp_path / "pw.in")})
    stored = store_of(tmp_path, engine)
    record, energy = isolated.label_atom("Si", engine, stored, edge=8.0)
    assert record.state == "computed", record
    # Without spin, the atom has a higher energy.
    other = Store(tmp_path / "other").of(engine.settings())
    job.label_frame(isolated.frame("Si", 8.0), engine, other)
    assert energy < other.find(isolated.frame("Si", 8.0)).energy - 0.2


@needs_cp2k
@pytest.mark.slow
def test_shipped_trial_labels_five_frames(tmp_path):
    """The study that docs/how-to/label-with-cp2k.md begins with; `make clean` and `-F` compute no label again."""
    folder = copy_project(tmp_path / "project")
    command = [SNAKEMAKE[0], "labels", "--cores", "2", "--configfile", "config/studies/label-with-cp2k.yaml"]
    status = folder / "results/label-with-cp2k/labels/status.csv"
    subprocess.run(command, cwd=folder, check=True)
    found = pd.read_csv(status, comment="#")
    assert found["state"].tolist() == ["computed"] * 5 and found["own"].all()
    entries = {path: path.stat().st_mtime_ns for path in folder.glob("labels/cp2k-*/*.extxyz")}
    assert len(entries) == 5
    subprocess.run(["make", "clean"], cwd=folder, check=True)
    assert not status.exists()
    for more in ([], ["-F"]):
        subprocess.run([*command, *more], cwd=folder, check=True)
        assert pd.read_csv(status, comment="#")["state"].tolist() == ["stored"] * 5
    assert {path: path.stat().st_mtime_ns for path in folder.glob("labels/cp2k-*/*.extxyz")} == entries
