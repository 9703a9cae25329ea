"""What the benchmarks share: their flags, works timed in turns, and the file of their numbers."""

from __future__ import annotations

import argparse
import json
import time
from typing import Callable, Mapping, Sequence


def flags(description: str) -> argparse.ArgumentParser:
    """Return a parser with --repeats and --json."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=positive, default=5, help="rounds (default %(default)s)")
    parser.add_argument("--json", help="file for the numbers")
    return parser


def positive(text: str) -> int:
    """Return a whole number of 1 or more, for argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def in_turns(
    works: Mapping[str, Callable[[], object]], rounds: int, warm: int = 1
) -> dict[str, list[float]]:
    """Seconds of each work in each round, after ``warm`` rounds that do not count."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + warm):
        for name in order(list(works), turn):
            start = time.perf_counter()
            works[name]()
            if turn >= warm:
                found[name].append(time.perf_counter() - start)
    return found


def order(names: Sequence[str], turn: int) -> list[str]:
    """Each goes first every other time, so that a machine that slows down favours none."""
    return list(names)[:: -1 if turn % 2 else 1]


def keep(rows: list[dict], path: str | None) -> None:
    """Write the rows as JSON, where a file was named."""
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
