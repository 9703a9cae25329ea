"""Measure whether the method works: against plain ArcFace, with planted noise, on unknown people.

    python benchmarks/method/method.py --output benchmarks/results/method
    python benchmarks/method/method.py --output benchmarks/results/real --data DIR --size 32
        --seeds 0
    python benchmarks/method/method.py --output benchmarks/results/method --table

The first command draws faces. In the second, DIR holds rec_head, rec_tail and unseen*.bin. The last
prints what there is. For every seed and share of noise, the program makes the sets, trains each
method on as many images as the others by running the scripts, and measures it. What is in --output
is not done again: a run can be interrupted, and other flags add to it. ``--set`` tries other
numbers (see method_runs.Settings) beside the usual ones: ``--only e --set interweight=10``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import product
from pathlib import Path
from typing import Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
from method_runs import Runs, Settings
from method_scores import scores
from method_sets import Source, list_quality, make_sets, read_truth
from method_table import read_results, tables
from methods import METHODS
from unequal.support.errors import InputError
from unequal.support.files import replace_file

MAIN = ("a", "b", "c", "d", "e")
QUICK_BUDGET = 2000
REAL_SIZE, DRAWN_SIZE = 48, 24


def main() -> int:
    options = _parser().parse_args()
    output = Path(options.output).resolve()
    try:
        if not options.table:
            source, changed = _source(options), _settings(options.set)
            _one_source(output, source)
            settings = Settings()._replace(**{"budget": source.budget, **changed})
            for seed, noise, name in product(options.seeds, options.noise, options.only):
                measure(output, source, name, seed, noise, settings, changed)
    except InputError as error:
        print(f"method: {error}", file=sys.stderr)
        return 2
    results = read_results(output)
    print(tables(results))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
    return 0


def measure(
    output: Path,
    source: Source,
    name: str,
    seed: int,
    noise: float,
    settings: Settings,
    changed: dict,
) -> None:
    """Train one method and write its result, unless it is there."""
    cell = output / f"seed{seed}" / f"noise{round(100 * noise)}"
    variant = "".join(f" {key}={value}" for key, value in sorted(changed.items()))
    path = cell / "results" / f"{name}{variant.replace(' ', '_')}.json"
    if path.exists():
        return
    started = time.time()
    sets = make_sets(output, source, seed, noise)
    runs = Runs(cell, seed, settings)
    last = METHODS[name].train(runs, sets)
    cost = {
        total: sum(getattr(run, total) for run in runs.finished)
        for total in ("trained", "looked_at", "seconds")
    }
    result = dict(
        method=name,
        title=METHODS[name].title,
        variant=variant.strip(),
        seed=seed,
        noise=noise,
        scores=scores(last.model, sets.pairs, sets.people),
        settings=settings._asdict(),
        **cost,
        commands=[run.command for run in runs.finished],
    )
    if runs.used_list:
        result["list"] = list_quality(runs.used_list, read_truth(sets.truth))
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1)
    replace_file(path, lambda name: Path(name).write_text(text, encoding="utf-8"))
    found = " ".join(f"{key} {value:.3f}" for key, value in result["scores"].items())
    print(
        f"seed {seed}, noise {noise:g}, {name}{variant}: {found} ({time.time() - started:.0f} s)",
        file=sys.stderr,
        flush=True,
    )


def _one_source(output: Path, source: Source) -> None:
    """A folder holds runs on one kind of sets, with one budget: refuse to mix."""
    path = output / "source.json"
    if not path.exists():
        output.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(source._asdict()), encoding="utf-8")
    elif json.loads(path.read_text(encoding="utf-8")) != source._asdict():
        raise InputError(
            f"--output {output}: holds other runs, see {path.name} there; give "
            "another folder, or the --data, --size, --quick and --budget of those"
        )


def _source(options: argparse.Namespace) -> Source:
    data = str(Path(options.data).resolve()) if options.data else ""
    if data and options.quick:
        raise InputError("--quick: is for drawn faces; leave it out, or --data")
    size = options.size or (REAL_SIZE if data else DRAWN_SIZE)
    budget = options.budget or (QUICK_BUDGET if options.quick else Settings().budget)
    return Source(data, size, options.quick, budget)


def _settings(texts: Sequence[str]) -> dict:
    """``['budget=1000']`` -> ``{'budget': 1000}``. Raises InputError."""
    usual, changed = Settings()._asdict(), {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in usual:
            raise InputError(f"--set {text}: known are {', '.join(usual)}")
        try:
            changed[name] = type(usual[name])(value)
        except ValueError:
            raise InputError(f"--set {text}: give a number") from None
    return changed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{name}  {method.title}" for name, method in METHODS.items()),
    )
    parser.add_argument("--output", required=True, help="folder for all that is made")
    parser.add_argument(
        "--data",
        help="folder with real faces: rec_head, rec_tail, unseen*.bin (default: faces are drawn)",
    )
    sizes = f"(default: {REAL_SIZE}), or drawn with ({DRAWN_SIZE})"
    parser.add_argument("--size", type=int, help=f"pixels that faces are scaled down to {sizes}")
    budgets = f"(default: {Settings().budget}; --quick: {QUICK_BUDGET})"
    parser.add_argument("--budget", type=int, help=f"images that a method trains on {budgets}")
    parser.add_argument(
        "--only", nargs="+", choices=list(METHODS), default=MAIN, help="methods (default: a to e)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    shares = "shares of the head's images, half wrong labels, half outliers"
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.2, 0.4], help=shares)
    others = f"other numbers: {', '.join(Settings._fields)}"
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=NUMBER", help=others)
    parser.add_argument("--quick", action="store_true", help="a minute of it, to see that it runs")
    parser.add_argument("--table", action="store_true", help="only print what is in --output")
    parser.add_argument("--json", help="file for all results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
