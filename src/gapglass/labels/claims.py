"""Claims on frames: which process labels which geometry at this moment."""

import json
import os
import platform
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from ase import Atoms

from gapglass.labels.matching import same

BEAT = 20.0  # s, between two signs of life of a claim
LOST = 300.0  # s without a sign of life after which a claim of another machine counts as left behind


def as_json(frame):
    """Return species, cell (Å) and positions (Å) of a frame for a JSON file."""
    return {
        "numbers": frame.numbers.tolist(),
        "cell": np.asarray(frame.cell).tolist(),
        "positions": frame.positions.tolist(),
    }


def geometry(found):
    """Return the frame of ``as_json``."""
    return Atoms(found["numbers"], positions=found["positions"], cell=found["cell"], pbc=True)


class Claim:
    """A claim of this process; its file exists as long as the claim does."""

    def __init__(self, path):
        self.path = path

    @contextmanager
    def kept_alive(self):
        """Renew the claim from a thread while the block runs, and remove it at the end."""
        ended = threading.Event()

        def beat():
            while not ended.wait(BEAT):
                with suppress(OSError):
                    os.utime(self.path)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.path.unlink(missing_ok=True)


def create(folder, name, frame):
    """Return a new claim on a frame, or None where a file of its name exists."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name[:16]}.json"
    text = json.dumps({**_process(), **as_json(frame)})
    try:
        with path.open("x") as stream:
            stream.write(text)
    except FileExistsError:
        return None
    return Claim(path)


def of_frame(folder, frame):
    """Return who labels a frame ("process 123 on node7"), or None; claims that were left behind are removed."""
    folder = Path(folder)
    if not folder.is_dir():
        return None
    owner = None
    for path in sorted(folder.glob("*.json")):
        try:
            found = json.loads(path.read_text())
            atoms = geometry(found)
        except (OSError, ValueError, KeyError, TypeError):
            found, atoms = {}, None  # cut off by a full disk or a kill in the middle of writing, or gone
        if _is_left_behind(path, found):
            path.unlink(missing_ok=True)
        elif atoms is None or same(frame, atoms):
            owner = f"process {found.get('pid', '?')} on {found.get('node', 'another machine')}"
    return owner


def _is_left_behind(path, found):
    """Return whether the process of a claim has ended."""
    own = _process()
    if found.get("machine") == own["machine"] and found.get("started") is not None:
        return _started(found.get("pid")) != found["started"]
    try:
        return _now(path.parent) - path.stat().st_mtime > LOST
    except OSError:
        return False


def _now(folder):
    """Return the time by the clock that stamps the files of a folder, which may be that of a file server."""
    path = folder / ".now"
    try:
        path.touch()
        return path.stat().st_mtime
    except OSError:
        return time.time()


def _process():
    """Return what identifies this process: machine, process id, and when it was started."""
    return {
        "node": platform.node(),
        "machine": _machine(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
    }


def _machine():
    """Return what two processes share that can see each other: boot of the machine, and name space of process ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _started(pid):
    """Return when a process was started, in clock ticks since the boot, or None if it is gone.

    The numbers of processes are used again, so that the number alone does not tell whether one has ended.
    """
    try:
        # The name of the program, in parentheses, may contain spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
