"""From record keys to RGB images, in parallel threads."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Callable, Generator, Iterator, NamedTuple, Sequence

import cv2
import numpy as np

from unequal.faces.face_records import FaceRecords
from unequal.support.environment import usable_cores
from unequal.support.errors import InputError
from unequal.support.prefetch import Prefetcher

MOST_WORKERS = 16
DIRECT_RGB = getattr(cv2, "IMREAD_COLOR_RGB", None)  # since OpenCV 4.11

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

    Raises:
        BadImage: OpenCV cannot decode it.
    """
    if not payload:
        raise BadImage("it is empty")
    flag = cv2.IMREAD_COLOR if DIRECT_RGB is None else DIRECT_RGB
    try:
        image = cv2.imdecode(np.frombuffer(payload, np.uint8), flag)
    except cv2.error as error:
        raise BadImage("OpenCV cannot decode it") from error
    if image is None:
        raise BadImage("OpenCV cannot decode it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if DIRECT_RGB is None else image


def write_planes(image: np.ndarray, planes: np.ndarray) -> None:
    """Write an image (height, width, 3) into `planes` (3, height, width), of any type."""
    if image.dtype != planes.dtype or not planes.flags.c_contiguous:
        split = np.empty(planes.shape, image.dtype)
        write_planes(image, split)
        planes[...] = split
        return
    cv2.split(image, [planes[0], planes[1], planes[2]])  # in place


class ImageLoader:
    """Decodes records in `workers` threads (default: one per usable core, at most 16).

    OpenCV lets other Python threads run while it decodes. An image that cannot be decoded is left
    out, with one warning.

    Attributes:
        bad_keys: the keys of the images so far that cannot be decoded.

    Raises:
        InputError: from any method: more than `max_bad_images` images cannot be decoded, an image
            is not of `image_shape` (3, height, width), or a record is broken.
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
        workers_beside = self.workers - 1  # the calling thread decodes, too
        self.max_bad_images = max_bad_images
        self.bad_keys: set[int] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(workers_beside, "decode") if workers_beside else None

    def close(self) -> None:
        """End the threads; the records stay open."""
        if self._pool is not None:
            self._pool.shutdown()

    def load(self, keys: Sequence[int] | np.ndarray) -> tuple[list[np.ndarray | None], np.ndarray]:
        """Return images (uint8 HWC RGB, None for a bad one) and float32 labels of the records."""
        images: list[np.ndarray | None] = [None] * len(keys)
        labels, _ = self.each(keys, images.__setitem__)
        return images, labels

    def each(
        self, keys: Sequence[int] | np.ndarray, use: Callable[[int, np.ndarray], None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Call `use(i, image)` for each decodable record keys[i], in the threads, in any order.

        Returns:
            the labels, float32 (keys,), and which records could be decoded, bool (keys,).
        """
        labels = np.zeros(len(keys), np.float32)
        good = np.zeros(len(keys), bool)
        errors: list[tuple[int, Exception]] = []
        numbers = [int(key) for key in keys]
        positions = iter(range(len(numbers)))  # whichever thread is free takes the next one

        def work() -> None:
            for i in positions:
                try:
                    labels[i], image = self._one(numbers[i])
                    if image is not None:
                        use(i, image)
                        good[i] = True
                except Exception as error:
                    errors.append((i, error))
                    return

        self._in_threads(work, positions)
        if errors:
            raise min(errors, key=lambda met: met[0])[1]
        return labels, good

    def chunks(
        self, keys: Sequence[int] | np.ndarray, batch_size: int, prefetch: int = 1
    ) -> Generator[Chunk, None, None]:
        """Yield all records in batches for inference, without augmentation, decoded ahead."""
        ahead = Prefetcher(self._chunks(keys, batch_size), prefetch)
        try:
            yield from ahead
        finally:
            ahead.close()

    def _in_threads(self, work: Callable[[], None], positions: Iterator[int]) -> None:
        """Call `work` in this thread and in the others, until all have ended."""
        others = []
        if self._pool is not None:
            others = [self._pool.submit(work) for _ in range(self.workers - 1)]
        try:
            work()
        finally:
            # When this thread is interrupted, the others must not write into memory given back.
            for _ in positions:
                pass
            wait([other for other in others if not other.cancel()])

    def _chunks(self, keys: Sequence[int] | np.ndarray, batch_size: int) -> Iterator[Chunk]:
        every = np.asarray(keys, np.int64)
        for start in range(0, len(every), batch_size):
            wanted = every[start : start + batch_size]
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
        height, width, _ = image.shape
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
                f"{key} among them; pack the set again or raise `max_bad_images`"
            )
