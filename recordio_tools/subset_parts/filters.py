"""Which identities and images of a set a subset takes, decided before any image is read."""

from __future__ import annotations

from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Mapping, NamedTuple

from unequal.faces.identity_lists import read_identity_list
from unequal.faces.set_reader import FaceSetReader
from unequal.support.command_line import progress
from unequal.support.errors import InputError

SEEDS = 2**64


class Filters(NamedTuple):
    """What is taken of a set, in this order; None: no such filter.

    Attributes:
        keep_identities: a file of identities; only these.
        drop_identities: a file of identities; not these.
        min_images: only identities with at least this number of images in the set.
        sample_identities: this number of the identities that are left, at random.
        max_images: at most this number of images of each, at random.
        seed: start of the random numbers, from 0.
    """

    keep_identities: str | Path | None = None
    drop_identities: str | Path | None = None
    min_images: int | None = None
    sample_identities: int | None = None
    max_images: int | None = None
    seed: int = 0


class Survey(NamedTuple):
    """Images per label, and of labels with more than max_images the highest rank to take."""

    images: dict[int, int]
    last_ranks: dict[int, bytes]


class Scattered(Exception):
    """The images of an identity do not follow one another."""


class Selection(NamedTuple):
    """The labels to take, how many images they have to take, and what `Survey.last_ranks` is."""

    labels: set[int]
    images: int
    last_ranks: dict[int, bytes]
    seed: int

    def takes(self, key: int, label: int) -> bool:
        """Return whether the image with that key and label is taken."""
        if label not in self.labels:
            return False
        last = self.last_ranks.get(label)
        return last is None or _rank("image", key, self.seed) <= last


def check_filters(filters: Filters) -> None:
    """Raise InputError for a number out of bounds and for both kinds of list."""
    if filters.keep_identities is not None and filters.drop_identities is not None:
        raise InputError("`keep_identities`, `drop_identities`: give one of the two")
    for name in ("min_images", "sample_identities", "max_images"):
        number = getattr(filters, name)
        if number is not None and number < 1:
            raise InputError(f"`{name}` {number}: give a number above 0")
    if not 0 <= filters.seed < SEEDS:
        raise InputError(f"`seed` {filters.seed}: give a number from 0 to 2**64 - 1")


def survey(source: FaceSetReader, filters: Filters) -> Survey:
    """Read all labels.

    Raises:
        Scattered: the images of an identity do not follow one another.
    """
    images: dict[int, int] = {}
    last_ranks: dict[int, bytes] = {}
    labels = progress(source.labels(lambda key, reason: None), source.images, "label")
    for label, pairs in groupby(labels, key=lambda pair: pair[1]):
        if label in images:
            raise Scattered
        keys = [key for key, _ in pairs]
        images[label] = len(keys)
        if filters.max_images is not None and len(keys) > filters.max_images:
            ranks = sorted(_rank("image", key, filters.seed) for key in keys)
            last_ranks[label] = ranks[filters.max_images - 1]
    return Survey(images, last_ranks)


def select(
    data_dir: str | Path, found: Survey, names: Mapping[int, str], filters: Filters
) -> Selection:
    """Apply the filters to the set `data_dir`, whose identities have `names`.

    Random choices depend only on the seed, labels and keys. What a larger number takes includes
    what a smaller one takes.

    Raises:
        InputError: a list does not fit the set, or no identity would be left.
    """
    labels = set(found.images)
    if filters.keep_identities is not None:
        labels = read_identity_list(filters.keep_identities, data_dir, labels, names)
    elif filters.drop_identities is not None:
        labels -= read_identity_list(filters.drop_identities, data_dir, labels, names)
    if filters.min_images is not None:
        labels = {label for label in labels if found.images[label] >= filters.min_images}
    if not labels:
        raise InputError(
            f"{data_dir}: no identity is left of {len(found.images)}; lower `min_images`, or "
            "leave out a list"
        )
    if filters.sample_identities is not None:
        if filters.sample_identities > len(labels):
            raise InputError(
                f"`sample_identities` {filters.sample_identities}: only {len(labels)} are left to "
                "choose from; give a lower number"
            )
        ranked = sorted(labels, key=lambda label: _rank("identity", label, filters.seed))
        labels = set(ranked[: filters.sample_identities])
    counts = (found.images[label] for label in labels)
    if filters.max_images is not None:
        counts = (min(count, filters.max_images) for count in counts)
    return Selection(labels, sum(counts), found.last_ranks, filters.seed)


def _rank(kind: str, number: int, seed: int) -> bytes:
    """Return the place of an image or identity in a random order."""
    text = f"{seed} {kind} {number}".encode()
    return blake2b(text, digest_size=8).digest()
