"""The batches of each stage: opens the sets and prints what the 2019 iterators print."""

from __future__ import annotations

import argparse
import os
import time
from typing import Callable, Sequence

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from unequal import arguments
from unequal.console import say
from unequal.data.announce import announce, announce_pair
from unequal.data.bag_iter import BagIter
from unequal.data.image_iter import ImageIter, NoiseFilteringIter
from unequal.data.noise_list import write_noise_list
from unequal.data.records import FaceRecords
from unequal.errors import InputError
from unequal.mining.noise import find_noise
from unequal.training.inference import embedder, noise_predictor

Check = Callable[[], None]


def head_batches(args: argparse.Namespace, graph: HybridBlock, devices: Sequence[mx.Context],
                 check: Check) -> ImageIter:
    """The head, mirrored now and then: stages one and 2a."""
    head = FaceRecords(args.data_dir)
    announce(head, "softmax", say, args.rand_mirror)
    return ImageIter(head, args.batch_size, _shape(args), cutoff=args.cutoff,
                     rand_mirror=bool(args.rand_mirror), **_options(args))


def head_without_noise(args: argparse.Namespace, graph: HybridBlock,
                       devices: Sequence[mx.Context], check: Check) -> NoiseFilteringIter:
    """The head without third-type noise, in changed colours: stage 2b.

    The first reset looks at all images with the model of ``--pretrained`` and writes the noise
    list; ``check`` may end that pass.
    """
    head = FaceRecords(args.data_dir)
    announce(head, "NR", say, args.rand_mirror)

    def first_pass() -> np.ndarray:
        prefix, epoch = arguments.split_pretrained(args.pretrained)
        predict = noise_predictor(prefix, epoch, devices, say, check)
        found = find_noise(batches.loader, head.image_keys, predict, args.batch_size_mining,
                           args.noise_threshold, say)
        path = os.path.join(args.bin_dir, "0_noiselist.txt")
        try:
            write_noise_list(path, found.flagged)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); see --bin-dir") \
                from error
        return found.kept

    batches = NoiseFilteringIter(head, args.batch_size, _shape(args), first_pass,
                                 rand_mirror=bool(args.rand_mirror), **_options(args))
    return batches


def head_and_tail(args: argparse.Namespace, graph: HybridBlock, devices: Sequence[mx.Context],
                  check: Check) -> BagIter:
    """The head beside the tail's most confusing identities under ``graph``: stage three."""
    head, tail = FaceRecords(args.data_dir), FaceRecords(args.data_dir_interclass)
    announce_pair(head, tail, say)
    return BagIter(head, tail, args.batch_size1, args.batchsize_id, args.batch_size2,
                   args.bag_size, args.images_per_identity, _shape(args),
                   embedder(graph.backbone, devices, check), ctx_num=args.ctx_num,
                   **_options(args))


def _shape(args: argparse.Namespace) -> tuple[int, int, int]:
    return args.image_channel, args.image_h, args.image_w


def _options(args: argparse.Namespace) -> dict:
    seed = args.seed if args.seed is not None else time.time_ns() % 2**31
    return dict(num_classes=args.num_classes, workers=args.workers, seed=seed,
                max_bad_images=args.max_bad_images, log=say)
