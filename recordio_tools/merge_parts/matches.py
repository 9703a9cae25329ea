"""Which identities of several sets become one: of the same label, or with close centres."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Iterable, Iterator, NamedTuple

import numpy as np

from recordio_tools.merge_parts.sources import Sources
from unequal.faces.decoding import BadImage, decode_rgb
from unequal.support.command_line import progress
from unequal.support.counted import counted
from unequal.support.errors import InputError

if TYPE_CHECKING:
    from unequal.checkpoints.embedder import Embed

BLOCK = 1024
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
    centres = mean_directions(shown, embed, len(sources.labels), batch_size)
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


def group(labels: np.ndarray, matches: Matches, same_labels: bool) -> list[list[int]]:
    """Return the new identities, each as the numbers of its members.

    Identities that match become one, also in chains, and with `same_labels` those of one label.
    The order is that of the sets and of the labels in each, with `same_labels` that of the labels.
    A new identity has the place of its first member.

    Args:
        labels: int64 (identities,), the label of each in its set.
        matches: see find_matches.
        same_labels: whether a label means one identity in all sets.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    order = np.arange(len(labels))
    one, other = matches.first, matches.second
    if same_labels:
        order = np.argsort(labels, kind="stable")
        same = np.diff(labels[order]) == 0
        one, other = np.append(one, order[:-1][same]), np.append(other, order[1:][same])
    links = coo_matrix((np.ones(len(one)), (one, other)), (len(labels), len(labels)))
    groups: dict[int, list[int]] = {}
    _, components = connected_components(links, directed=False)
    for number, component in zip(order.tolist(), components[order].tolist()):
        groups.setdefault(component, []).append(number)
    return list(groups.values())


def mean_directions(
    faces: Iterable[tuple[int, np.ndarray]], embed: Embed, identities: int, batch_size: int
) -> np.ndarray:
    """Return the mean direction of each identity's embeddings.

    Args:
        faces: (identity, image) pairs, in any order: a number below `identities`, and uint8
            (3, height, width) RGB.
        embed: maps uint8 (batch_size, 3, height, width) to embeddings (batch_size, emb). It gets
            no other shape, because the last batch is filled up with copies of its last image.
        identities: their number.
        batch_size: images embedded at a time.

    Returns:
        float32 (identities, emb): every embedding is normalised, and so is the mean of each
        identity's; rows of zeros for identities without an image. (identities, 0) without images.
    """
    centres = np.zeros((identities, 0), np.float32)
    waiting = iter(faces)
    while True:
        batch = list(islice(waiting, batch_size))
        if not batch:
            break
        images = [image for _, image in batch] + [batch[-1][1]] * (batch_size - len(batch))
        embeddings = np.asarray(embed(np.stack(images)), np.float32)[: len(batch)]
        if not centres.shape[1]:
            centres = np.zeros((identities, embeddings.shape[1]), np.float32)
        np.add.at(centres, [row for row, _ in batch], _normalised(embeddings))
    for start in range(0, identities, BLOCK):
        block = slice(start, start + BLOCK)
        centres[block] = _normalised(centres[block])
    return centres


def pairs_above(
    centres: np.ndarray, threshold: float, block: int = BLOCK
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield all pairs of rows whose cosine is at least `threshold`, each once, some at a time.

    Args:
        centres: float32 (identities, emb), rows of length 1, or of zeros, which are in no pair.
        threshold: above 0.
        block: the cosines of `block` x `block` pairs are held at a time.

    Yields:
        first row, second row (int64, first < second) and cosine (float32), each (pairs,).
    """
    for top in range(0, len(centres), block):
        for left in range(top, len(centres), block):
            cosines = centres[top : top + block] @ centres[left : left + block].T
            found = cosines >= threshold
            if left == top:
                found = np.triu(found, 1)
            first, second = np.nonzero(found)
            if len(first):
                yield first + top, second + left, cosines[first, second]


def _sample(sources: Sources, most: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield some images of each identity: its number, and uint8 (3, height, width) RGB."""
    undecodable = 0
    for number in range(len(sources.labels)):
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


def _normalised(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
