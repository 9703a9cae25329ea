"""What the benchmarks share: their flags, medians, and the file of their numbers."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Callable


def flags(description: str) -> argparse.ArgumentParser:
    """A parser with --repeats and --json."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", help="file for the numbers")
    return parser


def median_seconds(work: Callable[[], object], repeats: int, warm: int = 1) -> float:
    """Median time of ``work``, after ``warm`` runs that do not count."""
    times = []
    for index in range(repeats + warm):
        start = time.perf_counter()
        work()
        if index >= warm:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def keep(rows: list[dict], path: str | None) -> None:
    """Write the rows as JSON, where a file was named."""
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
