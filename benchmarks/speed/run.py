"""Run the benchmarks and print one table: `make bench`.

    python benchmarks/speed/run.py [--only iterators,networks] [--quick] [--data DIR] [--tail DIR]
                             [--torch-python PYTHON]

Each benchmark is a program of this folder. It leaves its numbers in benchmarks/results/NAME.json.
All take about 12 minutes on two cores. Nothing else may run meanwhile, because other busy threads
distort the numbers. The ratio says how many times as good our number is as the floor or the
alternative beside it. It is the median over alternating rounds; the spread is that of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Mapping, Sequence

from comparison import table
from face_sets import add_flags, draw
from unequal.support.environment import usable_cores
from unequal.support.errors import InputError

RESULTS = Path(__file__).resolve().parents[1] / "results"
# In the order of running, with what makes each one small.
QUICK = {
    "opening": ["--records", "300000", "--identities", "50000", "--repeats", "1"],
    "iterators": ["--repeats", "2"],
    "passes": ["--bags", "2", "--repeats", "1"],
    "selection": ["--identities", "1200", "--repeats", "2"],
    "pairs": ["--pairs", "6000", "--repeats", "2"],
    "identification": ["--gallery", "20000", "--probes", "2000", "--repeats", "2"],
    "networks": ["--networks", "y1", "--batch", "4", "--repeats", "2"],
    "prelu": ["--repeats", "1"],
    "step": ["--networks", "r18", "--steps", "5", "--repeats", "2"],
    "classes": ["--classes", "100000", "--repeats", "1"],
}
READ_SETS = ("iterators", "passes")
PACKAGES = ("mxnet", "onednn-cpu-gomp", "numpy", "opencv-python")
TERMINATED = 128 + signal.SIGTERM


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        names = chosen(options.only)
    except InputError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    RESULTS.mkdir(exist_ok=True)
    started, failed = time.time(), []
    # what a benchmark writes is removed with this folder, also when the benchmark is killed
    with tempfile.TemporaryDirectory(prefix="unequal-bench-") as folder:
        if set(names) & set(READ_SETS) and not options.data:
            print("drawing faces", flush=True)
            options.data, options.tail = draw(Path(folder) / "drawn")
        for name in names:
            print(f"\n== {name}", flush=True)
            before = time.time()
            done = subprocess.run(command(name, options), env={**os.environ, "TMPDIR": folder})
            print(f"({time.time() - before:.0f} s)", flush=True)
            if done.returncode:
                failed.append(name)
    measured = [name for name in names if name not in failed]
    rows = [row for name in measured for row in json.loads(_result(name).read_text("utf-8"))]
    print("\n" + "\n".join(f"{key}: {value}" for key, value in machine().items()))
    print("ratio: above 1, ours is better; spread: of the ratio, over the rounds\n")
    print(table(rows))
    print(f"\n{time.time() - started:.0f} seconds; numbers in {RESULTS}")
    if failed:
        print(f"bench: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def chosen(only: str | None) -> list[str]:
    """Return the benchmarks that `--only` names, in the order of running; all without it."""
    names = list(QUICK) if only is None else only.split(",")
    unknown = sorted(set(names) - set(QUICK))
    if unknown:
        raise InputError(
            f"--only {only}: unknown is {', '.join(unknown)}; give some of {','.join(QUICK)}"
        )
    return [name for name in QUICK if name in names]


def command(name: str, options: argparse.Namespace) -> list[str]:
    """Remove the older numbers of a benchmark, and return the command that starts it."""
    if _result(name).exists():
        _result(name).unlink()
    program = str(Path(__file__).resolve().with_name(f"{name}.py"))
    flags = ["--json", str(_result(name)), *(QUICK[name] if options.quick else [])]
    if name in READ_SETS:
        given = {"--data": options.data, "--tail": options.tail}
        flags += [part for flag, folder in given.items() if folder for part in (flag, folder)]
    if name == "networks" and options.torch_python:
        flags += ["--torch-python", options.torch_python]
    return [sys.executable, program, *flags]


def machine() -> Mapping[str, str]:
    """Describe what the numbers were measured on."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in PACKAGES if _installed(name)
    )
    return {
        "machine": f"{processor}, {usable_cores()} cores",
        "software": f"Python {platform.python_version()}, {versions}",
    }


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _result(name: str) -> Path:
    return RESULTS / f"{name}.json"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="all benchmarks, and one table")
    parser.add_argument("--only", help=f"some of {','.join(QUICK)}")
    parser.add_argument("--quick", action="store_true", help="small cases, in a few minutes")
    add_flags(parser)
    parser.add_argument(
        "--torch-python", help="interpreter with torch and onnxruntime (default: this one)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
