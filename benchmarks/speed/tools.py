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
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Iterator, Sequence

import cv2
import numpy as np

from timing import keep

FILES = 1000
IMAGES_PER_IDENTITY = (2, 3, 20)
MEGABYTE = 1e6
LINE = (
    "{tool:<12} {records:>8} {bytes_each:>10.0f} {seconds:>8.2f} {rate:>10.0f} "
    "{megabytes:>6.0f} {times_copy:>7.1f} {peak:>8.0f}"
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--large", type=int, default=100_000, help="images of 112 pixels (0: none)")
    parser.add_argument("--work", help="folder for the sets (default: a temporary one)")
    parser.add_argument("--json", help="file for the numbers")
    options = parser.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        print(
            f"{'tool':<12} {'records':>8} {'bytes each':>10} {'seconds':>8} {'records/s':>10} "
            f"{'MB/s':>6} {'x copy':>7} {'peak MB':>8}",
            flush=True,
        )
        for size, counts in ((8, options.records), (112, [options.large] if options.large else [])):
            files = write_files(Path(work) / f"files{size}", size)
            for count in counts:
                for row in measure(Path(work), files, count, size):
                    rows.append(row)
                    print(LINE.format(**row), flush=True)
    keep(rows, options.json)
    return 0


def measure(work: Path, files: list[str], count: int, size: int) -> Iterator[dict]:
    """One row for each tool on a set of `count` images of `size` pixels."""
    write_list(work / "train.lst", files, count)
    write_noise(work / "0_noiselist.txt", count)
    head = str(work / "set")
    commands = {
        "start": ["make", "--help"],
        "make": [
            "make",
            "--list",
            str(work / "train.lst"),
            "--root",
            str(work),
            "--output",
            head,
            "--size",
            f"{size},{size}",
        ],
        "copy": [],
        "inspect_set": ["inspect_set", "--data-dir", head],
        "split": ["split", "--data-dir", head, "--output", str(work / "split")],
        "denoise": [
            "denoise",
            "--data-dir",
            head,
            "--noise-list",
            str(work / "0_noiselist.txt"),
            "--output",
            str(work / "denoised"),
        ],
    }
    copied = None
    for tool, command in commands.items():
        os.sync()
        if tool == "copy":
            seconds, peak = copy(work / "set" / "train.rec"), 0
        else:
            seconds, peak = run(
                [sys.executable, "-m", f"recordio_tools.{command[0]}", *command[1:]]
            )
        total = (work / "set" / "train.rec").stat().st_size if tool != "start" else 0
        copied = seconds if tool == "copy" else copied
        yield {
            "tool": tool,
            "records": count,
            "bytes_each": total / count,
            "seconds": seconds,
            "rate": count / seconds,
            "megabytes": total / seconds / MEGABYTE,
            "times_copy": seconds / copied if copied else 0,
            "peak": peak / MEGABYTE,
        }
    for folder in ("set", "split", "denoised"):
        shutil.rmtree(work / folder)


def run(command: Sequence[str]) -> tuple[float, float]:
    """Seconds until a command has ended, and the most bytes that it and its children held."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = [0]
    done = threading.Event()
    watch = threading.Thread(target=watch_memory, args=(process.pid, peak, done))
    watch.start()
    _, said = process.communicate()
    seconds = time.perf_counter() - start
    done.set()
    watch.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {said.decode()}")
    return seconds, peak[0]


def watch_memory(process: int, peak: list[int], done: threading.Event) -> None:
    """Sample the resident memory of a process and its children; return the largest sum."""
    while not done.wait(0.05):
        peak[0] = max(peak[0], sum(map(resident, [process, *children(process)])))


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
        while True:
            block = source.read(1 << 20)
            if not block:
                break
            target.write(block)
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


def write_list(path: Path, files: list[str], count: int) -> None:
    """Return a list of `count` images of identities with few and with many images."""
    with open(path, "w", encoding="utf-8") as file:
        for image, label in zip(range(count), labels(count)):
            file.write(f"1\t{files[image % FILES]}\t{label}\n")


def write_noise(path: Path, count: int) -> None:
    """Every tenth image as noise."""
    with open(path, "w", encoding="utf-8") as file:
        for image, label in zip(range(count), labels(count)):
            if image % 10 == 0:
                file.write(f"{label} {image + 1} 0.004 0.001\n")


def labels(count: int) -> Iterator[int]:
    """The label of each image."""
    label = 0
    while True:
        for _ in range(IMAGES_PER_IDENTITY[label % len(IMAGES_PER_IDENTITY)]):
            yield label
        label += 1


if __name__ == "__main__":
    sys.exit(main())
