"""The configuration: read, checked against the schema, completed with defaults, checked for sense.

Every problem is found before any work starts and told with the key, the value seen, what is
allowed and a fix. The schema is ``workflow/schemas/config.schema.yaml``.
"""

import os
import re
from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.frames import readers


def check_files(config):
    """Refuse files of trajectories and experiments that cannot be read, or are of codes that do not go together, before any job starts.

    Raises
    ------
    UserError
    """
    problems = [
        f"  - `{key}[{index}].file` is {entry['file']}; {problem}"
        for key, entries in (
            ("trajectories", config["trajectories"]),
            ("structure.experiments", config["structure"]["experiments"]),
        )
        for index, entry in enumerate(entries)
        if (problem := _file_problem(entry["file"]))
    ]
    problems += [
        f"  - `trajectories[{index}].companions.{what}` is {file}; {problem}"
        for index, entry in enumerate(config["trajectories"])
        for what, file in entry["companions"].items()
        if (problem := _file_problem(file))
    ]
    if problems:
        raise UserError("\n".join(["files are looked for relative to " + str(Path.cwd()), *problems]))
    readers.check_families(config["trajectories"], config["import"]["energies_agree"])


def _file_problem(name):
    """Return what is wrong with a user's file, None where it can be read."""
    # Snakemake takes {} for wildcards and <> for variables; a line break would tear logs and tables apart
    if re.search(r"[{}<>\x00-\x1f\x7f]", name):
        return "{, }, <, > and line breaks cannot be in the name; rename the file"
    path = Path(name)
    try:
        if path.is_dir():
            return "that is a folder; name the file in it"
        if not path.is_file():
            return "there is no such file; mend the path" + (" (~ is not replaced)" if name.startswith("~") else "")
        if not os.access(path, os.R_OK):
            return "you may not read it; change its permissions (chmod u+r)"
        if path.stat().st_size == 0:
            return "it is empty; copy it again"
    except OSError as error:
        return f"{error.strerror}; mend the path"
    return None
