"""SIGINT and SIGTERM end a run after the current batch, with a checkpoint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import mxnet as mx
import pytest
from script_runs import REPOSITORY, SMALL, write_sets


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_checkpoint(number, tmp_path):
    write_sets(tmp_path)
    command = [sys.executable, "-u", str(REPOSITORY / "train_softmax.py"), *SMALL, "--data-dir",
               "head", "--per-batch-size", "4", "--prefix", "models/model"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Speed" in line:
            process.send_signal(number)
            break
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + number, rest
    assert "Saved checkpoint" in rest and "Traceback" not in rest
    _, args, _ = mx.model.load_checkpoint(str(tmp_path / "models" / "model"), 0)
    assert args["fc7_weight"].shape == (6, 16)
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == [
        "model-0000.params", "model-symbol.json"]
