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
        help="leave the verification sets *.bin of DATA_DIR behind (default: they go along, as "
        "hard links where that is possible)",
    )


def carry_bins(data_dir: str | Path, folder: str | Path) -> list[str]:
    """Links the *.bin files of `data_dir` into `folder`, or copies them where that fails.

    Names that `folder` has already are passed over. Returns the others, sorted. A symbolic link
    is followed. Raises OSError.
    """
    there = set(os.listdir(folder))
    found = sorted(path for path in Path(data_dir).glob("*.bin") if path.is_file())
    bins = [path for path in found if path.name not in there]
    for path in bins:
        source, target = path.resolve(), Path(folder) / path.name
        try:
            os.link(source, target)
        except OSError:  # another file system, another owner, or one that knows no links
            shutil.copyfile(source, target)
    return [path.name for path in bins]
