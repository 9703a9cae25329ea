"""Do the data tools run in constant memory, and as fast as the disk?

    python benchmarks/speed/tools.py [--records 100000 1000000] [--large 100000] [--work DIR]

Makes a list of tiny images (8x8 pixels; a thousand files, each listed many times over) and lets
make, inspect_set, split and denoise work on sets of each size, then on one of --large images of
112x112 pixels. Each tool is a process of its own; its peak is the resident memory of it and its
children together, looked at twenty times a second. `copy` is train.rec copied and brought to disk,
`start` a tool asked for its --help. split and denoise write everything that they read.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator

import cv2
import numpy as np

from turns import watched

FILES = 1000
IMAGES = (2, 3, 20)  # of the identities in turn
MEGABYTE = 1e6
HEAD = ("tool", "records", "bytes each", "seconds", "records/s", "MB/s", "x copy", "peak MB")
LINE = "{:<12} {:>8} {:>10} {:>8} {:>10} {:>6} {:>7} {:>8}"
DIGITS = (0, 2, 0, 0, 1, 0)  # of what stands right of the records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--large", type=int, default=100_000, help="images of 112 pixels (0: none)")
    parser.add_argument("--work", help="folder for the sets (default: a temporary one)")
    parser.add_argument("--json", help="file for the numbers")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        print(LINE.format(*HEAD), flush=True)
        for size, counts in ((8, options.records), (112, [options.large] if options.large else [])):
            files = write_files(Path(work) / f"files{size}", size)
            for count in counts:
                for row in measure(Path(work), files, count, size):
                    rows.append(dict(zip(HEAD, row)))
                    numbers = (f"{number:.{i}f}" for number, i in zip(row[2:], DIGITS))
                    print(LINE.format(*row[:2], *numbers), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")


def measure(work: Path, files: list[str], count: int, size: int) -> Iterator[tuple]:
    """A row, as HEAD names it, for each tool on a set of `count` images of `size` pixels."""
    images, noise, records = work / "train.lst", work / "0_noiselist.txt", work / "set/train.rec"
    write_lists(images, noise, files, count)
    data = ["--data-dir", str(work / "set")]

    def output(name: str) -> list[str]:
        return ["--output", str(work / name)]

    of_images = ["--list", str(images), "--root", str(work), "--size", f"{size},{size}"]
    commands = {
        "start": ["make", "--help"],
        "make": ["make", *of_images, *output("set")],
        "copy": [],
        "inspect_set": ["inspect_set", *data],
        "split": ["split", *data, *output("split")],
        "denoise": ["denoise", *data, "--noise-list", str(noise), *output("denoised")],
    }
    copied = 0.0
    for tool, command in commands.items():
        os.sync()
        if tool == "copy":
            seconds = copied = copy(records)
            peak = 0.0
        else:
            seconds, peak = run(
                [sys.executable, "-m", f"recordio_tools.{command[0]}", *command[1:]]
            )
        total = records.stat().st_size if tool != "start" else 0
        speeds = count / seconds, total / seconds / MEGABYTE
        times_copy = seconds / copied if copied else 0.0
        yield (tool, count, total / count, seconds, *speeds, times_copy, peak / MEGABYTE)
    for folder in ("set", "split", "denoised"):
        shutil.rmtree(work / folder)


def run(command: list[str]) -> tuple[float, float]:
    """Seconds until a command has ended, and the most bytes that it and its children held."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def held() -> int:
        return sum(map(resident, [process.pid, *children(process.pid)]))

    with watched(held, every=0.05) as most:
        _, said = process.communicate()
        seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {said.decode()}")
    return seconds, most[0]


def resident(process: int) -> int:
    """Resident bytes of a process; 0 when it has ended."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def children(process: int) -> list[int]:
    """Return the children of a process, theirs included."""
    try:
        found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [one for child in map(int, found) for one in (child, *children(child))]


def copy(path: Path) -> float:
    """Seconds to copy a file and bring the copy to the disk."""
    start = time.perf_counter()
    with open(path, "rb") as source, open(f"{path}.copy", "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
    seconds = time.perf_counter() - start
    os.remove(f"{path}.copy")
    return seconds


def write_files(folder: Path, size: int) -> list[str]:
    """Write a thousand images; return their paths from the folder above."""
    folder.mkdir()
    random = np.random.RandomState(0)
    names = []
    for number in range(FILES):
        coarse = random.randint(0, 256, (max(2, size // 4),) * 2 + (3,)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(coarse, (size, size)))
        names.append(f"{folder.name}/{number}.jpg")
    return names


def write_lists(images: Path, noise: Path, files: list[str], count: int) -> None:
    """List `count` images of identities with few and with many images; every tenth is noise."""
    labels = (label for label in itertools.count() for _ in range(IMAGES[label % len(IMAGES)]))
    with open(images, "w", encoding="utf-8") as list_file, open(noise, "w") as noise_file:
        for image, label in zip(range(count), labels):
            list_file.write(f"1\t{files[image % FILES]}\t{label}\n")
            if image % 10 == 0:
                noise_file.write(f"{label} {image + 1} 0.004 0.001\n")


if __name__ == "__main__":
    main()
