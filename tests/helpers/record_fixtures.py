"""Tiny face sets for tests, written with MXNet's own RecordIO writer."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

import cv2
import mxnet as mx
import numpy as np


def face(identity: int, image: int, size: int = 16, seed: int = 0) -> np.ndarray:
    """A made-up face, uint8 (size, size, 3) RGB: a pattern per identity, noise per image."""
    of_identity = np.random.RandomState(1000 * seed + identity)
    of_image = np.random.RandomState(100_000 + 1000 * (1000 * seed + identity) + image)
    coarse = of_identity.uniform(40, 215, (4, 4, 3)).astype(np.float32)
    pattern = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.clip(pattern + of_image.normal(0, 8, pattern.shape), 0, 255).astype(np.uint8)


def encode(image: np.ndarray, extension: str = ".jpg") -> bytes:
    """The bytes of an RGB image file."""
    ok, buffer = cv2.imencode(extension, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert ok
    return buffer.tobytes()


def write_face_set(
    folder: Path,
    images_per_identity: Sequence[int] = (5, 4, 4, 3),
    size: int = 16,
    seed: int = 0,
    payloads: Mapping[int, bytes] | None = None,
    num_classes: int | None = None,
) -> Path:
    """Write train.rec, train.idx and property in InsightFace's layout; returns the folder.

    Images 1..N, grouped by identity with labels 0, 1, ...; then record 0, which points to the
    identity records N+1.., each of which holds its range of images. `payloads` replaces the bytes
    of single images, by key.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "w"
    )
    key, ranges = 1, []
    for identity, count in enumerate(images_per_identity):
        ranges.append((key, key + count))
        for image in range(count):
            payload = encode(face(identity, image, size, seed))
            payload = (payloads or {}).get(key, payload)
            header = mx.recordio.IRHeader(0, [identity, 0], key, 0)
            writer.write_idx(key, mx.recordio.pack(header, payload))
            key += 1
    header = mx.recordio.IRHeader(0, [key, key + len(ranges)], 0, 0)
    writer.write_idx(0, mx.recordio.pack(header, b""))
    for identity_key, span in enumerate(ranges, key):
        header = mx.recordio.IRHeader(0, list(span), identity_key, 0)
        writer.write_idx(identity_key, mx.recordio.pack(header, b""))
    writer.close()
    write_property(folder, num_classes or len(images_per_identity), size)
    return folder


def write_plain_set(folder: Path, labels: Mapping[int, int], size: int = 16) -> Path:
    """Write a set in im2rec's layout, every record an image, in the order of `labels`."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = mx.recordio.MXIndexedRecordIO(
        str(folder / "train.idx"), str(folder / "train.rec"), "w"
    )
    for key, label in labels.items():
        header = mx.recordio.IRHeader(0, float(label), key, 0)
        writer.write_idx(key, mx.recordio.pack(header, encode(face(label, key, size))))
    writer.close()
    write_property(folder, max(labels.values()) + 1, size)
    return folder


def write_property(folder: Path, num_classes: int, size: int) -> None:
    """Write the `property` file of a set of square images."""
    (folder / "property").write_text(f"{num_classes},{size},{size}\n")
