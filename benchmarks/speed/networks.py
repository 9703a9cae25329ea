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

import os
import sys
from pathlib import Path
from typing import Iterator

from comparison import Comparison, column, rates, run
from turns import Absent, Worker, in_turns
from unequal.support.environment import usable_cores

HERE = Path(__file__).resolve().parent
FORMS = {
    "ours": ("network_worker.py", "ours", "1"),
    "MXNet's operators": ("network_worker.py", "ours", "0"),
    "plain Gluon": ("network_worker.py", "plain", "0"),
    "MXNet's convolutions": ("network_worker.py", "convolutions", "0"),
    "PyTorch": ("torch_worker.py", "PyTorch", "0"),
    "onnxruntime": ("torch_worker.py", "onnxruntime", "0"),
}


def start(network: str, kind: str, batch: int, torch_python: str) -> dict[str, Worker]:
    """Start all forms that can be had here, ready for their first turn; say which cannot."""
    threads = os.environ.get("OMP_NUM_THREADS", str(usable_cores()))
    workers = {}
    for form, (program, name, compiled) in FORMS.items():
        if form == "onnxruntime" and kind == "training":
            continue
        try:
            workers[form] = Worker(
                str(HERE / program),
                *(name, network, kind, batch),
                python=torch_python if program == "torch_worker.py" else sys.executable,
                environ={"UNEQUAL_COMPILED": compiled, "OMP_NUM_THREADS": threads},
            )
        except Absent as why:
            if form == "ours":
                sys.exit(f"networks: {network} does not run ({why})")
            print(f"{network} {kind}: without {form} ({why})", flush=True)
    return workers


def compare(
    network: str, kind: str, batch: int, repeats: int, torch_python: str
) -> Iterator[Comparison]:
    """A row for each form beside ours."""
    workers = start(network, kind, batch, torch_python)
    if not workers["ours"].facts["compiled"]:
        print(f"{network} {kind}: the compiled operator is not there", flush=True)
    sizes = {worker.facts.get("parameters") for worker in workers.values()} - {None}
    if len(sizes) > 1:
        sys.exit(f"networks: {network} has {sizes} parameters, not the same in all forms")
    found = in_turns({form: worker.turn for form, worker in workers.items()}, repeats)
    for worker in workers.values():
        worker.close()
    speeds = {form: rates(times, batch) for form, times in column(found, "seconds").items()}
    peaks = {form: held[-1] for form, held in column(found, "peak").items()}
    ours, our_peak = speeds.pop("ours"), peaks["ours"]
    for form, speed in speeds.items():
        what = f"{network} {kind}, batch {batch}"
        yield Comparison(what, "images/s", form, ours, speed, our_peak, peaks[form])
    print(f"{network} {kind} is measured", file=sys.stderr, flush=True)


def measure(
    networks: str = "y1,r18,r50",
    batch: int = 16,
    torch_python: str = sys.executable,
    repeats: int = 5,
) -> Iterator[Comparison]:
    """The rows of all networks."""
    for network in networks.split(","):
        for kind in ("forward", "training"):
            yield from compare(network, kind, batch, repeats, torch_python)


if __name__ == "__main__":
    run(measure)
