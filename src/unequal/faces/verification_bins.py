"""The verification sets `*.bin` of a data folder, which are the targets of training."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path


def add_no_bins(parser: argparse.ArgumentParser) -> None:
    """Add the flag --no-bins, which sets `bins` to False."""
    parser.add_argument(
        "--no-bins",
        dest="bins",
        action="store_false",
        help="do not copy the verification sets *.bin of DATA_DIR",
    )


def bins_of(data_dir: str | Path) -> list[Path]:
    """Return the *.bin files of `data_dir`, sorted."""
    return sorted(path for path in Path(data_dir).glob("*.bin") if path.is_file())


def carry_bins(data_dir: str | Path, folder: str | Path) -> list[str]:
    """Copy the *.bin files of `data_dir` into `folder`; return their names, sorted.

    They are not linked, because a later change of one would then change the other. Names that
    `folder` has already are passed over. A symbolic link is followed.

    Raises:
        OSError: a file cannot be copied.
    """
    there = set(os.listdir(folder))
    bins = [path for path in bins_of(data_dir) if path.name not in there]
    for path in bins:
        shutil.copyfile(path, Path(folder) / path.name)
    return [path.name for path in bins]
