"""Runs a script or tool as a user would, its output in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from unequal.support.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]


def run_stage(script: str, flags: Sequence[str], log: Path) -> None:
    """Run ``script``, a file of the repository or '-m MODULE', on the CPU; output in ``log``.

    Raises InputError when it fails.
    """
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run(
            [sys.executable, "-u", *script.split(), *flags],
            cwd=REPOSITORY,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )
    if done.returncode != 0:
        last = log.read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise InputError(
            f"{script} ended with status {done.returncode}: {''.join(last)} (whole log: {log})"
        )
