"""The sets that are merged: their identities in one numbering, and the names of their images."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Callable, Sequence

import numpy as np

from recordio_tools.merge_parts.identity_set import IdentitySet
from unequal.faces.left_out_table import BrokenRecords
from unequal.support.errors import InputError


class Sources:
    """The identities of several sets, numbered from 0 set after set, by label in each.

    Attributes:
        sets: the sets.
        broken: for each set, who is told of the records that cannot be read.
        labels: int64 (identities,), the label of each identity in its set.
        images: int64 (identities,), how many images each has.
    """

    def __init__(self, sets: Sequence[IdentitySet], broken: Sequence[BrokenRecords]) -> None:
        self.sets, self.broken = sets, broken
        self.labels = np.concatenate([source.labels for source in sets])
        self.images = np.concatenate([source.images for source in sets])
        self._starts = np.cumsum([0] + [len(source) for source in sets])

    def __len__(self) -> int:
        """How many identities there are."""
        return len(self.labels)

    def close_broken(self) -> int:
        """Log what is not yet told of broken records; return their number."""
        for broken in self.broken:
            broken.close()
        return sum(broken.count for broken in self.broken)

    def set_number(self, number: int) -> int:
        """Return the place in `sets` of the identity's set."""
        return int(np.searchsorted(self._starts, number, side="right")) - 1

    def at(self, number: int) -> tuple[IdentitySet, int]:
        """Return the identity's set and its row there."""
        place = self.set_number(number)
        return self.sets[place], int(number - self._starts[place])


def open_sources(
    data_dirs: Sequence[str | Path], listing: Callable[[str, int, str], object] | None = None
) -> Sources:
    """Open the sets and read their labels.

    `listing` is given set, key and reason of each record that cannot be read, now or later.

    Raises:
        InputError: a set is not sound, or has images of another size than the first one.
    """
    sets: list[IdentitySet] = []
    broken = [
        BrokenRecords(Path(data_dir) / "train.rec", listing and partial(listing, str(data_dir)))
        for data_dir in data_dirs
    ]
    for data_dir, on_broken in zip(data_dirs, broken):
        sets.append(IdentitySet(data_dir, on_broken))
        if sets[-1].size != sets[0].size:
            raise InputError(
                f"{data_dir}: has images of {_text(sets[-1].size)} pixels, but {data_dirs[0]} "
                f"of {_text(sets[0].size)}; merge sets of one size"
            )
    return Sources(sets, broken)


def prefixes(data_dirs: Sequence[str | Path]) -> list[str]:
    """Return the first part of the paths of each set's images: '' for a single set.

    Else it is the end of the folder's path that is long enough to differ from set to set.

    Raises:
        InputError: two are the same folder.
    """
    parts = [os.path.realpath(data_dir).strip(os.sep).split(os.sep) for data_dir in data_dirs]
    if len(parts) == 1:
        return [""]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) + "/" for part in parts]
        if len(set(names)) == len(names):
            return names
    raise InputError("`data_dirs`: names a set twice; name each once")


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
