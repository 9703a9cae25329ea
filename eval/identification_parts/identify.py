"""Identification of faces: rank-1, CMC and TAR@FAR of embeddings, in one pass over all pairs.

Embeddings are compared by their cosine. In the protocol 'gallery' all gallery images and
distractors compete: a probe is right at rank k if an image of its identity is among the k most
similar. In 'megaface' each pair of a probe and a mate is a search of its own, in which only the
distractors compete with that mate. In both, TAR comes from all pairs of a probe with a gallery
image or distractor. An image is not compared with itself; of the pairs (a, b) and (b, a) of one
set TAR counts one.

Similarities closer than 1e-6 are equal, and equal ones count against the probe, at ranks and at
thresholds. Embeddings without a direction (not finite, all zeros) match nothing: their genuine
pairs count as rejected and their searches as failed; as impostors they do not count. Probes
without a mate only make impostor pairs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, Iterable, Mapping, Sequence

import numpy as np

from eval.identification_parts.impostors import Impostors
from eval.identification_parts.ranking import (
    BestMate,
    EachMateAlone,
    GenuineScores,
    Labels,
    Mates,
    identity_numbers,
)
from eval.identification_parts.similarities import Embeddings, Faces, Sizes, sizes, tiles
from unequal.support.errors import InputError

FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
PROTOCOLS = ("gallery", "megaface")


@dataclass(frozen=True, eq=False)
class IdentificationResult:
    """What `identify` measures."""

    cmc: np.ndarray  # float64 (ranks,), the share of searches that find their mate at rank 1, 2, ..
    rank1: float  # the first of them
    # {far: the share of genuine pairs above the threshold that at most this share of impostor
    # pairs exceeds, None if there are too few of those}
    tar: dict[float, float | None]
    probes: int  # the number of probes with a mate
    mateless: int  # the number of probes without
    # what `cmc` is a share of: the probes, or, for 'megaface', the pairs of a probe and a mate
    searches: int
    genuine: int  # the number of genuine pairs that `tar` comes from
    impostors: int  # the number of impostor pairs that `tar` comes from
    # {'gallery', 'probes', 'distractors': the number of embeddings that are not finite or all 0}
    unusable: dict[str, int]
    seconds: float = 0.0  # the time it took


def identify(
    gallery: Embeddings,
    gallery_labels: Labels,
    probes: Embeddings,
    probe_labels: Labels,
    distractors: Embeddings | None = None,
    fars: Sequence[float] = FARS,
    ranks: int = 20,
    memory: int = 512 * 2**20,
    same_set: bool = False,
    protocol: str = "gallery",
    progress: Callable[[int], object] = lambda count: None,
) -> IdentificationResult:
    """Measure how well faces are found by their embeddings, by the rules at the top of this file.

    Args:
        gallery: (G, d) of any length and float type; this and the others may be memory-mapped.
        gallery_labels: integers or strings (G,).
        probes: (P, d).
        probe_labels: (P,).
        distractors: (D, d), nobody's mates.
        fars: false accept rates, above 0 and below 1.
        ranks: the number of ranks in `cmc`.
        memory: about how many bytes are held, beside 50 MB of counts and some 30 bytes for each
            image of gallery and probes ('megaface': 4 * `ranks` more for each probe).
        same_set: gallery and probes are the same images.
        protocol: one of PROTOCOLS.
        progress: called with numbers of similarities done.

    Raises:
        InputError: arrays, labels and settings do not fit together, or no probe has a mate.
    """
    started = time.perf_counter()
    if distractors is None:
        distractors = gallery[:0]
    arrays = {"gallery": gallery, "probes": probes, "distractors": distractors}
    _check_arrays(arrays, {"gallery": gallery_labels, "probes": probe_labels}, same_set)
    _check_settings(fars, ranks, memory, protocol, len(distractors))
    numbers, probe_numbers = identity_numbers(gallery_labels, probe_labels)
    mates = Mates(numbers, probe_numbers, same_set)
    if not mates.counts.any():
        raise InputError("no probe has a mate in the gallery: check that their labels are alike")
    identities = (numbers, probe_numbers, numbers[:0])
    faces = {name: Faces(arrays[name], each) for name, each in zip(arrays, identities)}
    ranking = EachMateAlone(mates, ranks) if protocol == "megaface" else BestMate(mates)
    size = sizes(memory, gallery.shape[1], len(probes))
    measured = _measured(faces, mates, ranking, fars, ranks, size, progress)
    return replace(measured, seconds=time.perf_counter() - started)


def _measured(
    faces: Mapping[str, Faces],
    mates: Mates,
    ranking: BestMate | EachMateAlone,
    fars: Sequence[float],
    ranks: int,
    size: Sizes,
    progress: Callable[[int], object],
) -> IdentificationResult:
    gallery, probes, distractors = faces.values()
    genuine = partial(mates.scores, gallery.embeddings, probes.embeddings, size.pairs)
    for pairs in genuine():
        ranking.add(pairs)
    compared = len(mates.counts) * (len(gallery.embeddings) + len(distractors.embeddings))
    impostors = Impostors(fars, compared, mates.same_set)
    for tile in tiles(probes, [gallery, distractors], size, progress):
        ranking.look(tile)
        impostors.look(tile)
    counted = np.sum([_counted(some, ranks) for some in ranking.ranks(genuine())], axis=0)
    cmc = np.cumsum(counted[:-1]) / counted.sum()
    mate_pairs, with_mate = int(mates.counts.sum()), int(np.count_nonzero(mates.counts))
    return IdentificationResult(
        cmc=cmc,
        rank1=float(cmc[0]),
        tar=_accepted(genuine(), impostors.thresholds(), mate_pairs),
        probes=with_mate,
        mateless=len(mates.counts) - with_mate,
        searches=int(counted.sum()),
        genuine=mate_pairs // 2 if mates.same_set else mate_pairs,
        impostors=impostors.pairs,
        unusable={name: each.unusable for name, each in faces.items()},
    )


def _accepted(
    genuine: Iterable[GenuineScores], thresholds: Mapping[float, float | None], pairs: int
) -> dict[float, float | None]:
    """Return the share of the genuine pairs above each threshold, None for an absent one."""
    found = {far: 0 for far, threshold in thresholds.items() if threshold is not None}
    for some in genuine:
        for far in found:
            found[far] += int(np.count_nonzero(some.scores > np.float32(thresholds[far])))
    return {far: found[far] / pairs if far in found else None for far in thresholds}


def _counted(ranks: np.ndarray, most: int) -> np.ndarray:
    """Return int64 (most + 1,): how many ranks are 1, 2, ... and worse than `most`."""
    return np.bincount(np.minimum(ranks, most + 1) - 1, minlength=most + 1)


def _check_arrays(
    arrays: Mapping[str, Embeddings], labels: Mapping[str, Labels], same_set: bool
) -> None:
    shape = arrays["gallery"].shape
    for name, array in arrays.items():
        if len(array.shape) != 2 or not array.shape[1] or array.shape[1:] != shape[1:]:
            raise InputError(
                f"{name} of shape {array.shape}, gallery of shape {shape}: give embeddings (n, d) "
                "of one model"
            )
    for name, given in labels.items():
        if np.shape(given) != (len(arrays[name]),):
            raise InputError(
                f"{name}: labels of shape {np.shape(given)} for {len(arrays[name])} embeddings: "
                "give one for each"
            )
    gallery, probes = len(arrays["gallery"]), len(arrays["probes"])
    if same_set and gallery != probes:
        raise InputError(f"same_set: {gallery} gallery and {probes} probe images are not one set")


def _check_settings(
    fars: Sequence[float], ranks: int, memory: int, protocol: str, distractors: int
) -> None:
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol {protocol!r}: give one of {', '.join(PROTOCOLS)}")
    if protocol == "megaface" and not distractors:
        raise InputError("protocol megaface: needs distractors, with which each mate competes")
    if ranks < 1 or memory < 1:
        raise InputError(f"ranks {ranks}, memory {memory}: give 1 or more")
    wrong = [far for far in fars if not 0 < far < 1]
    if wrong:
        raise InputError(f"false accept rate {wrong[0]}: give numbers above 0 and below 1")
