"""One script from its flags to its last checkpoint."""

from __future__ import annotations

import argparse
import logging
import os
import time
from typing import Callable, Mapping, Sequence

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from eval.bins import load_bin
from eval.embed import read_parameters
from eval.verification import test
from symbols import parse_network
from symbols.layers import built_for, lineage_symbol
from unequal import arguments, stages
from unequal.console import say
from unequal.data.announce import announce, announce_pair
from unequal.data.bag_iter import BagIter
from unequal.data.bag_sizes import check_sizes
from unequal.data.image_iter import ImageIter, NoiseFilteringIter
from unequal.data.records import FaceRecords, read_property
from unequal.devices import usable_devices
from unequal.errors import InputError
from unequal.mining.noise import find_noise, write_noise_list
from unequal.training import checkpoint, hooks, schedule
from unequal.training.inference import embedder, noise_predictor
from unequal.training.loop import (
    Progress,
    StopTraining,
    average_statistics,
    fit,
    make_trainer,
)

STAGE_THREE_TEST_BATCH = 10
MOST_ELEMENTS = 2**31
FAMILIES = {"r": "resnet", "y": "mobilefacenet"}


def complete(script: str, args: argparse.Namespace, devices: Sequence[mx.Context]) -> None:
    """Add what the 2019 scripts derived from the flags and the data: sizes, classes, devices."""
    args.ctx_num = len(devices)
    _, args.num_layers = _known_network(args.network)
    properties = read_property(args.data_dir)
    args.num_classes = properties.num_classes
    args.image_h, args.image_w, args.image_channel = properties.height, properties.width, 3
    args.rescale_threshold = 0
    if args.num_classes * args.emb_size >= MOST_ELEMENTS:
        raise InputError(f"{args.data_dir}/property: {args.num_classes} classes of {args.emb_size}"
                         " numbers are more than an array of MXNet holds (2^31); lower --emb-size")
    if script == "NR" and not args.pretrained:
        raise InputError("--pretrained: name the checkpoint that train_NR_savemodel.py wrote, "
                         "to find noise with")
    if script == "stage2":
        args.batch_size = args.batch_size1
        check_sizes(args.batch_size1, args.batchsize_id, args.batch_size2, args.bag_size,
                    args.images_per_identity, args.ctx_num)
    else:
        args.per_batch_size = args.per_batch_size or 128
        args.batch_size = args.per_batch_size * args.ctx_num


def _known_network(network: str) -> tuple[str, int]:
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


def print_network(args: argparse.Namespace, times: int) -> None:
    """What the 2019 symbol files print when a network is made."""
    letter, layers = _known_network(args.network)
    for _ in range(times):
        say("init", FAMILIES[letter], layers)
        if letter == "r":
            say(args.version_se, args.version_input, args.version_output, args.version_unit,
                args.version_act)


def make_graph(script: str, args: argparse.Namespace,
               devices: Sequence[mx.Context]) -> HybridBlock:
    """The stage's graph with initial values, or those of ``--pretrained``, on all devices.

    Raises :class:`InputError` when the checkpoint, the data and the flags do not fit together.
    """
    stage = stages.STAGES[script]
    with built_for(devices[0].device_type):
        graph = stage.graph(args)
    values = None
    if args.pretrained:
        prefix, epoch = arguments.split_pretrained(args.pretrained)
        if stage.says_loading:
            say("loading", [prefix, str(epoch)])
        values = read_parameters(checkpoint.params_path(prefix, epoch))
    print_network(args, times=2 if script == "stage2" else 1)
    graph.initialize(mx.init.Xavier(rnd_type="gaussian", factor_type="out", magnitude=2),
                     ctx=list(devices))
    settle_shapes(graph, args)
    if values is not None:
        anew = ("fc7_weight", "fc7_bias") if stage.drops_classifier else ()
        source = f"--pretrained {args.pretrained}"
        for name in checkpoint.apply_parameters(graph, values, source, anew):
            logging.info("%s: has no %s, which starts anew", source, name)
    graph.hybridize(static_alloc=True)
    return graph


def settle_shapes(graph: HybridBlock, args: argparse.Namespace) -> None:
    """Work out every parameter's shape for images of the data's size, and make it.

    Raises :class:`InputError` where the network, the size and ``--emb-size`` do not fit together.
    """
    image = (args.image_channel, args.image_h, args.image_w)
    try:
        symbol = lineage_symbol(graph.backbone, "data")
        _, (embedding,), _ = symbol.infer_shape(data=(1, *image))
    except mx.MXNetError as error:
        raise InputError(f"--network {args.network}: cannot take images of {args.image_h}x"
                         f"{args.image_w}, the size in {args.data_dir}/property") from error
    width = int(np.prod(embedding[1:]))
    if len(embedding) != 2 or width != args.emb_size:
        raise InputError(f"--version-output {args.version_output}: gives {width} numbers an image"
                         f", not the {args.emb_size} of --emb-size")
    rows = args.batch_size
    if hasattr(args, "batchsize_id"):
        rows = args.batch_size1 + args.batchsize_id
    rows //= args.ctx_num
    graph.infer_shape(mx.nd.zeros((rows, *image)), mx.nd.zeros((rows,)))
    for parameter in graph.collect_params().values():
        parameter._finish_deferred_init()


def make_batches(script: str, args: argparse.Namespace, graph: HybridBlock,
                 devices: Sequence[mx.Context], check: Callable[[], None]):
    """The stage's data iterator; opens the sets and prints what the 2019 iterators print."""
    shape = (args.image_channel, args.image_h, args.image_w)
    options = dict(num_classes=args.num_classes, workers=args.workers,
                   max_bad_images=args.max_bad_images, log=say,
                   seed=args.seed if args.seed is not None else int(time.time_ns() % 2**31))
    head = FaceRecords(args.data_dir)
    if script == "stage2":
        tail = FaceRecords(args.data_dir_interclass)
        announce_pair(head, tail, say)
        return BagIter(head, tail, args.batch_size1, args.batchsize_id, args.batch_size2,
                       args.bag_size, args.images_per_identity, shape,
                       embedder(graph.backbone, devices, check), ctx_num=args.ctx_num, **options)
    announce(head, "NR" if script == "NR" else "softmax", say, args.rand_mirror)
    options["rand_mirror"] = bool(args.rand_mirror)
    if script != "NR":
        return ImageIter(head, args.batch_size, shape, cutoff=args.cutoff, **options)
    batches = NoiseFilteringIter(head, args.batch_size, shape,
                                 lambda: _without_noise(args, batches, devices, check), **options)
    return batches


def _without_noise(args: argparse.Namespace, batches: NoiseFilteringIter,
                   devices: Sequence[mx.Context], check: Callable[[], None]) -> np.ndarray:
    """The records that are worth training on; the others go into 0_noiselist.txt."""
    predict = noise_predictor(*arguments.split_pretrained(args.pretrained), devices, say, check)
    found = find_noise(batches.loader, batches.records.image_keys, predict,
                       args.batch_size_mining, args.noise_threshold, say)
    path = os.path.join(args.bin_dir, "0_noiselist.txt")
    try:
        write_noise_list(path, found.flagged)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); see --bin-dir") from error
    return found.kept


def load_targets(args: argparse.Namespace) -> dict:
    """{target: verification set} of the bins found in the data folder; missing ones are left out.

    Raises :class:`InputError` for a bin that cannot be read or has images of another size.
    """
    found = {}
    for name in args.target.split(","):
        path = os.path.join(args.data_dir, f"{name}.bin")
        if name and os.path.exists(path):
            found[name] = load_bin(path, (args.image_h, args.image_w), _say_every_thousand)
            say(found[name].shape)
            say("ver", name)
    return found


def _say_every_thousand(index: int) -> None:
    if index % 1000 == 0:
        say("loading bin", index)


def make_test(targets: Mapping, embed, batch_size: int, says_shapes: str | None):
    """step -> {target: accuracy}; prints the lines of a verification."""

    def run(step: int) -> dict[str, float]:
        results = {}
        for name, verification_set in targets.items():
            say("testing verification..")
            if says_shapes:
                say(says_shapes)
            result = test(verification_set, embed, batch_size)
            say(result.embeddings.shape)
            say(f"infer time {result.seconds:f}")
            say(f"[{name}][{step}]XNorm: {result.xnorm:f}")
            say(f"[{name}][{step}]Accuracy-Flip: {result.acc2:1.5f}+-{result.std2:1.5f}")
            results[name] = result.acc2
        return results

    return run


def train(script: str, args: argparse.Namespace, interrupt: hooks.Interrupt) -> None:
    """Everything that a script does once its flags are read."""
    stage = stages.STAGES[script]
    devices = usable_devices()
    complete(script, args, devices)
    print_settings(args, devices)
    seed_everything(args.seed)
    checkpoint.make_folder(os.path.dirname(args.prefix) or ".", "--prefix")
    if script == "NR":
        args.bin_dir = args.bin_dir or os.path.dirname(args.prefix) or "."
        checkpoint.make_folder(args.bin_dir, "--bin-dir")
    steps = arguments.split_steps(args.lr_steps) if args.lr_steps else \
        schedule.default_steps(script, args.loss_type, args.batch_size)
    graph = make_graph(script, args, devices)
    batches = make_batches(script, args, graph, devices, interrupt.check)
    targets = load_targets(args)
    say("lr_steps", steps)

    saved = []

    def save(number: int) -> None:
        checkpoint.save_checkpoint(args.prefix, number, graph)
        saved.append(number)

    test_batch = STAGE_THREE_TEST_BATCH if script == "stage2" else max(32, args.batch_size)
    test_shapes = None
    if script == "stage2":
        test_shapes = f"[('data', ({test_batch}, 3, {args.image_h}, {args.image_w}))]"
    run_test = make_test(targets, embedder(graph.backbone, devices, interrupt.check), test_batch,
                         test_shapes)

    def test_what_is_saved(step: int) -> dict[str, float]:
        average_statistics(graph)
        return run_test(step)

    progress = Progress(metric=stage.metric(),
                        trainer=make_trainer(graph, devices, args.lr, args.mom, args.wd))
    try:
        interrupt.check()
        fit(graph, batches, progress, devices, [
            interrupt,
            hooks.drop_rate(steps, args.beta_freeze),
            hooks.speed_line(args.batch_size, stage.speed_every),
            hooks.rate_line(stage.rate_due),
            hooks.Verify(test_what_is_saved, save, args.verbose, stage.worth_saving, args.ckpt,
                         stage.test_first_then_save, stage.best_line),
            hooks.stop_after(args.max_steps),
        ], args.end_epoch, graph.OUTPUTS)
    except StopTraining:  # a signal while all was set up: there is nothing new to save
        pass
    except InputError:  # an image or a label met late: the model is worth keeping
        if progress.step:
            save(0)
        raise
    finally:
        batches.close()
    if progress.step and (stage.saves_at_end or not saved):
        save(0)


def seed_everything(seed: int | None) -> None:
    """Seed Python, NumPy and MXNet for a repeatable run; ``None`` leaves them random."""
    if seed is not None:
        from gluoncv.utils.random import seed as seed_libraries

        seed_libraries(seed)
