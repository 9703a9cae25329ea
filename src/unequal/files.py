"""Writing a file so that others see the old one or the new one, never half of it."""

from __future__ import annotations

import os
from typing import Callable


def replace_file(path: str | os.PathLike, write: Callable[[str], object]) -> None:
    """Call ``write`` with a temporary name beside ``path``, then put that file in its place.

    What ``write`` and the operating system raise passes through; the temporary file is removed.
    """
    temporary = f"{os.fspath(path)}.{os.getpid()}.tmp"
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
