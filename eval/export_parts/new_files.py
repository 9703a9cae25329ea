"""Files that an export makes: never over others by accident, never half of one."""

from __future__ import annotations

import os
from typing import Callable

# isort: split
from unequal.support.errors import InputError  # readies the process for mxnet, so it comes before

# isort: split
import mxnet as mx


def check_output(path: str, overwrite: bool) -> None:
    """Raises InputError where `path` exists (without `overwrite`), or its folder does not."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise InputError(f"{path}: there is no folder {folder}; make it, or name another --output")
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; name a file by --output")
    if os.path.exists(path) and not overwrite:
        raise InputError(f"{path}: exists; name another --output, or replace it by --overwrite")


def replacing(path: str, write: Callable[[str], object]) -> None:
    """`unequal.support.files.replace_or_refuse`, for files that MXNet writes as well."""
    from unequal.support.files import replace_or_refuse

    replace_or_refuse(path, write, "name another --output", (mx.MXNetError,))
