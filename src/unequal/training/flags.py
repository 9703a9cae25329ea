"""The flags of the four training scripts: the names, types and defaults of 2019, and new ones.

This is the one place where their argv is read. What comes out is :class:`RunSettings`.
"""

from __future__ import annotations

import argparse
from typing import Callable, NamedTuple, Sequence

from unequal.support.errors import InputError
from unequal.training.settings import AUTO, RunSettings

# the training steps by their keys
SCRIPTS = {
    "softmax": "train_softmax.py",
    "savemodel": "train_NR_savemodel.py",
    "noise_resistance": "train_NR.py",
    "unequal": "train_debug_soft_gs.py",
}
_ALL = tuple(SCRIPTS)
_PER_DEVICE = ("softmax", "savemodel", "noise_resistance")
_NOISE_LIST = ("savemodel", "noise_resistance")
_UNUSED = "accepted as in 2019, without effect"


def number_or_auto(text: str) -> float | str:
    """``'0.25'`` -> ``0.25``, ``'auto'`` -> ``'auto'``: the values of ``--noise-threshold``."""
    if text == AUTO:
        return AUTO
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give a probability, or {AUTO}") from None


class Option(NamedTuple):
    """One flag: its name, type, default, meaning, and the steps that have it.

    One of type bool takes no value: it is True where it is given.
    """

    flag: str
    type: Callable[[str], object]
    default: object
    help: str
    steps: Sequence[str] = _ALL


OPTIONS = (
    # data and files
    Option("--data-dir", str, "", "folder of the training set: train.rec, train.idx, property"),
    Option("--data-dir-interclass", str, "", "folder of the tail set", ("unequal",)),
    Option("--prefix", str, "../model/model", "path and start of the checkpoints' names"),
    Option("--pretrained", str, "", "checkpoint to start from: prefix,epoch"),
    Option(
        "--bin-dir",
        str,
        "",
        "folder for the noise list (default: the prefix's folder)",
        _NOISE_LIST,
    ),
    Option("--target", str, "lfw,cfp_fp,agedb_30", "verification sets: NAME.bin in --data-dir"),
    Option(
        "--log-dir",
        str,
        "",
        "folder for TensorBoard events and history.jsonl (default: none are written, as in 2019)",
    ),
    Option("--log-file", str, "trainlog", _UNUSED),
    # network
    Option("--network", str, "r50", "r18 r34 r49 r50 r74 r90 r100 r101 r152 r200 r269 or y1"),
    Option("--emb-size", int, 512, "length of the embedding"),
    Option("--version-se", int, 0, "1: squeeze-and-excite in every unit"),
    Option("--version-input", int, 1, "1: 3x3 first convolution; 0: 7x7 with stride and pooling"),
    Option("--version-output", str, "E", "embedding head, A to J or Z"),
    Option("--version-unit", int, 3, "residual unit, 1 to 3"),
    Option("--version-act", str, "prelu", "prelu, relu, ..."),
    Option("--bn-mom", float, 0.9, "momentum of the moving statistics"),
    Option("--use-deformable", int, 0, _UNUSED),
    Option("--bndrop", int, 0, _UNUSED, ("softmax",)),
    # classifier and losses
    Option("--loss-type", int, 4, "0 softmax, 2 CosFace, 4 ArcFace, 5 combined margin"),
    Option("--margin-s", float, 64.0, "scale s of the logits"),
    Option("--margin-m", float, 0.5, "margin m"),
    Option("--margin-a", float, 1.0, "factor a of loss type 5"),
    Option("--margin-b", float, 0.0, "margin b of loss type 5"),
    Option("--easy-margin", int, 0, "1: ArcFace's margin only where cos > 0"),
    Option(
        "--noise-beta", float, 1, "share of the label in the noise-resistance loss", _NOISE_LIST
    ),
    Option(
        "--noise-beta", float, 0.9, "share of the label in the noise-resistance loss", ("unequal",)
    ),
    Option("--noise", int, 1, "0: plain cross entropy on the head", ("unequal",)),
    Option("--interweight", float, 0.01, "weight of the inter-class loss", ("unequal",)),
    Option("--fc7-wd-mult", float, 1.0, "written into the symbol; without effect, as in 2019"),
    Option("--margin-inter", float, 1.0, _UNUSED, ("unequal",)),
    *(
        Option(flag, kind, default, _UNUSED)
        for flag, kind, default in (
            ("--margin", int, 4),
            ("--beta", float, 1000.0),
            ("--beta-min", float, 5.0),
            ("--gamma", float, 0.12),
            ("--power", float, 1.0),
            ("--scale", float, 0.9993),
        )
    ),
    # batches
    Option("--per-batch-size", int, 100, "images a step on each device (0: 128)", _PER_DEVICE),
    Option(
        "--batch_size_mining", int, 20, "images at once in the noise pass, all devices", _NOISE_LIST
    ),
    Option("--batch-size1", int, 90, "head images a step, all devices together", ("unequal",)),
    Option("--batchsize_id", int, 90, "tail images a step, all devices together", ("unequal",)),
    Option(
        "--batch-size2",
        int,
        180,
        "images at once when a bag is embedded, all devices",
        ("unequal",),
    ),
    Option("--bag-size", int, 3600, "tail images from which one batch is mined", ("unequal",)),
    Option("--images-per-identity", int, 3, "tail images that make a centre", ("unequal",)),
    Option("--rand-mirror", int, 1, "mirror every other image (step 3.2 always does)"),
    Option("--cutoff", int, 0, "side of a grey square on each image (steps 1 and 2.1)"),
    # optimisation
    Option("--lr", float, 0.1, "learning rate at the start", _PER_DEVICE),
    Option("--lr", float, 0.001, "learning rate at the start", ("unequal",)),
    Option("--lr-steps", str, "", "batches after which the rate drops tenfold, e.g. 100,200"),
    Option("--mom", float, 0.9, "momentum"),
    Option("--wd", float, 0.0005, "weight decay, on every parameter"),
    Option("--beta-freeze", int, 0, "added to every step of --lr-steps"),
    Option("--end-epoch", int, 100000, "epochs to train"),
    Option("--max-steps", int, 0, "stop after this many batches and one more, as in 2019 (0: no)"),
    Option("--verbose", int, 2000, "batches between verifications", _PER_DEVICE),
    Option("--verbose", int, 50, "batches between verifications", ("unequal",)),
    Option("--ckpt", int, 1, "numbered checkpoints: 0 none, 1 when better, 2 at every test"),
)

ADDED = (
    Option(
        "--noise-threshold",
        number_or_auto,
        0.0,
        "images whose largest probability is below "
        "this are noise (2019: a number in the code, 0); auto: look for the valley between them "
        "and the rest, without the margin",
        ("noise_resistance",),
    ),
    Option(
        "--mining-overlap",
        bool,
        False,
        "mine the bags of the next epoch while the current one "
        "trains: with weights one epoch old, after the first epoch",
        ("unequal",),
    ),
    Option("--resume", bool, False, "resume where the run with this --prefix ended or was killed"),
    Option("--save-state", int, 1, "0: do not write PREFIX.state, from which --resume starts"),
    Option(
        "--patience",
        int,
        0,
        "end after this many tests without a better mean over the targets; "
        "the best model is PREFIX-best,0 (0: no)",
    ),
    Option("--lr-drops", int, 0, "with --patience: how often the rate drops tenfold first"),
    Option("--width", float, 1.0, "factor on all widths of a ResNet, for small experiments"),
    Option("--seed", int, None, "repeat a run: seed of all random choices (default: none)"),
    Option("--workers", int, None, "threads that decode images (default: one a core, up to 16)"),
    Option("--max-bad-images", int, 100, "unreadable images to skip before giving up"),
)


def make_parser(step: str, abbreviations: bool = True) -> argparse.ArgumentParser:
    """Return the parser of a step's script.

    Args:
        step: one of :data:`SCRIPTS`.
        abbreviations: whether the start of a flag stands for it, as in 2019.
    """
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter, allow_abbrev=abbreviations
    )
    for group, options in (("flags of 2019", OPTIONS), ("added", ADDED)):
        arguments = parser.add_argument_group(group)
        for option in options:
            if step not in option.steps:
                continue
            if option.type is bool:
                arguments.add_argument(option.flag, help=option.help, action="store_true")
            else:
                arguments.add_argument(
                    option.flag, help=option.help, type=option.type, default=option.default
                )
    return parser


def parse(step: str, argv: Sequence[str] | None = None, abbreviations: bool = True) -> RunSettings:
    """Return what a step is asked for.

    Raises:
        InputError: a value that no run can have.
    """
    flags = vars(make_parser(step, abbreviations).parse_args(argv))
    return RunSettings.from_flags({**flags, "lr_steps": lr_steps(flags["lr_steps"])}, flags)


def lr_steps(text: str) -> tuple[int, ...]:
    """Return the numbers of ``'100,200'``, none of ``''``; raise InputError for anything else."""
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise InputError(
            f"`lr_steps` {text}: write whole numbers with commas, e.g. 100,200"
        ) from None
