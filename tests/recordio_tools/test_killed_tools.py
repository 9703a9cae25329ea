"""SIGKILL in the middle of a tool's work leaves the old output or none, and the next run works."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Iterator

import cv2
import numpy as np
import pytest

from unequal.faces.set_writer import write_face_set

pytestmark = pytest.mark.slow

IMAGES, PER_IDENTITY = 20_000, 20


def noise_image(seed: int, size: int) -> bytes:
    """A PNG of one colour per identity."""
    image = np.full((size, size, 3), seed % 251, np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A set of 20,000 images, photos, a list, a noise list and a pair list, for all tools."""
    folder = tmp_path_factory.mktemp("killed")
    images = [noise_image(i, 16) for i in range(IMAGES // PER_IDENTITY)]
    write_face_set(
        folder / "set",
        ((i // PER_IDENTITY, images[i // PER_IDENTITY], "") for i in range(IMAGES)),
        (16, 16),
    )
    (folder / "noise.txt").write_text(
        "".join(f"{i // PER_IDENTITY} {i + 1} 0.1 0.01\n" for i in range(0, IMAGES, 3))
    )
    for person in ("Ann", "Bob"):
        (folder / "photos" / person).mkdir(parents=True)
        (folder / "photos" / person / "1.png").write_bytes(noise_image(ord(person[0]), 16))
    with (folder / "list.lst").open("w") as file:
        for i in range(IMAGES):
            file.write(f"1\t{'Bob' if i >= IMAGES // 2 else 'Ann'}/1.png\t{2 * i // IMAGES}\n")
    (folder / "head.txt").write_text("".join(f"{label}\n" for label in range(400)))
    with (folder / "pairs.csv").open("w") as file:
        file.writelines(f"Ann/1.png,Bob/1.png,{i % 2}\n" for i in range(IMAGES // 4))
    return folder


def command(work: Path, tool: str, output: Path) -> list[str]:
    data, photos = str(work / "set"), str(work / "photos")
    flags = {
        "make": ["--list", str(work / "list.lst"), "--root", photos, "--processes", "1"],
        "split": ["--data-dir", data, "--identities", str(work / "head.txt")],
        "denoise": ["--data-dir", data, "--noise-list", str(work / "noise.txt")],
        "pack_pairs": ["--pairs", str(work / "pairs.csv"), "--images", photos],
        "contact_sheet": ["--data-dir", data, "--identities", str(work / "head.txt")],
    }[tool]
    flags += ["--limit", str(IMAGES)] if tool == "contact_sheet" else []
    return [sys.executable, "-m", f"recordio_tools.{tool}", *flags, "--output", str(output)]


def content(path: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes of the files below a folder, hidden ones too, or of a file."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        with suppress(FileNotFoundError):  # renamed meanwhile
            if file.is_file():
                yield str(file.relative_to(path)), file.stat().st_size


def kill_in_the_middle(run: list[str], output: Path) -> bool:
    """Start a tool and kill it when it has begun to write; False when it was quicker than that."""
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        begun = [entry for entry in output.parent.iterdir() if entry != output]
        if any(size for entry in begun for _, size in content(entry)):
            process.send_signal(signal.SIGSTOP)  # is it still at it?
            begun = [entry for entry in begun if entry.exists()]
            process.send_signal(signal.SIGKILL if begun else signal.SIGCONT)
        time.sleep(0.001)
    return process.wait() == -signal.SIGKILL


def run_here(command: list[str]) -> None:
    """Run the tool of a command line in this process."""
    assert importlib.import_module(command[2]).main(command[3:]) == 0


# one tool of each way of writing; the others make their folder as these do
@pytest.mark.parametrize("tool", ["make", "split", "pack_pairs", "contact_sheet"])
def test_the_output_is_absent_after_a_kill_and_whole_after_the_next_run(work, tmp_path, tool):
    output = tmp_path / "here" / "made"
    output.parent.mkdir()
    run = command(work, tool, output)
    assert kill_in_the_middle(run, output)
    assert not output.exists()
    run_here(run)
    undisturbed = tmp_path / "undisturbed"
    run_here([*run[:-1], str(undisturbed)])
    assert list(content(output)) == list(content(undisturbed))
    assert [name for name in os.listdir(output.parent) if not name.endswith(".tmp")] == ["made"]


@pytest.mark.parametrize("tool", ["denoise", "make"])
def test_an_older_set_outlives_a_kill(work, tmp_path, tool):
    output = tmp_path / "here" / "made"
    write_face_set(output, [(0, b"old", "")], (16, 16))
    before = list(content(output))
    run = [*command(work, tool, output), "--overwrite"]
    assert kill_in_the_middle(run, output)
    assert list(content(output)) == before
    run_here(run)
    assert list(content(output)) != before
    assert os.listdir(output.parent) == ["made"]
