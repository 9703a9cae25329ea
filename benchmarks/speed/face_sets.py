"""The sets that benchmarks read: those that the user names, or faces drawn for the occasion."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Iterator

from recordio_tools.make_synthetic import make_synthetic

DRAWN = dict(size=112, identities=60, images=20, unseen_identities=4, pairs=20)
TAIL = dict(tail_identities=120, tail_images=(3, 3))


@contextlib.contextmanager
def face_sets(data: str, tail: str) -> Iterator[tuple[str, str]]:
    """Give the folders of head and tail; without ``data``, of drawn ones, which are removed."""
    if data:
        yield data, tail or data
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "set"
        make_synthetic(made, **DRAWN, **TAIL)
        yield str(made / "head"), str(made / "tail")
