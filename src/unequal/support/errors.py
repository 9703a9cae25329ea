"""The one exception that means: the input is wrong, not the program."""

from __future__ import annotations

import argparse
import re


class InputError(ValueError):
    """Bad input, told in one line that names the file or the parameter and the fix.

    The library writes the names of parameters in backquotes, as ``f"`margin_m` {margin_m}: give
    an angle below pi/2"``. A command turns them into its flags (:func:`with_flags`), prints the
    line to stderr and exits with status 2. Nothing has been written when it is raised.
    """


def with_flags(message: object, parser: argparse.ArgumentParser) -> str:
    """Return a message in which `parameter` stands as the flag that sets it, such as --parameter.

    Args:
        message: an :class:`InputError` or its text.
        parser: the command's. Names in backquotes that are none of its parameters stay, but a
            hint in brackets, such as (`layer`), goes.
    """
    flags = {action.dest: action.option_strings[0] for action in _actions(parser)}
    hinted = re.sub(r" \(`(\w+)`\)", lambda hint: hint[0] * (hint[1] in flags), str(message))
    return re.sub(r"`(\w+)`", lambda name: flags.get(name[1], name[0]), hinted)


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the actions of a parser and of its subcommands that have flags."""
    found: list[argparse.Action] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                found += _actions(command)
        elif action.option_strings:
            found.append(action)
    return found
