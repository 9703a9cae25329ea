"""The flags of the four training scripts: the names, types and defaults of 2019, and new ones.

This is the one place where their argv is read. What comes out is :class:`RunSettings`, whose fields
say what the flags are.
"""

from __future__ import annotations

import argparse
from typing import Callable, Iterator, NamedTuple, Sequence

from unequal.training.setting_fields import ALL, check_finite, settings_of
from unequal.training.settings import (
    HeadBatchSettings,
    MarginSettings,
    NetworkSettings,
    NoiseSettings,
    OptimiserSettings,
    RunSettings,
    TailBagSettings,
)

# the training steps by their keys
SCRIPTS = {
    "softmax": "train_softmax.py",
    "savemodel": "train_NR_savemodel.py",
    "noise_resistance": "train_NR.py",
    "unequal": "train_debug_soft_gs.py",
}
SETTINGS = (
    HeadBatchSettings,
    TailBagSettings,
    RunSettings,
    NetworkSettings,
    MarginSettings,
    NoiseSettings,
    OptimiserSettings,
)
UNDERSCORES = ("batch_size_mining", "batchsize_id")  # stay in these two flags
UNUSED = "accepted as in 2019, without effect"


class Option(NamedTuple):
    """A flag.

    Attributes:
        flag: its spelling.
        type: reads its text; one of type bool takes none, and is True where it is given.
        default: its value where it is not given.
        help: what it means.
        steps: the keys of the steps whose scripts have it.
        new: whether the scripts of 2019 lack it.
    """

    flag: str
    type: Callable[[str], object]
    default: object
    help: str
    steps: Sequence[str] = ALL
    new: bool = False


def _options() -> Iterator[Option]:
    """Yield the flags of all settings, each once for every default that it has."""
    for known in settings_of(*SETTINGS):
        facts = known.metadata
        flag = "--" + (known.name if known.name in UNDERSCORES else known.name.replace("_", "-"))
        defaults = {step: facts["others"].get(step, known.default) for step in facts["steps"]}
        for default in dict.fromkeys(defaults.values()):
            steps = [step for step in defaults if defaults[step] == default]
            yield Option(flag, facts["kind"], default, facts["help"], steps, facts["new"])


OPTIONS = (
    *_options(),
    Option("--log-file", str, "trainlog", UNUSED),
    Option("--use-deformable", int, 0, UNUSED),
    Option("--bndrop", int, 0, UNUSED, ("softmax",)),
    Option("--margin-inter", float, 1.0, UNUSED, ("unequal",)),
    Option("--margin", int, 4, UNUSED),
    Option("--beta", float, 1000.0, UNUSED),
    Option("--beta-min", float, 5.0, UNUSED),
    Option("--gamma", float, 0.12, UNUSED),
    Option("--power", float, 1.0, UNUSED),
    Option("--scale", float, 0.9993, UNUSED),
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
    groups = parser.add_argument_group("flags of 2019"), parser.add_argument_group("added")
    for option in OPTIONS:
        if step not in option.steps:
            continue
        group, text = groups[option.new], option.help
        if option.type is bool:
            group.add_argument(option.flag, help=text, action="store_true")
        else:
            group.add_argument(option.flag, help=text, type=option.type, default=option.default)
    return parser


def parse(step: str, argv: Sequence[str] | None = None, abbreviations: bool = True) -> RunSettings:
    """Return what a step is asked for.

    Raises:
        InputError: a value that no run can have.
    """
    values = vars(make_parser(step, abbreviations).parse_args(argv))
    check_finite(values)  # those without effect, too
    return RunSettings.from_flags(values)
