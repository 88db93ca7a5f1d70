"""The errors that a user can mend: each is reported as one message without a traceback."""

import errno
import os

REINSTALL = "run `make -B setup`, or install gapglass again with pip"


class UserError(Exception):
    """A problem in the user's files, settings or machine.

    The message names the place and the fix; scripts print it without a traceback.
    """


class ProgramKilled(UserError):
    """An external program was ended from outside: by the scheduler, for want of memory, or by hand.

    Such an end says nothing about the work that the program was given, so it never counts as a result: the job fails,
    and the next run repeats it.
    """


# Advice for the errors of the operating system that a user can mend.
FIXES = {
    errno.ENOSPC: "free space there, or start the run in a folder on a larger disk",
    errno.EDQUOT: "free space within your quota, or start the run in a folder without one",
    errno.EFBIG: "lift the limit on the size of files (ulimit -f)",
    errno.EACCES: "give yourself the right to it (chmod, chown), or start the run in a folder of your own",
    errno.EPERM: "give yourself the right to it (chmod, chown, chattr), or start the run in a folder of your own",
    errno.EROFS: "this disk is read-only; start the run in a folder that can be written",
    errno.ENOTDIR: "there is a file where a folder is needed; move it away",
    errno.EEXIST: "there is a file where a folder is needed; move it away",
    errno.EISDIR: "there is a folder where a file is needed; name the file",
    errno.ENOENT: "mend the path",
    errno.ENAMETOOLONG: "shorten the name",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENOMEM: "free memory, or run fewer jobs at once (--cores)",
}


def system_problem(error, path=None):
    """Describe in one line what the operating system refused, where, and what helps.

    Parameters
    ----------
    error : OSError
    path : path-like, optional
        The place to report, if the error names none or a temporary file.

    Returns
    -------
    str or None
        None for an error that a user cannot mend.
    """
    fix = FIXES.get(error.errno)
    place = path or error.filename
    if fix is None:
        return None
    return f"{place or 'a file of this step'}: {os.strerror(error.errno)}; {fix}"
