"""What every engine offers: checks before the first frame, files of a calculation, its command, and its result."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from gapglass.base.errors import UserError
from gapglass.base.programs import program
from gapglass.frames.readers import FORMATS
from gapglass.frames.readers.opening import READING_ERRORS
from gapglass.frames.readers.records import Source
from gapglass.labels.label import LabelFailed
from gapglass.labels.settings import UNKNOWN_VERSION, Settings, differences, listed

SCREEN = "screen.txt"  # what the program prints


class Engine:
    """A code that computes labels.

    Parameters
    ----------
    section : dict
        Section ``labels`` of the configuration: template, fallback, command, ranks, threads, virials, data, version,
        and what only one engine uses. Absent keys have their defaults.

    Attributes
    ----------
    name : str
    programs : tuple of str
        Names of the program; the first that is installed is the default command.
    kept : tuple of str
        Files of a calculation that are kept as its log.
    """

    name = ""
    programs = ()
    kept = (SCREEN,)
    restarts = False  # whether wave functions of a neighbour frame can be the first guess

    def __init__(self, section):
        self.section = section
        self.ranks = int(section.get("ranks") or 1)
        self.threads = int(section.get("threads") or 1)
        self.virials = bool(section.get("virials", True))
        self._version = None

    def check(self, species):
        """Refuse, before the first frame, settings with which no frame could be labelled.

        Parameters
        ----------
        species : iterable of str
            Species of all frames.

        Raises
        ------
        UserError
        """
        self.command()
        self.settings()
        self.check_fallback()

    def check_fallback(self):
        """Refuse fallback settings that would give labels of another fingerprint."""
        if not self.has_fallback:
            return
        found = differences(self.settings(), self.settings(fallback=True))
        if found:
            raise UserError(
                f"labels.fallback computes something else than labels.template ({listed(found)}); labels of both in "
                "one fit would not agree. It may change how the self-consistency reaches its threshold, nothing else"
            )

    @property
    def has_fallback(self):
        """Whether there are settings for a second try."""
        return bool(self.section.get("fallback"))

    @property
    def tries(self):
        """For every try of a frame, whether it takes the fallback settings."""
        return (False, True) if self.has_fallback else (False,)

    def attempts(self):
        """Return the texts of all inputs that a frame is tried with; another text is another try."""
        raise NotImplementedError

    def values(self, fallback=False):
        """Return the settings on which labels depend, name -> normalised text."""
        raise NotImplementedError

    def version(self):
        """Return the version of the program before it has run, None if it does not tell it."""
        return None

    def settings(self, fallback=False):
        """Return the ``Settings`` of the labels."""
        if self._version is None:
            self._version = str(self.section.get("version") or self.version() or UNKNOWN_VERSION)
        return Settings(self.name, self._version, self.values(fallback))

    def launcher(self):
        """Return launcher and program: ``labels.command``, or the program alone.

        In a given command, {ranks} and {threads} stand for their numbers.
        """
        given = self.section.get("command")
        if not given:
            return [self._installed()]
        words = [str(w).replace("{ranks}", str(self.ranks)).replace("{threads}", str(self.threads)) for w in given]
        if shutil.which(words[0]) is None:
            raise UserError(f"labels.command: there is no program {words[0]}; mend it, or give its full path")
        return [str(Path(word).absolute()) if self._is_file(word) else word for word in words]

    def _is_file(self, word):
        """Return whether a word of the command names a file of the user, which the calculation's folder lacks."""
        return (os.sep in word or word in (self.section.get("files") or ())) and Path(word).is_file()

    def _installed(self):
        for name in self.programs:
            try:
                return program(name)
            except UserError:
                continue
        raise UserError(
            f"labels.engine is {self.name}, but no program {' or '.join(self.programs) or 'is known'} is on PATH; "
            "install it, or give labels.command"
        )

    def asked(self, *arguments):
        """Return what the program prints when it is called with some arguments, in a folder of its own.

        Raises
        ------
        UserError
            When it cannot be started. Without its version there is no fingerprint, and no label would be found.
        """
        command = [*self.launcher(), *arguments]
        try:
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    timeout=300,
                    cwd=folder,
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"{' '.join(command)} does not tell the version of {self.name}: {error}") from error
        return done.stdout

    def stated_version(self, pattern, output):
        """Return the version in what the program printed.

        Raises
        ------
        UserError
            When there is none.
        """
        found = re.search(pattern, output)
        if found is None:
            said = " ".join(output.split())[-300:] or "nothing"
            raise UserError(
                f"{' '.join(self.launcher())} does not tell the version of {self.name}; it prints: {said}. "
                "Mend labels.command, or give labels.version"
            )
        return found.group(1)

    def command(self):
        """Return the argument list that starts the calculation in its folder."""
        raise NotImplementedError

    def prepare(self, frame, folder, fallback=False, guess=None, spin=None):
        """Write the files of a calculation.

        Parameters
        ----------
        frame : ase.Atoms
        folder : path-like
            An empty folder.
        fallback : bool
            Whether to use the fallback settings.
        guess : path-like, optional
            Wave functions of a similar frame.
        spin : int, optional
            Number of unpaired electrons, for isolated atoms.
        """
        raise NotImplementedError

    def read(self, frame, folder):
        """Return the ``Label`` of a calculation that has ended, without its time.

        Raises
        ------
        LabelFailed
            When the output has no label.
        """
        raise NotImplementedError

    def stated_ranks(self, folder):
        """Return the number of MPI ranks by the output of a calculation, None if it does not state it."""
        return None

    def complaint(self, folder):
        """Return what the program itself says of its failure in one line, or None."""
        return None

    def wave_functions(self, folder):
        """Return the path of the wave functions of a calculation, or None."""
        return None

    def read_frames(self, path, form):
        """Return (raw frames, source) of an output by a reader of ``gapglass.frames``.

        Raises
        ------
        LabelFailed
            When the output cannot be read.
        """
        path = Path(path)
        source = Source(self.name, path, form)
        if not path.is_file():
            raise LabelFailed(f"there is no output {path.name}")
        try:
            return list(FORMATS[form].frames(source)), source
        except (UserError, *READING_ERRORS) as error:
            raise LabelFailed(f"its output cannot be read: {' '.join(str(error).split())[:300]}") from error


class TemplateEngine(Engine):
    """An engine whose inputs are made from a template of the user, which is read and parsed once."""

    def __init__(self, section):
        super().__init__(section)
        self._parsed = {}

    def read_template(self, text, path):
        """Return a template as an object, after refusing what cannot be used."""
        raise NotImplementedError

    def parsed(self, fallback=False):
        """Return what ``read_template`` makes of the template or of the fallback."""
        if fallback not in self._parsed:
            path, text = template(self.section, "fallback" if fallback else "template")
            self._parsed[fallback] = self.read_template(text, path)
        return self._parsed[fallback]


def text_of(path):
    """Return the text of an output, nothing if there is none."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def template(section, key):
    """Return (path, text) of a file that the section names, refused if it cannot be read."""
    if not section.get(key):
        raise UserError(f"labels.{key} is missing; labels.engine: {section.get('engine')} needs it")
    path = Path(section[key])
    try:
        return path, path.read_text()
    except UnicodeDecodeError as error:
        raise UserError(f"labels.{key}: {path} is no text file") from error
    except OSError as error:
        raise UserError(f"labels.{key}: {path} cannot be read ({error.strerror}); mend the path") from error


def find_file(name, folders):
    """Return the first existing file of a name in some folders as a full path, or None."""
    for folder in folders:
        path = Path(folder) / name
        if path.is_file():
            return path.absolute()
    return None


def link(target, folder, name=None):
    """Make a file known in the folder of a calculation under its bare name, so that no path enters an input."""
    path = Path(folder) / (name or Path(target).name)
    path.unlink(missing_ok=True)
    path.symlink_to(Path(target).absolute())
    return path.name
