"""The verification sets `*.bin` that lie in a data folder, where training looks for --target."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path


def add_no_bins(parser: argparse.ArgumentParser) -> None:
    """The flag --no-bins; `args.bins` is then False."""
    parser.add_argument(
        "--no-bins",
        dest="bins",
        action="store_false",
        help="leave the verification sets *.bin of DATA_DIR behind (default: they are copied)",
    )


def bins_of(data_dir: str | Path) -> list[Path]:
    """The *.bin files of `data_dir`, sorted."""
    return sorted(path for path in Path(data_dir).glob("*.bin") if path.is_file())


def carry_bins(data_dir: str | Path, folder: str | Path) -> list[str]:
    """Copies the *.bin files of `data_dir` into `folder`.

    Links would share what is later written to one of the two. Names that `folder` has already are
    passed over. Returns the others, sorted. A symbolic link is followed. Raises OSError.
    """
    there = set(os.listdir(folder))
    bins = [path for path in bins_of(data_dir) if path.name not in there]
    for path in bins:
        shutil.copyfile(path, Path(folder) / path.name)
    return [path.name for path in bins]
