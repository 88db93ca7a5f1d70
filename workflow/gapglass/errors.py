"""What a user can mend, told in one message."""


class UserError(Exception):
    """A problem in the user's files, settings or machine.

    The message names the place and the fix; scripts print it without a traceback.
    """


class ProgramKilled(UserError):
    """An external program was ended from outside: by the scheduler, for want of memory, by hand.

    It tells nothing of what the program was asked to do, so it is never taken for a result; the job fails and is run again.
    """
