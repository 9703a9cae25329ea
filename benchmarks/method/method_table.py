"""Results as Markdown tables: mean and spread over the seeds, and differences to the head alone."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Iterable, Sequence

import numpy as np
from scipy import stats

BASE = ("b", "")
SURE = 0.05
LIST_SHARES = {
    "precision": "precision",
    "outliers": "of outliers",
    "labels": "of wrong labels",
    "clean": "of good images",
}


def read_results(output: Path) -> list[dict]:
    """Read all results in a folder, in the order of their files' names."""
    return [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(output.glob("seed*/noise*/results/*.json"))
    ]


def tables(results: Sequence[dict]) -> str:
    """Return a table for each measure, one of the noise lists and one of the costs."""
    if not results:
        return "no results yet"
    measures = list(dict.fromkeys(name for row in results for name in row["scores"]))
    texts = [_measure_table(results, measure) for measure in measures]
    lists = [row for row in results if "list" in row]
    if lists:
        texts.append(_list_table(lists))
    return "\n\n".join([*texts, _cost_table(results)])


def _measure_table(results: Sequence[dict], measure: str) -> str:
    values: dict = defaultdict(dict)  # (method, variant), noise -> seed -> value
    for row in results:
        if measure in row["scores"]:
            values[_key(row), row["noise"]][row["seed"]] = row["scores"][measure]
    rates = sorted({row["noise"] for row in results})
    rows = [[f"{measure}", *(f"noise {rate:.0%}" for rate in rates)]]
    for key in _keys(results):
        cells = [
            _cell(values[key, rate], values[BASE, rate] if key != BASE else {}) for rate in rates
        ]
        rows.append([_title(results, key), *cells])
    return _markdown(rows)


def _cell(values: dict[int, float], base: dict[int, float]) -> str:
    """Return mean and spread, and the difference to ``base``, with * where it is hardly chance."""
    if not values:
        return ""
    text = _mean_and_spread(list(values.values()), "{:.3f}")
    both = sorted(values.keys() & base.keys())
    if not both:
        return text
    differences = [values[seed] - base[seed] for seed in both]
    sure = np.std(differences) > 0 and stats.ttest_1samp(differences, 0.0).pvalue < SURE
    return f"{text} ({_mean_and_spread(differences, '{:+.3f}')}{'*' if sure else ''})"


def _mean_and_spread(values: Sequence[float], form: str) -> str:
    """Return mean ± standard deviation over the seeds; the latter only of several."""
    text = form.format(np.mean(values))
    return f"{text} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else text


def _list_table(results: Sequence[dict]) -> str:
    """Return what the noise lists hold."""
    found: dict = defaultdict(lambda: defaultdict(list))
    for row in results:
        for name, value in row["list"].items():
            found[_key(row), row["noise"]][name].append(value)
    rows = [["noise list", "noise", "images listed", "images planted", *LIST_SHARES.values()]]
    for (key, noise), columns in sorted(found.items()):
        counts = (f"{np.mean(columns[name]):.0f}" for name in ("listed", "noise"))
        shares = (columns.get(name) for name in LIST_SHARES)
        cells = (_mean_and_spread(values, "{:.2f}") if values else "-" for values in shares)
        rows.append([" ".join(key), f"{noise:.0%}", *counts, *cells])
    return _markdown(rows)


def _cost_table(results: Sequence[dict]) -> str:
    rows = [["cost", "seeds", "images trained on", "images only looked at", "seconds"]]
    for key in _keys(results):
        own = [row for row in results if _key(row) == key]
        means = [
            np.mean([row[name] for row in own]) for name in ("trained", "looked_at", "seconds")
        ]
        seeds = len({row["seed"] for row in own})
        rows.append([_title(results, key), str(seeds), *(f"{mean:,.0f}" for mean in means)])
    return _markdown(rows)


def _key(row: dict) -> tuple[str, str]:
    return row["method"], row["variant"]


def _keys(results: Iterable[dict]) -> list[tuple[str, str]]:
    return sorted({_key(row) for row in results})


def _title(results: Iterable[dict], key: tuple[str, str]) -> str:
    title = next(row["title"] for row in results if _key(row) == key)
    return f"{key[0]} {title}" + (f", {key[1]}" if key[1] else "")


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
