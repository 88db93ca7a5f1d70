"""docs/notebook.ipynb runs from top to bottom, in the order of its cells and in one process."""

import os
import subprocess
import sys

import nbformat
from conftest import ROOT

NOTEBOOK = ROOT / "docs/notebook.ipynb"


def test_notebook_runs_and_is_stored_without_outputs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cells) >= 5 and not any(cell.outputs or cell.execution_count for cell in cells)
    # A cell is Python without magic commands, so no kernel of Jupyter is needed; a file per cell names it in errors.
    lines = ["names = {}"]
    for number, cell in enumerate(cells):
        (tmp_path / f"cell_{number}.py").write_text(cell.source)
        lines.append(f"exec(compile(open(r'{tmp_path}/cell_{number}.py').read(), 'cell_{number}.py', 'exec'), names)")
    lines.append("print('frames', len(names['models']), 'rows', len(names['sq']), 'force', names['rmse'])")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT / "docs",
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()[-1].split()
    # 20 frames teach forces of some eV/Å to a few tenths; zero forces would have an error of 1.1 eV/Å.
    assert int(found[1]) == 26 and int(found[3]) > 50 and float(found[5]) < 0.6
