"""Which batch and bag sizes stage two can work with."""

from __future__ import annotations

from unequal.support.errors import InputError


def check_sizes(
    batch_size1: int,
    batchsize_id: int,
    batch_size2: int,
    bag_size: int,
    images_per_identity: int,
    ctx_num: int,
) -> None:
    """InputError, with the nearest values that would do, where stage two's sizes do not fit."""
    for flag, value in (
        ("--batch-size1", batch_size1),
        ("--batchsize_id", batchsize_id),
        ("--batch-size2", batch_size2),
        ("--bag-size", bag_size),
        ("--images-per-identity", images_per_identity),
    ):
        if value < 1:
            raise InputError(f"{flag} is {value}; give 1 or more")
    _check_multiple("--batch-size1", batch_size1, ctx_num, f"{ctx_num} devices")
    _check_multiple(
        "--batchsize_id",
        batchsize_id,
        ctx_num * images_per_identity,
        f"{ctx_num} devices x {images_per_identity} images (--images-per-identity)",
    )
    if bag_size < batchsize_id:
        raise InputError(
            f"--bag-size {bag_size} holds fewer images than the {batchsize_id} of --batchsize_id "
            f"to be picked from it; give {batchsize_id} or more"
        )


def _check_multiple(flag: str, value: int, divisor: int, words: str) -> None:
    if value % divisor == 0:
        return
    lower, upper = value // divisor * divisor, (value // divisor + 1) * divisor
    fits = f"{lower} or {upper}" if lower else str(upper)
    raise InputError(f"{flag} {value} does not divide by {words}; give {fits}")
