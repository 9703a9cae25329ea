"""The folder that checkpoints are saved in."""

from __future__ import annotations

import os
import tempfile

from unequal.support.errors import InputError


def make_folder(folder: str, flag: str) -> None:
    """Make ``folder`` and see that files can be written there.

    Raises :class:`InputError`, which names ``flag``, otherwise.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{flag}: cannot write into {folder} ({error.strerror}); name another folder"
        ) from error
