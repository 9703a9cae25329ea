"""--mining-overlap as a user runs it: the same log and one line more, and a Ctrl-C that ends it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import mxnet as mx
import pytest

from script_runs import REPOSITORY, SMALL, run_here, write_sets

pytestmark = pytest.mark.slow

ANNOUNCED = "mining the bags of the next epoch meanwhile"
FLAGS = [
    *SMALL,
    *"""--data-dir head --data-dir-interclass tail --batch-size1 6 --batchsize_id 6 --bag-size 6
    --batch-size2 6 --lr 0.01 --interweight 5 --verbose 150 --target lfw""".split(),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sets whose head lasts for more than the 100 batches of a round of bags."""
    made = tmp_path_factory.mktemp("overlap")
    write_sets(made, head=(110,) * 6)
    return made


def timeless(text):
    """The log's lines without what depends on the clock, the flags and the objects' addresses."""
    lines = [
        re.sub(r"Speed: \S+|Time cost=\S+|infer time \S+|0x[0-9a-f]+", "", line)
        for line in text.splitlines()
        if not line.startswith("Called with")
    ]
    return [re.sub(r"models\w*/", "models/", line) for line in lines]


def test_the_log_is_the_same_but_for_the_line_and_the_numbers_of_later_epochs(folder):
    logs = []
    for name, flags in (("models", []), ("models2", ["--mining-overlap"])):
        words = [*FLAGS, *flags, "--end-epoch", 2, "--max-steps", 101, "--prefix", f"{name}/m"]
        done = run_here("train_debug_soft_gs.py", *words, folder=folder)
        assert done.returncode == 0, done.stdout
        logs.append(timeless(done.stdout))
    plain, ahead = logs
    assert ANNOUNCED not in plain and ahead.count(ANNOUNCED) == 1, "none in the last epoch"
    assert ahead.index(ANNOUNCED) < ahead.index("lr-batch-epoch: 0.01 0 0")
    ahead.remove(ANNOUNCED)
    end = plain.index("INFO:root:Epoch[0] ")
    assert plain[:end] == ahead[:end]
    wordless = [[re.sub(r"-?\d+\.\d+(e-\d+)?", "", line) for line in log] for log in logs]
    assert wordless[0] == wordless[1]
    assert sum(line.startswith("eval ") for line in ahead[end:]) == 100


def test_ctrl_c_while_the_thread_mines_keeps_the_model(folder):
    words = [
        sys.executable,
        "-u",
        str(REPOSITORY / "train_debug_soft_gs.py"),
        *map(str, FLAGS),
        "--mining-overlap",
        "--prefix",
        "models3/m",
    ]
    process = subprocess.Popen(
        words,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.STDOUT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Epoch[0] Batch" in line:
            process.send_signal(signal.SIGINT)
            break
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in rest, rest
    assert "Saved checkpoint" in rest
    assert ANNOUNCED + "\n" in lines
    _, args, _ = mx.model.load_checkpoint(str(folder / "models3" / "m"), 0)
    assert args["fc7_weight"].shape == (6, 16)
