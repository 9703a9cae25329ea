"""The flags of ``train_unequal.py``: its own, and those that it passes on to the scripts."""

from __future__ import annotations

import argparse
import io
import shlex
from contextlib import redirect_stderr
from dataclasses import fields
from typing import Any, Mapping, Sequence

from unequal.recipe.settings import RecipeSettings
from unequal.support.errors import InputError, with_flags
from unequal.training import flags as training_flags
from unequal.training.setting_fields import AUTO

# flags of the scripts, with the names they have there
SHARED = tuple(
    "--network --emb-size --width --version-se --version-input --version-output --version-unit "
    "--version-act --bn-mom --loss-type --margin-s --margin-m --margin-a --margin-b --easy-margin "
    "--noise-beta --noise-threshold --target --per-batch-size --batch_size_mining --batch-size1 "
    "--batchsize_id --batch-size2 --bag-size --images-per-identity --rand-mirror --mom --wd "
    "--workers --max-bad-images".split()
)
DEFAULTS = {"--noise-beta": 0.9, "--noise-threshold": AUTO}
# the step, the flag for more flags of its script, and the name that this flag had before
MORE_FLAGS = {
    "softmax": ("--step1", "--stage1"),
    "noise_resistance": ("--step2.2", "--stage2b"),
    "unequal": ("--step3.2", "--stage3"),
}
# what the recipe itself sets in every command
GOVERNED = frozenset(
    "--data-dir --data-dir-interclass --prefix --pretrained --bin-dir --log-dir --resume --seed "
    "--interweight --save-state --patience --help".split()
)
# a run that is resumed may be given these anew, because they change no number
MAY_CHANGE = ("fresh", "workers")
MOST_WEIGHTS = 100
LABEL_BELOW = 0.1


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of ``train_unequal.py``."""
    parser = argparse.ArgumentParser(
        prog="train_unequal.py",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Run all steps, from a head and a tail to the best model and a report. "
        "Start it again after whatever ended it, and it resumes.",
    )
    _add_own(parser.add_argument_group("the recipe"))
    shared = parser.add_argument_group("flags of the scripts, passed on to all that have them")
    for flag in SHARED:
        option = next(option for option in training_flags.OPTIONS if option.flag == flag)
        default = DEFAULTS.get(flag, option.default)
        shared.add_argument(flag, type=option.type, help=option.help, default=default)
    return parser


def _add_own(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--head", required=True, help="folder of the head, with verification sets")
    add("--tail", required=True, help="folder of the tail")
    add("--output", required=True, help="folder for all that is made")
    text = "tests without a better mean over the targets until the rate drops or the stage ends"
    add("--patience", type=int, default=5, help=text)
    text = "batches between tests of steps 1 and 2.2 (0: an epoch of the head, from 50 to 2000)"
    add("--test-every", type=int, default=0, help=text)
    text = "weights of the inter-class loss, in the order in which step 3.2 tries them"
    add("--interweights", default="1,5,10", help=text)
    text = (
        "images whose label has a lower probability are left out when the head is cleaned; "
        "0: those that step 2.2 has listed (None: 0.1 with --noise-threshold auto, whose "
        "probabilities have no margin, else 0)"
    )
    add("--label-below", type=float, metavar="P", help=text)
    text = "1: train step 1 again, from scratch, on the cleaned head"
    add("--again", type=int, choices=(0, 1), default=1, help=text)
    text = (
        "face set or folder of people who are in no training set: how well a model finds them "
        "among each other then decides which stage is kept, instead of the mean over the targets"
    )
    add("--identify", default="", metavar="DIR", help=text)
    text = "face set or folder of other people, among whom --identify searches, too"
    add("--distractors", default="", metavar="DIR", help=text)
    add("--seed", type=int, default=0, help="seed of all random choices")
    text = "remove what an earlier run left in --output, and start over"
    add("--fresh", action="store_true", help=text)
    for step, (flag, before) in MORE_FLAGS.items():
        name = _name(flag)
        # the older name comes first, because messages name the last flag of a parameter
        add(before, dest=name, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        text = f"more flags for step {flag[6:]} ({step}), in quotes: {flag}='--lr 0.05'"
        add(flag, dest=name, default="", metavar="FLAGS", help=text)


def parse(argv: Sequence[str] | None = None) -> RecipeSettings:
    """Parse and check the flags, those for the scripts too.

    Args:
        argv: the words behind the script's name; None: those of this process.

    Raises:
        InputError: a value is one that no run can have.
    """
    values = vars(make_parser().parse_args(argv))
    label_below = values["label_below"]
    if label_below is None:
        automatic = values["noise_threshold"] == AUTO
        label_below = LABEL_BELOW if automatic else 0.0
    weights = _weights(values["interweights"])
    more = {_name(flag): _words(flag, values[_name(flag)]) for flag, _ in MORE_FLAGS.values()}
    values = {**values, **more, "label_below": label_below, "interweights": weights}
    _check(values)
    words = {step: _words_of(step, values) for step in training_flags.SCRIPTS}
    for step, of_step in words.items():
        _check_words(step, of_step, values)
    derived = {
        "words": words,
        "flags": {name: value for name, value in values.items() if name not in MAY_CHANGE},
        "again": bool(values["again"]),
    }
    names = [field.name for field in fields(RecipeSettings)]
    return RecipeSettings(**{name: {**values, **derived}[name] for name in names})


def _name(flag: str) -> str:
    return flag[2:].replace("-", "_").replace(".", "_")


def _check(values: Mapping[str, Any]) -> None:
    for name, bound in (("patience", 1), ("test_every", 0)):
        if values[name] < bound:
            raise InputError(f"`{name}` {values[name]}: must be at least {bound}")
    for name in ("head", "tail", "output"):
        if not values[name]:
            raise InputError(f"`{name}`: is empty; name a folder")
    if values["distractors"] and not values["identify"]:
        raise InputError("`distractors`: needs `identify`")
    below = values["label_below"]
    if below and not values["noise_threshold"]:
        raise InputError("`label_below`: needs the noise pass; give a `noise_threshold` but 0")
    if not 0 <= below <= 1:
        raise InputError(f"`label_below` {below}: must be a probability, from 0 to 1")


def _words_of(step: str, values: Mapping[str, Any]) -> list[str]:
    """Return the shared flags that differ from the script's defaults, and the step's own."""
    words = []
    for option in training_flags.OPTIONS:
        if option.flag in SHARED and step in option.steps:
            value = values[_name(option.flag)]
            if value != option.default:
                words += [option.flag, str(value)]
    return words + (values[_name(MORE_FLAGS[step][0])] if step in MORE_FLAGS else [])


def _check_words(step: str, words: Sequence[str], values: Mapping[str, Any]) -> None:
    """Raise InputError for flags that the script of a step would refuse."""
    sets = ["--data-dir", values["head"], "--seed", str(values["seed"])]
    sets += ["--data-dir-interclass", values["tail"]] if step == "unequal" else []
    usage = io.StringIO()
    try:
        with redirect_stderr(usage):
            training_flags.parse(step, [*sets, *words], abbreviations=False)
    except SystemExit:
        wrong = usage.getvalue().strip().rpartition("error: ")[2]
        flag = f"{MORE_FLAGS[step][0]}: " if step in MORE_FLAGS else ""
        raise InputError(flag + wrong) from None
    except InputError as error:
        raise InputError(with_flags(error, training_flags.make_parser(step))) from error


def _weights(text: str) -> list[float]:
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        weights = []
    good = 0 < len(weights) <= MOST_WEIGHTS and all(0 <= weight < 1e9 for weight in weights)
    if not good or len(set(weights)) < len(weights):
        raise InputError(
            f"`interweights` {text}: write different numbers of 0 or more with commas, e.g. 1,5,10"
        )
    return weights


def _words(flag: str, text: str) -> list[str]:
    """Return the words of ``flag``, which gives more flags to one step."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"{flag} {text}: {error}") from None
    for name in (word.partition("=")[0] for word in words):
        if name in SHARED:
            raise InputError(f"{flag}: {name} is not for one step; give it by itself")
        if name in GOVERNED:
            raise InputError(f"{flag}: {name} is not for one step; the recipe sets it")
    return words
