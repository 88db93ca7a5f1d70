"""What a user can mend, told in one message."""


class UserError(Exception):
    """A problem in the user's files, settings or machine.

    The message names the place and the fix; scripts print it without a traceback.
    """
