"""Every job reads the workflow's rules, so what those import must be light."""

import re
import subprocess
import sys

from conftest import ROOT

HEAVY = {
    "dscribe",
    "freud",
    "jinja2",
    "matplotlib",
    "numba",
    "pandas",
    "periodictable",
    "quippy",
    "scipy",
    "skopt",
    "sklearn",
}


def loaded(code):
    """Return the heavy packages that a process has loaded after some code, which may print lines of its own."""
    code = f"import sys\n{code}\nprint(*{HEAVY | {'jsonschema', 'yaml'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.splitlines()[-1].split())


def imports_of_the_rules():
    """Return the import statements at the head of the rules."""
    text = (ROOT / "workflow/rules/common.smk").read_text()
    block = re.search(r"^try:\n(    from gapglass.*?)^except ImportError", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join(line.removeprefix("    ") for line in block.group(1).splitlines())


def test_rules_load_no_heavy_package():
    check = "config = configuration.read('config/tiny.yaml'); inputs.check_files(config); "
    check += "paths.Study(config, build.engine_digest())"
    assert loaded(imports_of_the_rules()) == {"yaml"}
    assert loaded(f"{imports_of_the_rules()}\n{check}") == {"yaml", "jsonschema"}


def test_commands_load_what_they_use():
    assert loaded("from gapglass import cli") == set()
    assert loaded("from gapglass import cli; cli.main(['check', 'config/tiny.yaml'])") == {"yaml", "jsonschema"}
