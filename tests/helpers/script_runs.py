"""Running the scripts as a user does, on tiny sets."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

from record_fixtures import encode, face, write_face_set

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
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", **environment},
    )


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
