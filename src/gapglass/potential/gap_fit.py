"""Fitting a Gaussian approximation potential with gap_fit: its arguments, its run, and the check of its log.

gap_fit reports success after many mistakes (no targets found, a species without e0, stress taken for virial), so the
module compares its log with the content of the training frames; docs/explanation/method.md lists the traps. Methods:
GAP, doi:10.1103/PhysRevLett.104.136403; SOAP, doi:10.1103/PhysRevB.87.184115; soap_turbo,
doi:10.1103/PhysRevB.100.024112.
"""

import importlib.util
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from gapglass.base.errors import UserError
from gapglass.base.files import whole_file
from gapglass.base.programs import die_with_parent, peak_so_far_mb, program, refuse_killed
from gapglass.frames.store import write_frames
from gapglass.potential.descriptor_text import many_body_text
from gapglass.potential.design import isolated_energies
from gapglass.potential.failures import FitFailed
from gapglass.potential.gap_xml import core_text

CORE_FILE = "core.xml"  # gap_fit overwrites a core file that has the name of its gp_file


def isolated_atom_energies(frames, e0="fitted", known=None):
    """Return the energy of an isolated atom for every species (eV).

    Parameters
    ----------
    frames : list of ase.Atoms
        Training frames with REF_energy.
    e0 : "fitted", "compute" or dict
        fitted: the energies per species that reproduce the energies of the frames by least squares and, among those,
        are closest to the mean energy per atom; with one composition only, all are that mean. A dictionary (species
        -> eV) is checked for completeness. With compute, ``known`` has all species.
    known : dict, optional
        Species -> eV of isolated atoms in the data set, which are taken as they are where ``e0`` is fitted; only the
        other species are fitted.

    Returns
    -------
    dict
        Species -> eV.

    Raises
    ------
    UserError
        When given energies lack a species.
    """
    species = sorted({symbol for frame in frames for symbol in frame.symbols})
    if isinstance(e0, dict):
        missing = [symbol for symbol in species if symbol not in e0]
        if missing:
            raise UserError(f"potential.e0 lacks {', '.join(missing)}; gap_fit would silently take 0 eV; add them")
        return {symbol: float(e0[symbol]) for symbol in species}
    known = {symbol: float(energy) for symbol, energy in (known or {}).items() if symbol in species}
    roots = np.sqrt([len(frame) for frame in frames])
    counts = np.array([[(frame.symbols == symbol).sum() for symbol in species] for frame in frames], float)
    energies = np.array([frame.info["REF_energy"] for frame in frames])
    found = isolated_energies(counts / roots[:, None], energies / roots, species, known)
    return dict(zip(species, map(float, found), strict=True))


def descriptor_string(hyperparameters, species, descriptor="soap_turbo"):
    """Return the text of gap_fit's ``gap`` argument: a two-body term for the distances and the many-body term.

    Parameters
    ----------
    hyperparameters : dict
        Complete set, see ``config/README.md``.
    species : list of str
    descriptor : {"soap", "soap_turbo"}
        soap is one term, soap_turbo one term per species of the central atom.
    """
    h = hyperparameters
    numbers = sorted(atomic_numbers[symbol] for symbol in species)
    terms = [
        f"distance_2b cutoff={h['two_body_cutoff']} covariance_type=ard_se theta_uniform={h['two_body_theta']} "
        f"n_sparse={h['two_body_n_sparse']} sparse_method=uniform delta={h['two_body_delta']} add_species=T"
    ]
    if descriptor == "soap":
        terms.append(
            f"{many_body_text(h, numbers)} "
            f"n_sparse={h['n_sparse']} covariance_type=dot_product sparse_method=cur_points add_species=T"
        )
        return " : ".join(terms)
    for index in range(1, len(numbers) + 1):
        # The whole argument stands in braces already, so gap_fit wants those inside it twice.
        text = many_body_text(h, numbers, index).replace("{", "{{").replace("}", "}}")
        terms.append(f"{text} n_sparse={h['n_sparse']} delta={h['delta']} sparse_method=cur_points add_species=F")
    return " : ".join(terms)


def fit_arguments(hyperparameters, species, e0, *, descriptor, virials, seed, core=False):
    """Return the argument list of gap_fit, which reads train.extxyz and writes gap.xml.

    Parameters
    ----------
    hyperparameters : dict
    species : list of str
    e0 : dict
        Species -> eV.
    descriptor : {"soap", "soap_turbo"}
    virials : bool
        Whether the fit uses REF_virial.
    seed : int
        Seed of the choice of sparse points.
    core : bool
        Whether gap_fit subtracts the core in ``CORE_FILE`` from the labels and adds it to the potential.

    Raises
    ------
    FitFailed
        When a sigma is not positive (gap_fit would abort or fit something else).
    """
    h = hyperparameters
    for name in ("sigma_energy", "sigma_force", "sigma_virial"):
        if not h[name] > 0:
            raise FitFailed(f"{name} is {h[name]}; it must be positive")
    return [
        "at_file=train.extxyz",
        f"gap={{{descriptor_string(h, species, descriptor)}}}",
        f"default_sigma={{{h['sigma_energy']} {h['sigma_force']} {h['sigma_virial']} 1.0}}",
        "e0={" + ":".join(f"{symbol}:{energy!r}" for symbol, energy in e0.items()) + "}",
        "energy_parameter_name=REF_energy",
        "force_parameter_name=REF_forces",
        f"virial_parameter_name={'REF_virial' if virials else 'NONE'}",
        "stress_parameter_name=NONE",
        "sparse_jitter=1e-8",
        "do_copy_at_file=F",
        "sparse_separate_file=F",
        f"rnd_seed={seed}",
        "gp_file=gap.xml",
        *([f"core_param_file={CORE_FILE}", "core_ip_args={IP Glue}"] if core else []),
    ]


def check_fit_log(text, *, n_frames, n_atoms, n_virials, n_terms):
    """Compare the log of gap_fit with the content of the training frames.

    Parameters
    ----------
    text : str
        Log of gap_fit.
    n_frames, n_atoms : int
        Number of training frames, and of atoms in all of them.
    n_virials : int
        Number of training frames whose virial the fit was to use.
    n_terms : int
        Number of terms in the ``gap`` argument.

    Raises
    ------
    FitFailed
        When they differ; the message gives the number that gap_fit found and the expected one.
    """

    def found(pattern):
        match = re.search(pattern, text)
        return int(match.group(1)) if match else None

    checks = [
        ("terms of the potential", r"Found\s+(\d+)\s+GAPs", n_terms),
        ("target energies", r"Number of target energies \(property name: \S+\) found:\s*(\d+)", n_frames),
        ("target force components", r"Number of target forces \(property name: \S+\) found:\s*(\d+)", 3 * n_atoms),
        (
            "target virial components",
            r"Number of target virials \(property name: \S+\) found:\s*(\d+)",
            6 * n_virials,
        ),
    ]
    for what, pattern, expected in checks:
        count = found(pattern)
        if count != expected:
            raise FitFailed(f"gap_fit found {count} {what}, the training frames hold {expected}")


def gap_fit_program():
    """Return the path of the gap_fit binary.

    The gap_fit that pip puts on the path is a Python wrapper: a signal that kills the wrapper leaves the fit running.
    """
    package = importlib.util.find_spec("quippy")
    binary = Path(package.submodule_search_locations[0]) / "gap_fit" if package else None
    return str(binary) if binary and binary.exists() else program("gap_fit")


def run_fit(frames, hyperparameters, target, *, descriptor, e0, virials, seed, max_seconds, log_path, core=None):
    """Fit a potential and write it to ``target`` as one file.

    Parameters
    ----------
    frames : list of ase.Atoms
        Training frames with REF_energy, REF_forces and, where known, REF_virial.
    hyperparameters : dict
    target : path-like
        The gap.xml to write.
    descriptor : {"soap", "soap_turbo"}
    e0 : dict
        Species -> eV.
    virials : bool
        Whether the fit uses REF_virial, of the frames that have it.
    seed : int
        Seed of the choice of sparse points.
    max_seconds : float
        Wall time after which the fit is stopped.
    log_path : path-like
        File for the output of gap_fit.
    core : dict, optional
        From ``core.tables``. The labels of ``frames`` are whole: gap_fit itself subtracts the core, but not from
        ``e0``.

    Returns
    -------
    dict
        fit_seconds (wall time), fit_cpu_seconds and peak_memory_mb (1 MB is 2**20 bytes) of gap_fit alone.

    Raises
    ------
    FitFailed
        With the reason; there is no file at ``target`` then.
    ProgramKilled
        When gap_fit was ended from outside.
    """
    species = sorted(e0)
    held = {symbol for frame in frames for symbol in frame.symbols}
    if held != set(species):
        raise FitFailed(f"e0 is given for {', '.join(species)}, the training frames hold {', '.join(sorted(held))}")
    arguments = fit_arguments(
        hyperparameters, species, e0, descriptor=descriptor, virials=virials, seed=seed, core=core is not None
    )
    command = [gap_fit_program(), *arguments]
    keys = ["REF_energy", "REF_virial"] if virials else ["REF_energy"]
    start = time.monotonic()
    # gap_fit writes index files beside its input and files of unpredictable names beside its output, so it works in a
    # folder of its own.
    with tempfile.TemporaryDirectory(prefix="gap_fit-") as folder:
        write_frames(Path(folder) / "train.extxyz", frames, keys=keys)
        if core is not None:
            (Path(folder) / CORE_FILE).write_text(core_text(core))
        with Path(log_path).open("w") as stream:
            stream.write("command: " + " ".join(command) + "\n")
            stream.flush()
            status, peak, cpu_seconds = _run(command, folder, stream, max_seconds)
        if status == "timeout":
            raise FitFailed(f"gap_fit was stopped after {max_seconds / 60:.1f} min (active_learning.max_fit_time)")
        text = Path(log_path).read_text(errors="replace")
        potential = Path(folder) / "gap.xml"
        _refuse_incomplete(status, text, potential, log_path)
        n_terms = 1 + (1 if descriptor == "soap" else len(species))
        n_virials = sum("REF_virial" in frame.info for frame in frames) if virials else 0
        n_atoms = sum(map(len, frames))
        check_fit_log(text, n_frames=len(frames), n_atoms=n_atoms, n_virials=n_virials, n_terms=n_terms)
        with whole_file(target) as temporary:
            shutil.copyfile(potential, temporary)
    return {
        "fit_seconds": round(time.monotonic() - start, 1),
        "fit_cpu_seconds": round(cpu_seconds, 2),
        "peak_memory_mb": round(peak),
    }


def _refuse_incomplete(status, text, potential, log_path):
    """Raise ``ProgramKilled`` or ``FitFailed``, with the last errors in its log, where gap_fit wrote no potential."""
    refuse_killed("gap_fit", status, text, "active_learning.max_fit_memory keeps larger fits from being proposed")
    if status != 0 or not potential.exists():
        lines = [
            line.strip() for line in text.splitlines() if "ABORT" in line or "ERROR" in line.upper() or "proc" in line
        ]
        raise FitFailed(f"gap_fit ended with status {status}: {' '.join(lines[-3:]) or 'see ' + str(log_path)}")


def _run(command, folder, stream, max_seconds):
    """Run a command and kill it after ``max_seconds``.

    Return its status or "timeout", its peak resident memory (MB) and its CPU time (s).
    """
    # The gap_fit of the wheel is serial; threads of its BLAS would only compete with the fits that run beside it.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_STACKSIZE": "1G"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=stream,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=environment,
        preexec_fn=die_with_parent,
    )
    deadline, timed_out, seen = time.monotonic() + max_seconds, False, 0.0
    try:
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                process.returncode = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() > deadline and not timed_out:
                timed_out = True
                process.kill()
            seen = max(seen, peak_so_far_mb(process.pid))
            time.sleep(0.03)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
    # The kernel's peak of a child begins with the peak of the process that forked it. Only a value above ours is the
    # child's own; otherwise the function returns the largest value that it saw while the child ran.
    peak, ours = (entry.ru_maxrss / 1024 for entry in (usage, resource.getrusage(resource.RUSAGE_SELF)))
    return (
        "timeout" if timed_out else process.returncode,
        peak if peak > ours or not seen else seen,
        usage.ru_utime + usage.ru_stime,
    )
