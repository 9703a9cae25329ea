"""Run a script or a tool as a user would, its output in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from unequal.support.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]


def run_script(script: str, flags: Sequence[str], log: Path) -> None:
    """Run a script on the CPU.

    Args:
        script: a file of the repository, or '-m MODULE'.
        flags: its flags.
        log: the file for its output.

    Raises:
        InputError: it has failed.
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
