"""The batches of each stage: opens the sets and prints what the 2019 iterators print."""

from __future__ import annotations

import argparse
import os
from functools import partial
from typing import Callable, Sequence

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from unequal.batches.head_and_tail_batches import BagIter
from unequal.batches.head_batches import ImageIter, NoiseFilteringIter
from unequal.batches.log_lines_2019 import announce, announce_pair
from unequal.batches.noise_pass import find_noise
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_histogram import write_histogram
from unequal.faces.noise_list import write_noise_list
from unequal.faces.noise_scores import write_scores
from unequal.faces.noise_threshold import automatic_threshold
from unequal.support.console import say
from unequal.support.errors import InputError
from unequal.training import flags as arguments
from unequal.training.inference import embedder, frozen_embedder, noise_predictor

Check = Callable[[], None]


def head_batches(
    args: argparse.Namespace, graph: HybridBlock, devices: Sequence[mx.Context], check: Check
) -> ImageIter:
    """The head, mirrored now and then: stages one and 2a."""
    head = FaceRecords(args.data_dir)
    announce(head, "softmax", say, args.rand_mirror)
    return ImageIter(
        head,
        args.batch_size,
        _shape(args),
        cutoff=args.cutoff,
        rand_mirror=bool(args.rand_mirror),
        **_options(args),
    )


def head_without_noise(
    args: argparse.Namespace, graph: HybridBlock, devices: Sequence[mx.Context], check: Check
) -> NoiseFilteringIter:
    """The head without third-type noise, in changed colours: stage 2b.

    The first reset looks at all images with the model of ``--pretrained`` and writes the noise
    list, and with a threshold other than 0 the scores behind it; ``check`` may end that pass.
    """
    head = FaceRecords(args.data_dir)
    announce(head, "noise_resistance", say, args.rand_mirror)
    automatic = args.noise_threshold == arguments.AUTO

    def first_pass() -> np.ndarray:
        prefix, epoch = arguments.split_pretrained(args.pretrained)
        predict = noise_predictor(prefix, epoch, devices, say, check, margin=not automatic)
        threshold = partial(automatic_threshold, log=say) if automatic else args.noise_threshold
        found = find_noise(
            batches.loader, head.image_keys, predict, args.batch_size_mining, threshold, say
        )
        if found.threshold or automatic:
            _write(args, "0_noise_scores.csv", write_scores, found.scores)
            _write(
                args,
                "0_noise_histogram.png",
                write_histogram,
                found.scores.largest,
                args.data_dir,
                {"threshold": found.threshold},
            )
        _write(args, "0_noiselist.txt", write_noise_list, found.scores.rows(found.noisy))
        return found.kept

    batches = NoiseFilteringIter(
        head,
        args.batch_size,
        _shape(args),
        first_pass,
        rand_mirror=bool(args.rand_mirror),
        **_options(args),
    )
    return batches


def head_and_tail(
    args: argparse.Namespace, graph: HybridBlock, devices: Sequence[mx.Context], check: Check
) -> BagIter:
    """The head beside the tail's most confusing identities under ``graph``: stage three.

    With --mining-overlap a copy of the network mines the next bags while ``graph`` is trained.
    """
    freeze = frozen_embedder(graph.backbone, devices, check) if args.mining_overlap else None
    head, tail = FaceRecords(args.data_dir), FaceRecords(args.data_dir_interclass)
    announce_pair(head, tail, say)
    return BagIter(
        head,
        tail,
        args.batch_size1,
        args.batchsize_id,
        args.batch_size2,
        args.bag_size,
        args.images_per_identity,
        _shape(args),
        embedder(graph.backbone, devices, check),
        ctx_num=args.ctx_num,
        freeze=freeze,
        last_epoch=args.end_epoch,
        **_options(args),
    )


def _write(args: argparse.Namespace, name: str, write: Callable, *what: object) -> None:
    """Write a file of the noise pass; InputError where it cannot be written."""
    path = os.path.join(args.bin_dir, name)
    try:
        write(path, *what)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); see --bin-dir") from error


def _shape(args: argparse.Namespace) -> tuple[int, int, int]:
    return args.image_channel, args.image_h, args.image_w


def _options(args: argparse.Namespace) -> dict:
    return dict(
        num_classes=args.num_classes,
        workers=args.workers,
        seed=args.seed,
        max_bad_images=args.max_bad_images,
        log=say,
    )
