"""SIGINT and SIGTERM: the model is kept, and never replaced by one that was not trained."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time

import mxnet as mx
import pytest

from script_runs import REPOSITORY, SMALL, Stop, run_here, write_sets

pytestmark = pytest.mark.slow

ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}


def command(script, *flags):
    return [
        sys.executable,
        "-u",
        str(REPOSITORY / script),
        *SMALL,
        "--data-dir",
        "head",
        *map(str, flags),
    ]


def interrupted(arguments, folder, at_line, number=signal.SIGINT):
    """Run, send a signal at the first line with ``at_line``; the status and all lines."""
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if at_line in line:
            process.send_signal(number)
            break
    rest, _ = process.communicate(timeout=120)
    assert "Traceback" not in rest, rest
    return process.returncode, "".join(lines) + rest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_checkpoint(number, tmp_path):
    write_sets(tmp_path)
    status, text = interrupted(
        command("train_softmax.py", "--per-batch-size", 4, "--prefix", "models/model"),
        tmp_path,
        "Speed",
        number,
    )
    assert status == 128 + number and "Saved checkpoint" in text
    _, args, _ = mx.model.load_checkpoint(str(tmp_path / "models" / "model"), 0)
    assert args["fc7_weight"].shape == (6, 16)
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == [
        "model-0000.params",
        "model-symbol.json",
        "model.state",
    ]


def test_a_signal_in_verification_keeps_the_model(tmp_path):
    write_sets(tmp_path)
    flags = [*SMALL, *"--data-dir head --per-batch-size 4 --prefix models/model_t".split()]
    stop = Stop("testing", signal.SIGINT)
    done = run_here("train_NR_savemodel.py", *flags, folder=tmp_path, stop=stop)
    assert done.returncode == 130
    assert (tmp_path / "models" / "model_t-0000.params").exists()


def test_a_signal_in_the_noise_pass_or_in_mining_leaves_what_was_there(tmp_path):
    write_sets(tmp_path, head=(60,) * 6)
    flags = [*SMALL, *"--data-dir head --prefix models/model".split()]
    one_step = "--per-batch-size 4 --max-steps 1".split()
    run_here("train_NR_savemodel.py", *flags, *one_step, folder=tmp_path)
    model = tmp_path / "models" / "model-0000.params"
    before = model.read_bytes()
    for script, more, line in (
        ("train_NR.py", "--per-batch-size 4 --batch_size_mining 1", "start bb,ba 10 "),
        (
            "train_debug_soft_gs.py",
            "--data-dir-interclass tail --batch-size1 6 --batchsize_id 6 --batch-size2 1 "
            "--bag-size 12",
            "eval ",
        ),
    ):
        words = [*flags, "--pretrained", "models/model,0", *more.split()]
        stop = Stop(line, signal.SIGINT)
        done = run_here(script, *words, folder=tmp_path, stop=stop)
        assert done.returncode == 130, done.stdout
        assert "Saved checkpoint" not in done.stdout
        assert model.read_bytes() == before


def test_ctrl_c_that_ends_tee_as_well_keeps_the_model(tmp_path):
    """As in the README: Ctrl-C reaches the script and the `tee` behind it."""
    write_sets(tmp_path)
    words = command(
        "train_softmax.py", "--per-batch-size", 4, "--verbose", 3, "--prefix", "models/model"
    )
    line = " ".join(map(shlex.quote, words)) + " 2>&1 | tee log.txt; echo ${PIPESTATUS[0]} > status"
    shell = subprocess.Popen(
        ["bash", "-c", f"trap : INT; {line}"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    log = tmp_path / "log.txt"
    deadline = time.time() + 60
    while time.time() < deadline and not (log.exists() and "testing" in log.read_text()):
        time.sleep(0.05)
    model = tmp_path / "models" / "model-0000.params"
    age = model.stat().st_mtime_ns
    os.killpg(shell.pid, signal.SIGINT)
    shell.wait(timeout=60)
    assert (tmp_path / "status").read_text().strip() == "130"
    assert model.stat().st_mtime_ns > age
