"""One script from its flags to its last checkpoint."""

from __future__ import annotations

import argparse
import os
import time
from typing import Callable, Mapping, Sequence

import mxnet as mx
from mxnet.gluon import HybridBlock

from eval.bins import load_bin
from eval.verification import test
from symbols import parse_network
from symbols.layers import built_for
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
from unequal.training.loop import fit, make_trainer

STAGE_THREE_TEST_BATCH = 10
FAMILIES = {"r": "resnet", "y": "mobilefacenet"}


def complete(script: str, args: argparse.Namespace, devices: Sequence[mx.Context]) -> None:
    """Add what the 2019 scripts derived from the flags and the data: sizes, classes, devices."""
    args.ctx_num = len(devices)
    _, args.num_layers = _known_network(args.network)
    properties = read_property(args.data_dir)
    args.num_classes = properties.num_classes
    args.image_h, args.image_w, args.image_channel = properties.height, properties.width, 3
    args.rescale_threshold = 0
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
        values = checkpoint.load_parameters(prefix, epoch)
    print_network(args, times=2 if script == "stage2" else 1)
    graph.initialize(mx.init.Xavier(rnd_type="gaussian", factor_type="out", magnitude=2),
                     ctx=list(devices))
    rows = (args.batch_size1 + args.batchsize_id if script == "stage2" else args.batch_size)
    rows //= args.ctx_num
    try:
        graph.infer_shape(mx.nd.zeros((rows, args.image_channel, args.image_h, args.image_w)),
                          mx.nd.zeros((rows,)))
    except (mx.MXNetError, ValueError) as error:
        raise InputError(f"--network {args.network}: cannot take images of {args.image_h}x"
                         f"{args.image_w}, the size in {args.data_dir}/property") from error
    for parameter in graph.collect_params().values():
        parameter._finish_deferred_init()
    if values is not None:
        anew = ("fc7_weight", "fc7_bias") if stage.drops_classifier else ()
        checkpoint.apply_parameters(graph, values, f"--pretrained {args.pretrained}", anew)
    graph.hybridize(static_alloc=True)
    return graph


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


def _without_noise(args, batches, devices, check):
    """The records that are worth training on; the others go into 0_noiselist.txt."""
    predict = noise_predictor(*arguments.split_pretrained(args.pretrained), devices, say, check)
    found = find_noise(batches.loader, batches.records.image_keys, predict,
                       args.batch_size_mining, args.noise_threshold, say)
    write_noise_list(os.path.join(args.bin_dir, "0_noiselist.txt"), found.flagged)
    return found.kept


def load_targets(args: argparse.Namespace) -> dict:
    """{target: verification set} of the bins found in the data folder; missing ones are left out.

    Raises :class:`InputError` for a bin that cannot be read or has images of another size.
    """
    found = {}
    for name in args.target.split(","):
        path = os.path.join(args.data_dir, f"{name}.bin")
        if name and os.path.exists(path):
            found[name] = load_bin(path, (args.image_h, args.image_w))
            for index in range(0, len(found[name]), 1000):
                say("loading bin", index)
            say(found[name].shape)
            say("ver", name)
    return found


def make_test(targets: Mapping, embed, batch_size: int, says_shapes: str | None):
    """step -> {target: accuracy}; prints the lines of a verification."""

    def run(step: int) -> dict[str, float]:
        results = {}
        for name, verification_set in targets.items():
            if not results:
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

    def save(number: int) -> None:
        checkpoint.save_checkpoint(args.prefix, number, graph)

    test_batch = STAGE_THREE_TEST_BATCH if script == "stage2" else max(32, args.batch_size)
    test_shapes = None
    if script == "stage2":
        test_shapes = f"[('data', ({test_batch}, 3, {args.image_h}, {args.image_w}))]"
    run_test = make_test(targets, embedder(graph.backbone, devices), test_batch, test_shapes)
    trainer = make_trainer(graph, devices, args.lr, args.mom, args.wd)
    try:
        fit(graph, batches, stage.metric(), trainer, devices, [
            hooks.drop_rate(steps, args.beta_freeze),
            hooks.speed_line(args.batch_size, stage.speed_every),
            hooks.rate_line(stage.rate_due),
            hooks.Verify(run_test, save, args.verbose, stage.worth_saving, args.ckpt,
                         stage.test_first_then_save, stage.best_line),
            hooks.stop_after(args.max_steps),
            interrupt,
        ], args.end_epoch, graph.OUTPUTS)
    finally:
        batches.close()
    if stage.saves_at_end:
        save(0)


def seed_everything(seed: int | None) -> None:
    """Seed Python, NumPy and MXNet for a repeatable run; ``None`` leaves them random."""
    if seed is not None:
        from gluoncv.utils.random import seed as seed_libraries

        seed_libraries(seed)


