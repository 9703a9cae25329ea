"""What every tool shares as a command: its parser, its progress, and how it ends."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from typing import Callable, Iterable, Iterator, Sequence, TypeVar

from tqdm import tqdm

from unequal.support.environment import usable_cores
from unequal.support.errors import InputError, with_flags

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 10.0
ITEMS_BETWEEN_LOOKS = 256
MOST_PROCESSES = 1024


def make_parser(tool: str, description: str | None, example: str) -> argparse.ArgumentParser:
    """Return a parser for `python -m recordio_tools.TOOL` that shows the module's docstring."""
    return argparse.ArgumentParser(
        prog=f"python -m recordio_tools.{tool}",
        description=description,
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_output(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the flags --output and --overwrite of a tool that makes a folder."""
    parser.add_argument("--output", required=True, help=what)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what this tool made in OUTPUT before"
    )


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add the flag --processes; 0 becomes the number of usable cores in `processes_of`."""
    parser.add_argument(
        "--processes", type=int, default=0, help="number of processes (default: the cores)"
    )


def add_default(
    parser: argparse.ArgumentParser, flag: str, default: int | float, text: str
) -> None:
    """Add a flag of a number, whose help ends in its default."""
    help_text = f"{text} (default %(default)s)"
    parser.add_argument(flag, type=type(default), default=default, help=help_text)


def processes_of(number: int) -> int:
    """Return how many processes `number` means: 0 means one per usable core.

    Raises:
        InputError: the number is below 0 or above 1024.
    """
    if not 0 <= number <= MOST_PROCESSES:
        raise InputError(f"`processes` {number}: give a number from 0 to {MOST_PROCESSES}")
    return number or usable_cores()


def run(
    parser: argparse.ArgumentParser,
    work: Callable[[argparse.Namespace], int | None],
    argv: Sequence[str] | None,
    prefix: str = "",
    interrupted: str = "interrupted; what was being written is dropped",
) -> int:
    """Parse the flags, do the work, and return the exit status of the command.

    That is what `work` returns (None: 0), 2 after one line about bad input, which names flags, or
    about a file that cannot be read or written, and 130 after an interrupt (143 after SIGTERM).

    Args:
        parser: the parser of the command.
        work: what the command does with the flags.
        argv: the words of the command line; None means those of the process.
        prefix: what the lines on stderr begin with.
        interrupted: the line after an interrupt.
    """
    args = parser.parse_args(argv)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    received = []

    def end(number: int, frame: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        return work(args) or 0
    except InputError as error:
        print(f"{prefix}{with_flags(error, parser)}", file=sys.stderr)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        print(f"{prefix}{name}{error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{prefix}{interrupted}", file=sys.stderr)
        return 128 + (received[0] if received else signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 2


def main_of(
    parser: Callable[[], argparse.ArgumentParser],
    work: Callable[[argparse.Namespace], int | None],
) -> Callable[..., int]:
    """Return the `main` of a tool: from the words of the command line to its exit status, as `run`.

    `parser` makes the parser.
    """

    def main(argv: Sequence[str] | None = None) -> int:
        return run(parser(), work, argv)

    return main


def progress(
    items: Iterable[Item], total: int | None, unit: str = "image", label: str | None = None
) -> Iterator[Item]:
    """Yield the items; show a bar on a terminal, or a line now and then in a pipe, on stderr."""
    if sys.stderr.isatty():
        yield from tqdm(items, desc=label, total=total, unit=unit, unit_scale=True)
        return
    start = shown = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if done % ITEMS_BETWEEN_LOOKS:
            continue
        now = time.monotonic()
        if now - shown >= SECONDS_BETWEEN_LINES:
            shown = now
            rate = done / (now - start)
            of = f" of {total}" if total else ""
            name = f"{label}: " if label else ""
            print(f"{name}{done}{of} {unit}s, {rate:.0f} {unit}s/s", file=sys.stderr, flush=True)
