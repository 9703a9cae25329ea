"""What the 2019 scripts derived from their flags and their data, and the first log lines."""

from __future__ import annotations

import argparse
import logging
import time
from typing import Sequence

import mxnet as mx
import numpy as np

from symbols import parse_network
from unequal.batches.batch_sizes import check_sizes
from unequal.faces.face_records import read_property
from unequal.support.console import say
from unequal.support.errors import InputError
from unequal.training import flags as arguments

MOST_ELEMENTS = 2**31


def complete(script: str, args: argparse.Namespace, devices: Sequence[mx.Context]) -> None:
    """Add what the 2019 scripts derived from the flags and the data: sizes, classes, devices."""
    args.ctx_num = len(devices)
    _, args.num_layers = known_network(args.network)
    properties = read_property(args.data_dir)
    args.num_classes = properties.num_classes
    args.image_h, args.image_w, args.image_channel = properties.height, properties.width, 3
    args.rescale_threshold = 0
    if args.num_classes * args.emb_size >= MOST_ELEMENTS:
        raise InputError(
            f"{args.data_dir}/property: {args.num_classes} classes of {args.emb_size}"
            " numbers are more than an array of MXNet holds (2^31); lower --emb-size"
        )
    if script == "savemodel" and not args.pretrained:
        logging.warning("--pretrained is not given: what is saved is one step from random weights")
    threshold = getattr(args, "noise_threshold", 0)
    if threshold != arguments.AUTO and 0 < threshold * args.num_classes <= 1:
        logging.warning(
            "--noise-threshold %g leaves nothing out: among %d classes the largest "
            "probability is always above %.2g",
            threshold,
            args.num_classes,
            1 / args.num_classes,
        )
    if script == "noise_resistance" and not args.pretrained:
        raise InputError(
            "--pretrained: name the checkpoint that train_NR_savemodel.py wrote, to find noise with"
        )
    if script == "unequal":
        args.batch_size = args.batch_size1
        check_sizes(
            args.batch_size1,
            args.batchsize_id,
            args.batch_size2,
            args.bag_size,
            args.images_per_identity,
            args.ctx_num,
        )
    else:
        args.per_batch_size = arguments.images_a_device(args)
        args.batch_size = args.per_batch_size * args.ctx_num


def known_network(network: str) -> tuple[str, int]:
    """``'r50'`` -> ``('r', 50)``. Raises :class:`InputError` for what we do not have."""
    try:
        return parse_network(network)
    except ValueError as error:
        raise InputError(str(error)) from error


def print_settings(args: argparse.Namespace, devices: Sequence[mx.Context]) -> None:
    """The first lines of the log."""
    on_gpu = devices[0].device_type == "gpu"
    say(f"gpu num: {args.ctx_num}" if on_gpu else "use cpu")
    say("num_layers", args.num_layers)
    say("image_size", [args.image_h, args.image_w])
    say("num_classes", args.num_classes)
    known = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(args).items()))
    say(f"Called with argument: Namespace({known})")


def any_seed() -> int:
    """A seed that nobody has chosen."""
    return time.time_ns() % 2**31


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and MXNet for a repeatable run."""
    from gluoncv.utils.random import seed as seed_libraries

    seed_libraries(seed)


def seed_step(seed: int, step: int) -> None:
    """Seed MXNet for one step (dropout): its numbers depend on these two alone.

    MXNet does not tell the state of its generators, so that a run could not go on from it.
    """
    mx.random.seed(int(np.random.SeedSequence([seed, step]).generate_state(1)[0] >> 1))
