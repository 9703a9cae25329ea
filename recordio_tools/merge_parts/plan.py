"""Which identities of several sets become one: of the same label, or of the same look."""

from __future__ import annotations

import logging
from itertools import chain
from typing import TYPE_CHECKING, Iterator, NamedTuple

import numpy as np

from recordio_tools.merge_parts.centres import connected, mean_directions, pairs_above
from recordio_tools.merge_parts.sources import Sources
from unequal.faces.decoding import BadImage, decode_rgb
from unequal.support.command_line import progress
from unequal.support.counted import counted
from unequal.support.errors import InputError

if TYPE_CHECKING:
    from unequal.checkpoints.embedder import Embed

MOST_MATCHES = 10_000_000
logger = logging.getLogger(__name__)


class Matches(NamedTuple):
    """Pairs of identities that look the same, the closest first.

    `first` and `second` are int64, `cosine` is float32, each (pairs,).
    """

    first: np.ndarray
    second: np.ndarray
    cosine: np.ndarray


NO_MATCHES = Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


def find_matches(
    sources: Sources, embed: Embed, threshold: float, images_per_identity: int, batch_size: int
) -> Matches:
    """Find the pairs of identities whose centres have at least the cosine `threshold`.

    Args:
        sources: the sets.
        embed: maps uint8 (n, 3, height, width) RGB to embeddings (n, emb).
        threshold: least cosine, above 0.
        images_per_identity: the most images for a centre; evenly spaced ones are taken.
        batch_size: images embedded at a time.

    Raises:
        InputError: an image has another size than its set, embeddings are not finite, or more
            than ten million pairs are so close.
    """
    faces = _sample(sources, images_per_identity)
    total = int(np.minimum(sources.images, images_per_identity).sum())
    shown = progress(faces, total, label="embedding")
    centres = mean_directions(shown, embed, len(sources), batch_size)
    if not np.all(np.isfinite(centres)):
        raise InputError("`model`: gives embeddings that are not finite; take another epoch")
    found, count = [NO_MATCHES], 0
    for pairs in pairs_above(centres, threshold):
        found.append(Matches(*pairs))
        count += len(pairs[0])
        if count > MOST_MATCHES:
            raise InputError(
                f"`threshold` {threshold}: more than {MOST_MATCHES} pairs of identities are above "
                "it; give a higher one"
            )
    matches = Matches(*(np.concatenate(column) for column in zip(*found)))
    order = np.lexsort((matches.second, matches.first, -matches.cosine))
    return Matches(*(column[order] for column in matches))


def group(sources: Sources, matches: Matches, same_labels: bool) -> list[list[int]]:
    """Return the new identities, each as the numbers of its members.

    Identities that match become one, and with `same_labels` those of one label. The order is that
    of the sets and of the labels in each, with `same_labels` that of the labels. A new identity
    has the place of its first member.
    """
    order = np.arange(len(sources))
    same = np.empty(0, np.int64)
    if same_labels:
        order = np.argsort(sources.labels, kind="stable")
        same = np.flatnonzero(np.diff(sources.labels[order]) == 0)
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    alike = zip(ranks[matches.first].tolist(), ranks[matches.second].tolist())
    firsts = connected(chain(alike, zip(same.tolist(), (same + 1).tolist())), len(order))
    groups: dict[int, list[int]] = {}
    for number, first in zip(order.tolist(), firsts.tolist()):
        groups.setdefault(first, []).append(number)
    return list(groups.values())


def _sample(sources: Sources, most: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield some images of each identity: its number, and uint8 (3, height, width) RGB."""
    undecodable = 0
    for number in range(len(sources)):
        source, row = sources.at(number)
        # broken records are told when all images are read
        for face in source.faces(row, lambda key, reason: None, most):
            try:
                image = decode_rgb(face.image)
            except BadImage:
                undecodable += 1
                continue
            height, width = image.shape[:2]
            if (height, width) != source.size:
                raise InputError(
                    f"{source.data_dir}: image record {face.key} is {height}x{width}, not "
                    f"{source.size[0]}x{source.size[1]}; correct property, or pack images of one "
                    "size"
                )
            yield number, image.transpose(2, 0, 1)
    if undecodable:
        logger.warning(
            "%s that cannot be decoded and so not compared; see python -m "
            "recordio_tools.inspect_set --data-dir SET --verify",
            counted(undecodable, "image"),
        )
