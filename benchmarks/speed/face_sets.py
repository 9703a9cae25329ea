"""The sets that benchmarks read: those that the user names, or faces drawn for the occasion."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path
from typing import Iterator, NamedTuple

from recordio_tools.make_synthetic import make_synthetic

DRAWN = dict(
    size=112,
    identities=60,
    images=20,
    tail_identities=120,
    tail_images=(3, 3),
    unseen_identities=4,
    pairs=20,
)


class FaceSets(NamedTuple):
    """Folders of RecordIO sets."""

    head: str
    tail: str


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add --data and --tail."""
    parser.add_argument("--data", help="folder of a RecordIO set (default: 112 px faces, drawn)")
    parser.add_argument(
        "--tail", help="beside --data, a set with few images an identity (default: --data)"
    )


def draw(folder: Path) -> FaceSets:
    """Make ``folder`` with a drawn head and tail."""
    make_synthetic(folder, **DRAWN)
    return FaceSets(str(folder / "head"), str(folder / "tail"))


@contextlib.contextmanager
def face_sets(options: argparse.Namespace) -> Iterator[FaceSets]:
    """Give the sets that the flags name, or drawn ones, which are removed afterwards."""
    if options.data:
        yield FaceSets(options.data, options.tail or options.data)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield draw(Path(folder) / "set")
