"""Which batch and bag sizes step 3.2 can work with, and how its batches are laid out."""

from __future__ import annotations

import numpy as np

from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError


def check_head(head: FaceRecords, batch_size1: int) -> None:
    """Raise InputError where the head has fewer images than a batch of step 3.2 takes of it."""
    if len(head.image_keys) < batch_size1:
        raise InputError(
            f"{head.path}: has {len(head.image_keys)} images, fewer than `batch_size1` "
            f"{batch_size1}; lower it"
        )


def check_sizes(
    batch_size1: int,
    batchsize_id: int,
    batch_size2: int,
    bag_size: int,
    images_per_identity: int,
    ctx_num: int,
) -> None:
    """Raise InputError, with the nearest values that fit, where the sizes of step 3.2 do not."""
    for name, value in (
        ("batch_size1", batch_size1),
        ("batchsize_id", batchsize_id),
        ("batch_size2", batch_size2),
        ("bag_size", bag_size),
        ("images_per_identity", images_per_identity),
    ):
        if value < 1:
            raise InputError(f"`{name}` is {value}; give 1 or more")
    _check_multiple("batch_size1", batch_size1, ctx_num, f"{ctx_num} devices")
    _check_multiple(
        "batchsize_id",
        batchsize_id,
        ctx_num * images_per_identity,
        f"{ctx_num} devices x {images_per_identity} images (`images_per_identity`)",
    )
    if bag_size < batchsize_id:
        raise InputError(
            f"`bag_size` {bag_size} holds fewer images than the {batchsize_id} of `batchsize_id` "
            f"to be picked from it; give {batchsize_id} or more"
        )


def _check_multiple(name: str, value: int, divisor: int, words: str) -> None:
    if value % divisor == 0:
        return
    lower, upper = value // divisor * divisor, (value // divisor + 1) * divisor
    fits = f"{lower} or {upper}" if lower else str(upper)
    raise InputError(f"`{name}` {value} does not divide by {words}; give {fits}")


def device_rows(batch_size1: int, batchsize_id: int, ctx_num: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows of a batch hold the head images, and which the tail images, in order.

    Device by device, each with its share of the head and then its share of the tail, so that
    cutting the batch into `ctx_num` equal parts gives every device both (as the 2019 code). Both
    sizes are multiples of `ctx_num`.
    """
    rows = np.arange(batch_size1 + batchsize_id).reshape(ctx_num, -1)
    share = batch_size1 // ctx_num
    return rows[:, :share].ravel(), rows[:, share:].ravel()
