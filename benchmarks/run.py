"""Run every benchmark of the README and write benchmarks/results/*.json: ``make bench``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCHMARKS = ("prelu", "networks", "iterators")


def main() -> int:
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    status = 0
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        written = str(results / f"{name}.json")
        command = [sys.executable, str(HERE / f"{name}.py"), "--json", written]
        status = subprocess.run(command).returncode or status
    return status


if __name__ == "__main__":
    sys.exit(main())
