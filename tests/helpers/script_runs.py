"""Running the scripts as a user does, on tiny sets."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from record_fixtures import encode, face, write_face_set
from unequal.commands import main

STEPS = {
    "train_softmax.py": "softmax",
    "train_NR_savemodel.py": "savemodel",
    "train_NR.py": "noise_resistance",
    "train_debug_soft_gs.py": "unequal",
}
REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = [
    "--network",
    "r18",
    "--width",
    "0.125",
    "--emb-size",
    "16",
    "--loss-type",
    "4",
    "--margin-m",
    "0.5",
    "--seed",
    "1",
]


def run_script(
    script: str, *flags: object, folder: Path, timeout: int = 240, **environment: str
) -> subprocess.CompletedProcess:
    """Run a script of the repository in ``folder`` on the CPU; stdout and stderr in one text."""
    return subprocess.run(
        [sys.executable, "-u", str(REPOSITORY / script), *map(str, flags)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment},
    )


class Stop(NamedTuple):
    """A signal that a run gets when it has printed `count` lines in which `line` is found."""

    line: str
    number: int
    count: int = 1


class _Log(io.StringIO):
    """What a run prints; raises the signal of `stop`."""

    def __init__(self, stop: Stop | None) -> None:
        super().__init__()
        self.stop, self.left = stop, stop.count if stop else 0

    def write(self, text: str) -> int:
        if self.stop and self.left and re.search(self.stop.line, text):
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), self.stop.number)
        return super().write(text)


def run_here(
    script: str, *flags: object, folder: Path, stop: Stop | None = None
) -> subprocess.CompletedProcess:
    """As run_script, but in this process, which saves the seconds that MXNet takes to load."""
    log, root = _Log(stop), logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []  # so that the script's own handler writes to our stderr
    with contextlib.ExitStack() as undo:
        undo.callback(os.chdir, os.getcwd())
        undo.callback(lambda: (setattr(root, "handlers", handlers), root.setLevel(level)))
        undo.enter_context(mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES=""))
        undo.enter_context(contextlib.redirect_stdout(log))
        undo.enter_context(contextlib.redirect_stderr(log))
        os.chdir(folder)
        try:
            status = main(STEPS[script], list(map(str, flags)))
        except SystemExit as end:  # argparse refuses a flag
            status = int(end.code or 0)
    assert stop is None or not log.left, f"no such line in {log.getvalue()}"
    return subprocess.CompletedProcess([script], status, log.getvalue())


def write_bin(path: Path, pairs: int = 20, size: int = 16, protocol: int = 2) -> None:
    """A verification bin of made-up faces that no training set has."""
    images, same = [], []
    for pair in range(pairs):
        match = pair % 2 == 0
        for side in (0, 1):
            identity = 500 + (pair if match else pair + 100 * side)
            images.append(encode(face(identity, side, size, seed=5)))
        same.append(match)
    path.write_bytes(pickle.dumps((images, same), protocol=protocol))


def write_sets(folder: Path, head=(16,) * 6, tail=(3, 3, 4, 3, 2, 3, 3, 1), size: int = 16) -> None:
    """head/ with lfw.bin and agedb_30.bin (cfp_fp.bin is missing), and tail/ in ``folder``."""
    write_face_set(folder / "head", head, size=size)
    write_face_set(folder / "tail", tail, size=size, seed=2)
    write_bin(folder / "head" / "lfw.bin", size=size)
    write_bin(folder / "head" / "agedb_30.bin", pairs=12, size=size, protocol=3)
