"""A verification set (`lfw.bin` and its like): pairs of faces and whether each is one person."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import cv2
import numpy as np

from unequal.support.errors import InputError
from unequal.support.plain_pickle import read_plain_pickle

_MOST_THREADS = 8
_PIECES_PER_THREAD = 4
_CHECKED_AT_ONCE = 256


class _Decoding(NamedTuple):
    """Images uint8 (n, 3, height, width) that threads fill, and what to wait for."""

    images: np.ndarray
    pieces: list


@dataclass(frozen=True, eq=False)
class VerificationSet:
    """Image pairs, kept as the encoded bytes of the file and decoded when they are asked for.

    `encoded` holds images 0..2P-1; pair p is images 2p and 2p+1, `issame[p]` (bool) tells whether
    they show one person. `image_size` is (height, width) of every image; `name` is the file's
    name without `.bin`. Iterating is done by `batches`; `len` is the number of images.
    """

    name: str
    path: Path
    encoded: tuple[bytes, ...]
    issame: np.ndarray
    image_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.encoded)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of all images decoded: (images, 3, height, width)."""
        return (len(self.encoded), 3) + self.image_size

    def images(self, indices: Sequence[int]) -> np.ndarray:
        """The images at `indices`, decoded: uint8 (n, 3, height, width), RGB."""
        with ThreadPoolExecutor(_threads()) as pool:
            return _finished(self._begin(pool, indices))

    def batches(self, batch_size: int) -> Iterator[np.ndarray]:
        """All images in order, `batch_size` at a time, each decoded once: uint8 NCHW, RGB.

        The last batch is what remains. The next batch is decoded while one is being used.
        """
        waiting: deque[_Decoding] = deque()
        with ThreadPoolExecutor(_threads()) as pool:
            for start in range(0, len(self), batch_size):
                indices = range(start, min(start + batch_size, len(self)))
                waiting.append(self._begin(pool, indices))
                if len(waiting) > 1:
                    yield _finished(waiting.popleft())
            while waiting:
                yield _finished(waiting.popleft())

    def _begin(self, pool: ThreadPoolExecutor, indices: Sequence[int]) -> _Decoding:
        images = np.empty((len(indices), 3) + self.image_size, np.uint8)
        size = -(-len(indices) // (_threads() * _PIECES_PER_THREAD)) or 1
        pieces = [slice(start, start + size) for start in range(0, len(indices), size)]
        work = [pool.submit(self._fill, indices[piece], images[piece]) for piece in pieces]
        return _Decoding(images, work)

    def _fill(self, indices: Sequence[int], images: np.ndarray) -> None:
        for index, planes in zip(indices, images):
            for plane, channel in zip(planes, cv2.split(self._decode(index))):
                plane[:] = channel

    def _decode(self, index: int) -> np.ndarray:
        image = _decode_rgb(self.encoded[index])
        if image is None:
            raise InputError(f"{self.path}: image {index} cannot be decoded: make the file again")
        if image.shape[:2] != self.image_size:
            raise InputError(
                f"{self.path}: image {index} is {_size_text(image.shape)} pixels (height x width), "
                f"but {_size_text(self.image_size)} are needed: align the faces of this set to "
                "that size"
            )
        return image


def _finished(decoding: _Decoding) -> np.ndarray:
    for piece in decoding.pieces:
        piece.result()
    return decoding.images


def load_bin(
    path: str | Path,
    image_size: Sequence[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> VerificationSet:
    """Load a verification set of the InsightFace layout: a pickled (images, issame).

    Reads files written by Python 2 and 3, with images as encoded bytes or as uint8 arrays (n,) or
    (n, 1) of them. `image_size` is (height, width), by default that of the first image. Every
    image is decoded once to see that it has that size (as in the 2019 code nothing is resized);
    the encoded bytes are kept. `progress` is told the index of each image that was decoded.

    Raises InputError, naming the file, when it is missing, no such pickle or truncated, asks for
    anything but plain values (see `read_plain_pickle`), or holds images that cannot be decoded,
    are of another size, are not two to a pair, or are fewer than two pairs.
    """
    path = Path(path)
    encoded, issame = read_pairs(path)
    if len(issame) < 2:
        raise InputError(f"{path}: {len(issame)} pairs, but cross-validation needs 2 or more")
    if image_size is None:
        first = _decode_rgb(encoded[0])
        image_size = (0, 0) if first is None else first.shape[:2]
    height, width = image_size
    verification_set = VerificationSet(path.stem, path, encoded, issame, (height, width))
    checked = 0
    for batch in verification_set.batches(_CHECKED_AT_ONCE):
        for index in range(checked, checked + len(batch)) if progress else ():
            progress(index)
        checked += len(batch)
    return verification_set


def read_pairs(path: str | Path) -> tuple[tuple[bytes, ...], np.ndarray]:
    """The encoded images of a verification set and its flags, bool (pairs,); nothing is decoded.

    Raises InputError as `load_bin`, apart from what the images are and how many pairs there are.
    """
    path = Path(path)
    content = read_plain_pickle(path)
    if not isinstance(content, list) or len(content) != 2:
        raise InputError(f"{path}: not a verification set: it must be a pickled (images, issame)")
    encoded = _encoded_images(path, content[0])
    issame = _booleans(path, content[1])
    if len(encoded) != 2 * len(issame):
        raise InputError(
            f"{path}: {len(encoded)} images for {len(issame)} pairs, where each pair needs two: "
            "make the file again"
        )
    return encoded, issame


def _encoded_images(path: Path, entries: Any) -> tuple[bytes, ...]:
    if not isinstance(entries, (list, np.ndarray)):
        raise InputError(f"{path}: not a verification set: its images must be a list")
    return tuple(_encoded_image(path, index, entry) for index, entry in enumerate(entries))


def _encoded_image(path: Path, index: int, entry: Any) -> bytes:
    if isinstance(entry, (bytes, bytearray)):
        return bytes(entry)
    if isinstance(entry, np.ndarray) and entry.dtype == np.uint8 and max(entry.shape) == entry.size:
        return entry.tobytes()
    raise InputError(
        f"{path}: image {index} is neither bytes nor a uint8 array (n,) or (n, 1) of an encoded "
        "image: make the file again"
    )


def _booleans(path: Path, entries: Any) -> np.ndarray:
    values = np.asarray(entries if isinstance(entries, (list, np.ndarray)) else None)
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise InputError(f"{path}: not a verification set: issame must be a list of booleans")
    return values.astype(bool).ravel()


def _decode_rgb(encoded: bytes) -> np.ndarray | None:
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _size_text(shape: Sequence[int]) -> str:
    return f"{shape[0]}x{shape[1]}"


def _threads() -> int:
    return min(os.cpu_count() or 1, _MOST_THREADS)
