"""Which sources the engine was compiled from, and whether they are still those of the checkout.

CMake runs this file as a program to learn the digest that it compiles in, and every parse of the workflow calls
``engine_digest``, so it needs nothing but the standard library.
"""

import hashlib
from pathlib import Path

from gapglass.base.errors import UserError

CHECKOUT = Path(__file__).parents[3]  # in an installed wheel, this is a folder without CMakeLists.txt
FOLDERS = ("gap", "python", "lammps")  # of cpp; cpp/tests is in no library
NAMES = ("*.h", "*.cpp", "*.cmake", "CMakeLists.txt")
COMMAND = "run `make setup`"


def source_digest(root=CHECKOUT):
    """Return the digest of the C++ sources and their build files in a checkout.

    Parameters
    ----------
    root : path-like
        Folder with CMakeLists.txt and cpp.

    Returns
    -------
    str or None
        16 hexadecimal digits; None when the folder is no checkout, as in an installed wheel.
    """
    root = Path(root)
    top = root / "CMakeLists.txt"
    if not (top.is_file() and (root / "cpp/gap").is_dir()):
        return None
    found = {path for folder in FOLDERS for name in NAMES for path in (root / "cpp" / folder).glob(name)}
    digest = hashlib.sha256()
    for path in [top, *sorted(found)]:
        text = path.read_bytes()
        # With its length, no text can be taken for the name of the next file.
        digest.update(f"{path.relative_to(root).as_posix()} {len(text)}\n".encode() + text)
    return digest.hexdigest()[:16]


def engine_digest():
    """Return the digest of the sources that the engine was compiled from, after a check against the checkout.

    Returns
    -------
    str
        16 hexadecimal digits. They change when the engine changes, so rules that compute with it take them as a
        parameter.

    Raises
    ------
    UserError
        When the engine is not compiled, or was compiled from other sources than those of the checkout.
    """
    try:
        from gapglass.potential import _engine
    except ImportError as error:
        raise UserError(f"the compiled engine cannot be loaded: {error}; {COMMAND}") from error
    compiled, current = _engine.source_digest(), source_digest()
    if current not in (None, compiled):
        raise UserError(
            f"the engine was compiled from other sources ({compiled}) than those of {CHECKOUT} ({current}); {COMMAND}"
        )
    return compiled


if __name__ == "__main__":
    print(source_digest())
