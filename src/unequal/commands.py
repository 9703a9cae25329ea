"""What starts when a user starts a script: flags, one line for bad input, an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Callable, Sequence, TypeVar

from unequal.recipe import flags as recipe_flags
from unequal.support.console import show_log_lines
from unequal.support.errors import InputError, with_flags
from unequal.training import flags

if TYPE_CHECKING:
    from unequal.recipe.settings import RecipeSettings
    from unequal.training.hooks import Interrupt
    from unequal.training.settings import RunSettings

S = TypeVar("S")


def main(step: str, argv: Sequence[str] | None = None) -> int:
    """Run the script of a step and return its exit status.

    Args:
        step: a key of ``unequal.training.flags.SCRIPTS``.
        argv: the words behind the script's name; None takes those of the process.

    Returns:
        0 at the end of the run, 2 after one line about bad input, 128 + signal after a SIGINT or
        SIGTERM. The model has been saved then, if a batch was trained.
    """

    def work(settings: RunSettings, interrupt: Interrupt) -> None:
        from unequal.training.run import train
        from unequal.training.steps import STEPS

        train(STEPS[step], settings, interrupt)

    return _run(lambda: flags.parse(step, argv), work, lambda: flags.make_parser(step))


def main_of_recipe(argv: Sequence[str] | None = None) -> int:
    """Run ``train_unequal.py`` and return its exit status, as :func:`main` does."""

    def work(settings: RecipeSettings, interrupt: Interrupt) -> None:
        from unequal.recipe.record import alone
        from unequal.recipe.run import run_recipe

        with alone(settings.output):
            run_recipe(settings, interrupt)

    return _run(lambda: recipe_flags.parse(argv), work, recipe_flags.make_parser)


def _run(
    parse: Callable[[], S],
    work: Callable[[S, Interrupt], None],
    make_parser: Callable[[], argparse.ArgumentParser],
) -> int:
    """Do the work with the settings and what notices signals, and return the exit status."""
    try:
        settings = parse()
        show_log_lines()
        # only now: MXNet takes seconds to import, and may say that it cannot run here
        from unequal.training.hooks import Interrupt

        with Interrupt() as interrupt:
            work(settings, interrupt)
    except InputError as error:
        name = os.path.basename(sys.argv[0])
        print(f"{name}: {with_flags(error, make_parser())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if interrupt.received is None else 128 + interrupt.received
