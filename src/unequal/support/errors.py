"""The one exception that means: the input is wrong, not the program."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input, told in one line that names the file or flag and the mend.

    Scripts print the message to stderr and exit with status 2; nothing has been
    written when it is raised.
    """
