"""What the benchmarks share: their flags, and the rows of the table, ours beside another."""

from __future__ import annotations

import argparse
import inspect
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Iterable, Mapping, Sequence

from turns import CHILD, Job, serve

COLUMNS = ("", "ours", "other", "unit", "against", "ratio", "spread", "MB ours", "MB other")


@dataclass(frozen=True)
class Comparison:
    """What was measured in the same rounds of ``ours`` and of the ``other``.

    ``unit``: of the numbers, of which more is better where it is a rate; ``against``: what the
    other is; ``ours_peak``, ``other_peak``: the most megabytes that a process held for it.
    """

    what: str
    unit: str
    against: str
    ours: Sequence[float]
    other: Sequence[float]
    ours_peak: float | None = None
    other_peak: float | None = None

    def numbers(self) -> dict:
        """Everything, the medians, and the ratios: above 1, ours is better than the other."""
        power = 1 if self.unit.endswith("/s") else -1
        ratios = [(mine / its) ** power for mine, its in zip(self.ours, self.other)]
        return {
            **asdict(self),
            "median_ours": statistics.median(self.ours),
            "median_other": statistics.median(self.other),
            "ratio": statistics.median(ratios),
            "spread": [min(ratios), max(ratios)],
        }


def run(
    measure: Callable[..., Iterable[Comparison]], child: Callable[..., Job] | None = None
) -> None:
    """Run a benchmark by the flags: print its table, and write the file that --json names.

    Each parameter of ``measure`` is a flag of the type of its default; a tuple takes several
    values. ``child`` makes the jobs of the processes that the program starts of itself.
    """
    if child and sys.argv[1:2] == [CHILD]:
        return serve(child)
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(inspect.getmodule(measure)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, parameter in inspect.signature(measure).parameters.items():
        usual = parameter.default
        kind = type(usual[0] if isinstance(usual, tuple) else usual)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=positive if kind is int else kind,
            nargs="+" if isinstance(usual, tuple) else None,
            default=usual,
            help="default: %(default)s",
        )
    parser.add_argument("--json", help="file for the numbers")
    options = vars(parser.parse_args())
    path = options.pop("json")
    rows = [row.numbers() for row in measure(**options)]
    print(table(rows), flush=True)
    if path:
        Path(path).write_text(json.dumps(rows, indent=1), encoding="utf-8")


def positive(text: str) -> int:
    """Return a whole number of 1 or more, for argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def rates(seconds: Iterable[float], count: float) -> list[float]:
    """How many a second, where ``count`` took so many seconds."""
    return [count / one for one in seconds]


def column(found: Mapping[str, Iterable[Mapping]], name: str) -> dict[str, list[float]]:
    """One number of each of the answers of several forms."""
    return {form: [answer[name] for answer in answers] for form, answers in found.items()}


def table(rows: Iterable[Mapping]) -> str:
    """Return rows, as `Comparison.numbers` gives them, as aligned text."""
    cells = [COLUMNS] + [_cells(row) for row in rows]
    widths = [max(map(len, texts)) for texts in zip(*cells)]
    form = "  ".join(f"{{:{'<' if i in (0, 3, 4) else '>'}{w}}}" for i, w in enumerate(widths))
    return "\n".join(form.format(*line).rstrip() for line in cells)


def _cells(row: Mapping) -> tuple[str, ...]:
    low, high = row["spread"]
    peaks = [row["ours_peak"], row["other_peak"]]
    return (
        row["what"],
        _short(row["median_ours"]),
        _short(row["median_other"]),
        row["unit"],
        row["against"],
        f"{row['ratio']:.2f}",
        f"{low:.2f}-{high:.2f}",
        *("" if peak is None else f"{peak:,.0f}" for peak in peaks),
    )


def _short(number: float) -> str:
    """Three digits or more."""
    digits = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3
    return f"{number:,.{digits}f}"
