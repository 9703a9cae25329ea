"""From record keys to RGB images, in parallel threads."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Iterator, NamedTuple, Sequence

import cv2
import numpy as np

from unequal.data.prefetch import Prefetcher
from unequal.data.records import FaceRecords
from unequal.errors import InputError
from unequal.preload import usable_cores

PIECES_PER_WORKER = 4
MOST_WORKERS = 16

logger = logging.getLogger(__name__)


class BadImage(ValueError):
    """The bytes are no image."""


class Chunk(NamedTuple):
    """Consecutive records for inference.

    `start` and `stop` are positions in the list of keys asked for; `keys` the records among them
    that could be decoded, `images` (batch_size, 3, height, width) uint8 and `labels` (batch_size,)
    float32 theirs; rows beyond len(keys) repeat earlier ones.
    """

    start: int
    stop: int
    keys: np.ndarray
    images: np.ndarray
    labels: np.ndarray


def decode_rgb(payload: bytes) -> np.ndarray:
    """Decode a JPEG, PNG, ... to uint8 (height, width, 3) RGB; a grey one gets three channels.

    Raises BadImage where OpenCV cannot.
    """
    if not payload:
        raise BadImage("it is empty")
    try:
        image = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise BadImage("OpenCV cannot decode it") from error
    if image is None:
        raise BadImage("OpenCV cannot decode it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def write_planes(image: np.ndarray, planes: np.ndarray) -> None:
    """Write an image (height, width, 3) into `planes` (3, height, width), of any type."""
    for plane, channel in zip(planes, cv2.split(image)):
        plane[...] = channel


class ImageLoader:
    """Decodes records in `workers` threads (default: one per usable core, at most 16).

    OpenCV lets other Python threads run while it decodes. An image that cannot be decoded is left
    out with a warning, once; `bad_keys` holds those met so far.

    Raises InputError, from any method, for more than `max_bad_images` of them, for an image that
    is not of `image_shape` (3, height, width), and for a broken record.
    """

    def __init__(
        self,
        records: FaceRecords,
        image_shape: Sequence[int],
        workers: int | None = None,
        max_bad_images: int = 100,
    ) -> None:
        self.records = records
        self.path = records.path
        self.image_shape = tuple(image_shape)
        self.workers = workers or min(usable_cores(), MOST_WORKERS)
        self.max_bad_images = max_bad_images
        self.bad_keys: set[int] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(self.workers, "decode") if self.workers > 1 else None

    def close(self) -> None:
        """End the threads; the records stay open."""
        if self._pool is not None:
            self._pool.shutdown()

    def load(self, keys: Sequence[int]) -> tuple[list[np.ndarray | None], np.ndarray]:
        """Images (uint8 HWC RGB, None for a bad one) and float32 labels of the records."""
        images: list[np.ndarray | None] = [None] * len(keys)
        labels, _ = self.each(keys, images.__setitem__)
        return images, labels

    def each(
        self, keys: Sequence[int], use: Callable[[int, np.ndarray], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Call `use(i, image)` for each decodable record keys[i], in the threads, in any order.

        Returns the labels, float32, and which records could be decoded, bool.
        """
        labels = np.zeros(len(keys), np.float32)
        good = np.zeros(len(keys), bool)

        def work(piece: range) -> None:
            for i in piece:
                labels[i], image = self._one(int(keys[i]))
                if image is not None:
                    use(i, image)
                    good[i] = True

        if self._pool is None:
            work(range(len(keys)))
        else:
            size = -(-len(keys) // (self.workers * PIECES_PER_WORKER)) or 1
            pieces = [range(i, min(i + size, len(keys))) for i in range(0, len(keys), size)]
            for _ in self._pool.map(work, pieces):
                pass
        return labels, good

    def chunks(self, keys: Sequence[int], batch_size: int, prefetch: int = 1) -> Iterator[Chunk]:
        """All records in batches for inference, without augmentation, decoded ahead."""
        ahead = Prefetcher(self._chunks(keys, batch_size), prefetch)
        try:
            yield from ahead
        finally:
            ahead.close()

    def _chunks(self, keys: Sequence[int], batch_size: int) -> Iterator[Chunk]:
        keys = np.asarray(keys, np.int64)
        for start in range(0, len(keys), batch_size):
            wanted = keys[start : start + batch_size]
            images = np.empty((batch_size,) + self.image_shape, np.uint8)

            def place(i: int, image: np.ndarray, images: np.ndarray = images) -> None:
                write_planes(image, images[i])

            labels, good = self.each(wanted, place)
            kept = np.flatnonzero(good)
            if len(kept) < batch_size:
                rows = np.resize(kept, batch_size) if len(kept) else np.zeros(0, np.int64)
                images, labels = images[rows], labels[rows]
            yield Chunk(start, start + len(wanted), wanted[kept], images, labels)

    def _one(self, key: int) -> tuple[float, np.ndarray | None]:
        label, payload = self.records.read(key)
        if key in self.bad_keys:
            return label, None
        try:
            image = decode_rgb(payload)
        except BadImage as error:
            self._count_bad(key, str(error))
            return label, None
        height, width = image.shape[:2]
        if (height, width) != self.image_shape[1:]:
            raise InputError(
                f"{self.path}: image record {key} is {height}x{width}, but "
                f"{self.records.data_dir / 'property'} says "
                f"{self.image_shape[1]}x{self.image_shape[2]}; correct it, or pack images of that "
                "size"
            )
        return label, image

    def _count_bad(self, key: int, reason: str) -> None:
        with self._lock:
            if key in self.bad_keys:
                return
            self.bad_keys.add(key)
            count = len(self.bad_keys)
        logger.warning("skipping image record %d of %s: %s", key, self.path, reason)
        if count > self.max_bad_images:
            raise InputError(
                f"{self.path}: more than {self.max_bad_images} images cannot be decoded, record "
                f"{key} among them; pack the set again or raise --max-bad-images"
            )
