"""The flags of ``train_unequal.py``: its own, and those of the scripts that it passes on."""

from __future__ import annotations

import argparse
import io
import shlex
from contextlib import redirect_stderr
from typing import Sequence

from unequal.support.errors import InputError
from unequal.training import flags as arguments

# flags of the scripts, with the names they have there
SHARED = tuple(
    "--network --emb-size --width --version-se --version-input --version-output --version-unit "
    "--version-act --bn-mom --loss-type --margin-s --margin-m --margin-a --margin-b --easy-margin "
    "--noise-beta --noise-threshold --target --per-batch-size --batch_size_mining --batch-size1 "
    "--batchsize_id --batch-size2 --bag-size --images-per-identity --rand-mirror --mom --wd "
    "--workers --max-bad-images".split()
)
DEFAULTS = {"--noise-beta": 0.9, "--noise-threshold": arguments.AUTO}
STAGES = {"softmax": "stage1", "noise_resistance": "stage2b", "unequal": "stage3"}
# what the recipe itself sets in every command
GOVERNED = frozenset(
    "--data-dir --data-dir-interclass --prefix --pretrained --bin-dir --log-dir --resume --seed "
    "--interweight --save-state --patience --help".split()
) | frozenset(SHARED)
MOST_WEIGHTS = 100
LABEL_BELOW = 0.1


def make_parser() -> argparse.ArgumentParser:
    """The parser of ``train_unequal.py``."""
    parser = argparse.ArgumentParser(
        prog="train_unequal.py",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="All stages, from a head and a tail to the best model and a report; started "
        "again after whatever ended it, it goes on",
    )
    own = parser.add_argument_group("the recipe")
    own.add_argument("--head", required=True, help="folder of the head, with verification sets")
    own.add_argument("--tail", required=True, help="folder of the tail")
    own.add_argument("--output", required=True, help="folder for all that is made")
    own.add_argument(
        "--patience",
        type=int,
        default=5,
        help="tests without a better mean over the "
        "targets that a stage waits for, before the rate drops or the stage ends",
    )
    own.add_argument(
        "--test-every",
        type=int,
        default=0,
        help="batches between tests of stages 1 "
        "and 2b (0: an epoch of the head, 50 at least and 2000 at most)",
    )
    own.add_argument(
        "--interweights",
        default="1,5,10",
        help="weights of the inter-class loss, in the order in which stage 3 tries them",
    )
    own.add_argument(
        "--label-below",
        type=float,
        metavar="P",
        help="images whose label has a "
        "probability below it are left out when the head is cleaned; 0: those "
        "of stage 2b's noise list (None: 0.1 where --noise-threshold is "
        "auto, for then margins are not in the probabilities, else 0)",
    )
    own.add_argument(
        "--again",
        type=int,
        choices=(0, 1),
        default=1,
        help="1: train ArcFace again, from scratch, on the cleaned head",
    )
    own.add_argument(
        "--identify",
        default="",
        metavar="DIR",
        help="face set or folder of people "
        "who are in no training set: how well a model finds them among each other "
        "then decides which stage is kept, instead of the mean over the targets",
    )
    own.add_argument(
        "--distractors",
        default="",
        metavar="DIR",
        help="face set or folder of others, among whom --identify looks as well",
    )
    own.add_argument("--seed", type=int, default=0, help="seed of all random choices")
    own.add_argument(
        "--fresh",
        action="store_true",
        help="remove what an earlier run left in --output, and start over",
    )
    for script, name in STAGES.items():
        own.add_argument(
            f"--{name}",
            default="",
            metavar="FLAGS",
            help="more flags for that stage "
            f"({script}), in quotes: they go last, e.g. --{name}='--lr 0.05'",
        )
    shared = parser.add_argument_group("flags of the scripts, passed on to all that have them")
    for flag in SHARED:
        option = next(
            option for option in (*arguments.OPTIONS, *arguments.ADDED) if option.flag == flag
        )
        shared.add_argument(
            flag, type=option.type, help=option.help, default=DEFAULTS.get(flag, option.default)
        )
    return parser


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse and check; ``interweights`` becomes numbers, those of the stages lists of words.

    Raises :class:`InputError` for values that no run can have.
    """
    args = make_parser().parse_args(argv)
    for name, bound in (("patience", 1), ("test_every", 0)):
        if getattr(args, name) < bound:
            raise InputError(
                f"{arguments.flag_of(name)} {getattr(args, name)}: must be at least {bound}"
            )
    for name in ("head", "tail", "output"):
        if not getattr(args, name):
            raise InputError(f"--{name}: is empty; name a folder")
    if args.distractors and not args.identify:
        raise InputError("--distractors: needs --identify")
    if args.label_below is None:
        args.label_below = LABEL_BELOW if args.noise_threshold == arguments.AUTO else 0.0
    if args.label_below and not args.noise_threshold:
        raise InputError("--label-below: needs the noise pass; give a --noise-threshold but 0")
    if not 0 <= args.label_below <= 1:
        raise InputError(f"--label-below {args.label_below}: must be a probability, from 0 to 1")
    args.interweights = _weights(args.interweights)
    for name in STAGES.values():
        setattr(args, name, _words(name, getattr(args, name)))
    for script in arguments.SCRIPTS:
        extra = getattr(args, STAGES.get(script, ""), [])
        usage = io.StringIO()
        try:
            with redirect_stderr(usage):
                arguments.parse(
                    script,
                    [
                        "--data-dir",
                        args.head,
                        "--seed",
                        str(args.seed),
                        *_tail(script, args),
                        *passed_on(script, args),
                        *extra,
                    ],
                    abbreviations=False,
                )
        except SystemExit:
            wrong = usage.getvalue().strip().rpartition("error: ")[2]
            raise InputError(f"--{STAGES.get(script, script)}: {wrong}") from None
    return args


def passed_on(script: str, args: argparse.Namespace) -> list[str]:
    """The words of a script's command that stand for ``args``, but for what is default there."""
    words = []
    for option in (*arguments.OPTIONS, *arguments.ADDED):
        if option.flag in SHARED and script in option.scripts:
            value = getattr(args, option.flag[2:].replace("-", "_"))
            if value != option.default:
                words += [option.flag, str(value)]
    return words


def _tail(script: str, args: argparse.Namespace) -> list[str]:
    return ["--data-dir-interclass", args.tail] if script == "unequal" else []


def _weights(text: str) -> list[float]:
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        weights = []
    if (
        not 0 < len(weights) <= MOST_WEIGHTS
        or not all(0 <= weight < 1e9 for weight in weights)
        or len(set(weights)) < len(weights)
    ):
        raise InputError(
            f"--interweights {text}: write different numbers of 0 or more with commas, e.g. 1,5,10"
        )
    return weights


def _words(name: str, text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"--{name} {text}: {error}") from None
    for word in words:
        flag = word.partition("=")[0]
        if flag in GOVERNED:
            raise InputError(
                f"--{name}: {flag} is not for one stage; "
                + ("give it by itself" if flag in SHARED else "the recipe sets it")
            )
    return words
