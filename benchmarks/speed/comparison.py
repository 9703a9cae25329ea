"""One row of the benchmarks' table: ours beside its floor or an alternative."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Iterable, Mapping, Sequence

from timing import keep

COLUMNS = ("", "ours", "other", "unit", "against", "ratio", "spread", "MB ours", "MB other")


@dataclass(frozen=True)
class Comparison:
    """What was measured in the same rounds of ``ours`` and of the ``other``.

    ``unit``: of the numbers; ``against``: what the other is; ``more_is_better``: false of times and
    bytes; ``ours_peak``, ``other_peak``: the most megabytes that a process held for it.
    """

    what: str
    unit: str
    against: str
    ours: Sequence[float]
    other: Sequence[float]
    more_is_better: bool = False
    ours_peak: float | None = None
    other_peak: float | None = None

    def ratios(self) -> list[float]:
        """How many times as good ours is, round by round: above 1 it is better than the other."""
        pairs = zip(self.ours, self.other)
        return [mine / its if self.more_is_better else its / mine for mine, its in pairs]

    def numbers(self) -> dict:
        """Everything, and the medians and the spread, for a JSON file."""
        ratios = self.ratios()
        return {
            **asdict(self),
            "median_ours": statistics.median(self.ours),
            "median_other": statistics.median(self.other),
            "ratio": statistics.median(ratios),
            "spread": [min(ratios), max(ratios)],
        }


def rates(seconds: Iterable[float], count: float) -> list[float]:
    """How many a second, where ``count`` took so many seconds."""
    return [count / one for one in seconds]


def table(rows: Iterable[Mapping]) -> str:
    """Return rows, as `Comparison.numbers` gives them, as aligned text."""
    cells = [COLUMNS] + [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index in (0, 3, 4) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in cells
    )


def finish(rows: Sequence[Comparison], path: str | None) -> None:
    """Print a benchmark's table, and write its JSON file where one was named."""
    numbers = [row.numbers() for row in rows]
    print(table(numbers), flush=True)
    keep(numbers, path)


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
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}" if number >= 1 else f"{number:.3f}"
