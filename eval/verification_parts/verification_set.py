"""A verification set (`lfw.bin` and its like): pairs of faces and whether each is one person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Callable, Generator, Sequence

import numpy as np

from unequal.faces.decoding import BadImage, decode_rgb, write_planes
from unequal.support.environment import usable_cores
from unequal.support.errors import InputError
from unequal.support.pipelining import one_behind
from unequal.support.plain_pickle import read_plain_pickle

_MOST_THREADS = 8
_PIECES_PER_THREAD = 4
_CHECKED_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class VerificationSet:
    """Image pairs, kept as the encoded bytes of the file and decoded when they are asked for.

    `len` is the number of images.
    """

    name: str  # the file's name without `.bin`
    path: Path
    encoded: tuple[bytes, ...]  # the images; pair p is images 2p and 2p+1
    issame: np.ndarray  # bool (pairs,), whether a pair shows one person
    image_size: tuple[int, int]  # (height, width) of every image

    def __len__(self) -> int:
        return len(self.encoded)

    def batches(self, batch_size: int) -> Generator[np.ndarray, None, None]:
        """Yield all images in order, `batch_size` at a time: uint8 (n, 3, height, width), RGB.

        The last batch is what remains. Each image is decoded once, and the next batch while one
        is used.
        """
        threads = min(usable_cores(), _MOST_THREADS)
        with ThreadPoolExecutor(threads) as pool:

            def begun() -> Generator[tuple, None, None]:
                for start in range(0, len(self), batch_size):
                    stop = min(start + batch_size, len(self))
                    images = np.empty((stop - start, 3, *self.image_size), np.uint8)
                    size = -(-len(images) // (threads * _PIECES_PER_THREAD))
                    work = [
                        pool.submit(self._fill, start + first, images[first : first + size])
                        for first in range(0, len(images), size)
                    ]
                    yield images, work

            for images, work in one_behind(begun()):
                for piece in work:
                    piece.result()
                yield images

    def _fill(self, first: int, images: np.ndarray) -> None:
        for index, planes in enumerate(images, start=first):
            image = _decode(self.path, self.encoded, index)
            if image.shape[:2] != self.image_size:
                found, wanted = ("x".join(map(str, s[:2])) for s in (image.shape, self.image_size))
                raise InputError(
                    f"{self.path}: image {index} is {found} pixels (height x width), but {wanted} "
                    "are needed: align the faces of this set to that size"
                )
            write_planes(image, planes)


def load_bin(
    path: str | Path,
    image_size: Sequence[int] | None = None,
    progress: Callable[[int], object] = lambda index: None,
) -> VerificationSet:
    """Load a verification set of the InsightFace layout: a pickled (images, issame).

    Files of Python 2 and 3 are read, with images as encoded bytes or as uint8 arrays (n,) or
    (n, 1) of them. Every image is decoded once to see that it has the size (as in the 2019 code
    nothing is resized); the encoded bytes are kept.

    Args:
        path: the file.
        image_size: (height, width); by default that of the first image.
        progress: called with the index of each image that was decoded.

    Raises:
        InputError: the file is missing, no such pickle, truncated, or asks for anything but plain
            values (see `read_plain_pickle`); or an image cannot be decoded or has another size, or
            there are not two images to a pair, or fewer than two pairs.
    """
    path = Path(path)
    encoded, issame = read_pairs(path)
    if len(issame) < 2:
        raise InputError(f"{path}: {len(issame)} pairs, but cross-validation needs 2 or more")
    if image_size is None:
        image_size = _decode(path, encoded, 0).shape[:2]
    height, width = image_size
    verification_set = VerificationSet(path.stem, path, encoded, issame, (height, width))
    indices = count()
    for batch in verification_set.batches(_CHECKED_AT_ONCE):
        for _, index in zip(batch, indices):
            progress(index)
    return verification_set


def read_pairs(path: str | Path) -> tuple[tuple[bytes, ...], np.ndarray]:
    """Return the encoded images of a verification set and its flags, bool (pairs,).

    Raises:
        InputError: as `load_bin`; but nothing is decoded, and there may be fewer than two pairs.
    """
    path = Path(path)
    content = read_plain_pickle(path)
    if not isinstance(content, list) or len(content) != 2:
        raise InputError(f"{path}: not a verification set: it must be a pickled (images, issame)")
    images, flags = (each if isinstance(each, (list, np.ndarray)) else None for each in content)
    if images is None:
        raise InputError(f"{path}: not a verification set: its images must be a list")
    encoded = tuple(_encoded_image(path, index, entry) for index, entry in enumerate(images))
    issame = np.asarray(flags)
    if issame.dtype.kind not in "biuf" or not np.isin(issame, (0, 1)).all():
        raise InputError(f"{path}: not a verification set: issame must be a list of booleans")
    issame = issame.astype(bool).ravel()
    if len(encoded) != 2 * len(issame):
        raise InputError(
            f"{path}: {len(encoded)} images for {len(issame)} pairs, where each pair needs two: "
            "make the file again"
        )
    return encoded, issame


def _encoded_image(path: Path, index: int, entry: Any) -> bytes:
    if isinstance(entry, (bytes, bytearray)):
        return bytes(entry)
    if isinstance(entry, np.ndarray) and entry.dtype == np.uint8 and max(entry.shape) == entry.size:
        return entry.tobytes()
    raise InputError(
        f"{path}: image {index} is neither bytes nor a uint8 array (n,) or (n, 1) of an encoded "
        "image: make the file again"
    )


def _decode(path: Path, encoded: Sequence[bytes], index: int) -> np.ndarray:
    try:
        return decode_rgb(encoded[index])
    except BadImage as error:
        raise InputError(f"{path}: image {index} cannot be decoded: make the file again") from error
