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

from comparison import table
from unequal.support.environment import usable_cores

RESULTS = Path(__file__).resolve().parents[1] / "results"
# In the order of running, with what makes each one small.
QUICK = {
    "opening": "--records 300000 --identities 50000 --repeats 1",
    "iterators": "--repeats 2",
    "passes": "--bags 2 --repeats 1",
    "arithmetic": "--identities 1200 --pairs 6000 --repeats 2",
    "identification": "--gallery 20000 --probes 2000 --repeats 2",
    "networks": "--networks y1 --batch 4 --repeats 2",
    "prelu": "--repeats 1",
    "step": "--networks r18 --steps 5 --repeats 2",
    "classes": "--classes 100000 --repeats 1",
}
# What is handed on to a benchmark.
SETS = ("data", "tail")
HANDED_ON = {"iterators": SETS, "passes": SETS, "networks": ("torch_python",)}
PACKAGES = ("mxnet", "onednn-cpu-gomp", "numpy", "opencv-python")
TERMINATED = 128 + signal.SIGTERM


def main() -> int:
    options = _parser().parse_args()
    wanted = options.only.split(",") if options.only is not None else list(QUICK)
    unknown = sorted(set(wanted) - set(QUICK))
    if unknown:
        given = f"--only {options.only}: unknown is {', '.join(unknown)}"
        print(f"bench: {given}; give some of {','.join(QUICK)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    RESULTS.mkdir(exist_ok=True)
    started, failed, rows = time.time(), [], []
    # what a benchmark writes is removed with this folder, also when the benchmark is killed
    with tempfile.TemporaryDirectory(prefix="unequal-bench-") as folder:
        for name in (name for name in QUICK if name in wanted):
            print(f"\n== {name}", flush=True)
            before, result = time.time(), RESULTS / f"{name}.json"
            program = str(Path(__file__).resolve().with_name(f"{name}.py"))
            flags = ["--json", str(result), *(QUICK[name].split() if options.quick else [])]
            for given in HANDED_ON.get(name, ()):
                if getattr(options, given):
                    flags += [f"--{given.replace('_', '-')}", getattr(options, given)]
            done = subprocess.run(
                [sys.executable, program, *flags], env={**os.environ, "TMPDIR": folder}
            )
            print(f"({time.time() - before:.0f} s)", flush=True)
            if done.returncode:
                failed.append(name)
            else:
                rows += json.loads(result.read_text("utf-8"))
    print(f"\n{machine()}")
    print("ratio: above 1, ours is better; spread: of the ratio, over the rounds\n")
    print(table(rows))
    print(f"\n{time.time() - started:.0f} seconds; numbers in {RESULTS}")
    if failed:
        print(f"bench: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def machine() -> str:
    """Describe what the numbers were measured on."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    versions = {found.metadata["Name"]: found.version for found in metadata.distributions()}
    packages = ", ".join(f"{name} {versions[name]}" for name in PACKAGES if name in versions)
    return (
        f"machine: {processor}, {usable_cores()} cores\n"
        f"software: Python {platform.python_version()}, {packages}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="all benchmarks, and one table")
    parser.add_argument("--only", help=f"some of {','.join(QUICK)}")
    parser.add_argument("--quick", action="store_true", help="small cases, in a few minutes")
    parser.add_argument("--data", help="folder of a RecordIO set (default: 112 px faces, drawn)")
    parser.add_argument(
        "--tail", help="beside --data, a set with few images an identity (default: --data)"
    )
    parser.add_argument(
        "--torch-python", help="interpreter with torch and onnxruntime (default: this one)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
