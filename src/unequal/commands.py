"""What starts when a user starts a script: flags, one line for bad input, an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Callable, Sequence

from unequal.recipe import flags as recipe_flags
from unequal.support.console import show_log_lines
from unequal.support.errors import InputError, with_flags
from unequal.training import flags

if TYPE_CHECKING:
    from unequal.training.hooks import Interrupt


def main(step: str, argv: Sequence[str] | None = None) -> int:
    """Run the script of a step and return its exit status.

    Args:
        step: a key of ``unequal.training.flags.SCRIPTS``.
        argv: the words behind the script's name; None takes those of the process.

    Returns:
        0 at the end of the run, 2 after one line about bad input, 128 + signal after a SIGINT or
        SIGTERM. The model has been saved then, if a batch was trained.
    """

    def work(interrupt: Interrupt) -> None:
        from unequal.training.run import train
        from unequal.training.steps import STEPS

        train(STEPS[step], settings, interrupt)

    parser = flags.make_parser(step)
    try:
        settings = flags.parse(step, argv)
    except InputError as error:
        return _refuse(error, parser)
    return _run(work, parser)


def main_of_recipe(argv: Sequence[str] | None = None) -> int:
    """Run ``train_unequal.py`` and return its exit status, as :func:`main` does."""

    def work(interrupt: Interrupt) -> None:
        from unequal.recipe.record import alone
        from unequal.recipe.run import run_recipe

        with alone(settings.output):
            run_recipe(settings, interrupt)

    parser = recipe_flags.make_parser()
    try:
        settings = recipe_flags.parse(argv)
    except InputError as error:
        return _refuse(error, parser)
    return _run(work, parser)


def _refuse(error: InputError, parser: argparse.ArgumentParser) -> int:
    print(f"{os.path.basename(sys.argv[0])}: {with_flags(error, parser)}", file=sys.stderr)
    return 2


def _run(work: Callable[[Interrupt], None], parser: argparse.ArgumentParser) -> int:
    """Call ``work`` with what notices signals, and return the exit status."""
    show_log_lines()
    try:
        # only now: MXNet takes seconds to import, and may say that it cannot run here
        from unequal.training.hooks import Interrupt

        with Interrupt() as interrupt:
            work(interrupt)
    except InputError as error:
        return _refuse(error, parser)
    except KeyboardInterrupt:
        return 130
    return 0 if interrupt.received is None else 128 + interrupt.received
