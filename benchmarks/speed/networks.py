"""Images a second and peak memory of each network: ours, and whatever else computes it here.

    python benchmarks/speed/networks.py [--networks y1,r18,r50] [--batch 16] [--torch-python PYTHON]
                                  [--repeats 5] [--json FILE]

Forward, and training (forward and backward, no update), of 112 px images. Beside ours: the same
without the compiled operator, plain Gluon, the sum of MXNet's convolutions alone, PyTorch in
channels-last and onnxruntime (forward). The last two where the interpreter that --torch-python
names has them. Each runs in a process of its own with the same number of threads, and they take
turns: the ratio is the median over the rounds, and so is not what the medians give.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Iterator, Sequence

from comparison import Comparison, finish, rates
from timing import flags, order, positive
from turns import Absent, Worker
from unequal.support.environment import usable_cores

HERE = Path(__file__).resolve().parent
KINDS = ("forward", "training")
OURS = "ours"
FORMS = {
    OURS: ("network_worker.py", "ours", {}),
    "MXNet's operators": ("network_worker.py", "ours", {"UNEQUAL_COMPILED": "0"}),
    "plain Gluon": ("network_worker.py", "plain", {"UNEQUAL_COMPILED": "0"}),
    "MXNet's convolutions": ("network_worker.py", "convolutions", {"UNEQUAL_COMPILED": "0"}),
    "PyTorch": ("torch_worker.py", "PyTorch", {}),
    "onnxruntime": ("torch_worker.py", "onnxruntime", {}),
}
FORWARD_ONLY = ("onnxruntime",)


def start(form: str, network: str, kind: str, batch: int, torch_python: str) -> Worker:
    """Start the process of one form, ready for its first turn."""
    program, name, environ = FORMS[form]
    python = torch_python if program == "torch_worker.py" else sys.executable
    command = [
        python,
        "-W",
        "ignore",
        str(HERE / program),
        "--form",
        name,
        "--network",
        network,
        "--kind",
        kind,
        "--batch",
        str(batch),
    ]
    threads = os.environ.get("OMP_NUM_THREADS", str(usable_cores()))
    return Worker(command, {**environ, "OMP_NUM_THREADS": threads})


@contextlib.contextmanager
def started(network: str, kind: str, batch: int, torch_python: str) -> Iterator[dict[str, Worker]]:
    """All forms that can be had here; says which cannot."""
    workers: dict[str, Worker] = {}
    try:
        for form in FORMS:
            if kind == "training" and form in FORWARD_ONLY:
                continue
            try:
                workers[form] = start(form, network, kind, batch, torch_python)
            except Absent as why:
                print(f"{network} {kind}: without {form} ({why})", flush=True)
        yield workers
    finally:
        for worker in workers.values():
            worker.close()


def measure(
    network: str, kind: str, batch: int, repeats: int, torch_python: str
) -> list[Comparison]:
    """Return a row for each form beside ours."""
    with started(network, kind, batch, torch_python) as workers:
        if OURS not in workers:
            sys.exit(f"networks: {network} does not run")
        if not workers[OURS].facts["compiled"]:
            print(f"{network} {kind}: the compiled operator is not there", flush=True)
        facts = [worker.facts for worker in workers.values()]
        sizes = {one["parameters"] for one in facts if "parameters" in one}
        if len(sizes) > 1:
            sys.exit(f"networks: {network} has {sizes} parameters, not the same in all forms")
        found: dict[str, list[dict]] = {form: [] for form in workers}
        for turn in range(repeats):
            for form in order(list(workers), turn):
                found[form].append(workers[form].turn())
    speeds = {
        form: rates((one["seconds"] for one in turns), batch) for form, turns in found.items()
    }
    peaks = {form: turns[-1]["peak"] for form, turns in found.items()}
    return [
        Comparison(
            f"{network} {kind}, batch {batch}",
            "images/s",
            form,
            speeds[OURS],
            speeds[form],
            True,
            peaks[OURS],
            peaks[form],
        )
        for form in found
        if form != OURS
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("speed and memory of the networks")
    parser.add_argument("--networks", default="y1,r18,r50")
    parser.add_argument("--batch", type=positive, default=16)
    parser.add_argument(
        "--torch-python",
        default=sys.executable,
        help="interpreter with torch and onnxruntime (default: this one)",
    )
    options = parser.parse_args(argv)
    rows = []
    for network in options.networks.split(","):
        for kind in KINDS:
            rows += measure(network, kind, options.batch, options.repeats, options.torch_python)
            print(f"{network} {kind} is measured", file=sys.stderr, flush=True)
    finish(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
