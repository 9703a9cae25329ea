"""--resume: a run that was ended, killed even, and goes on, is the run that nothing disturbed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from script_runs import REPOSITORY, SMALL, Stop, run_here, write_sets
from unequal.training.run_state import read_state

HEAD = """--data-dir head --per-batch-size 5 --verbose 4 --end-epoch 2 --lr-steps 9,15
    --ckpt 2""".split()
TAIL = """--data-dir head --data-dir-interclass tail --batch-size1 6 --batchsize_id 6
    --batch-size2 5 --bag-size 15 --verbose 4 --end-epoch 2 --ckpt 2 --lr-steps 9""".split()
RUNS = {
    "train_softmax.py": HEAD,
    "train_NR.py": [*HEAD, "--noise-threshold", 0.2, "--pretrained", "start/model,0"],
    "train_debug_soft_gs.py": TAIL,
}


@pytest.fixture
def folder(tmp_path):
    write_sets(tmp_path, head=(10,) * 6)
    return tmp_path


def flags(script, prefix, *more):
    return [*SMALL, *RUNS[script], "--prefix", f"{prefix}/model", "--log-dir", prefix, *more]


def run(script, folder, *words):
    done = run_here(script, *words, folder=folder)
    assert done.returncode == 0, done.stdout
    return done.stdout


def stopped(line, number, script, folder, *words, count=1):
    """Run, and send a signal at the ``count``-th line that matches."""
    done = run_here(script, *words, folder=folder, stop=Stop(line, number, count))
    assert done.returncode == 128 + number, done.stdout


def killed(line, script, folder, *words):
    """Run in another process, and kill that at the first line that matches."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(
        [sys.executable, "-u", str(REPOSITORY / script), *map(str, words)],
        cwd=folder,
        stdout=subprocess.PIPE,
        env=environment,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert any(re.search(line, text) for text in process.stdout)
    process.kill()
    process.communicate(timeout=120)
    assert process.returncode == -9


def left_behind(folder):
    """What a run leaves, but for times: its models, and the history."""
    models = {path.name: path.read_bytes() for path in folder.glob("*.params")}
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for line in history:
        del line["seconds"]
        line.pop("speed", None)
    return models, history


def lines(text):
    """The lines of a log that do not depend on the time it took."""
    return [
        line
        for line in text.splitlines()
        if re.search(r"Accuracy|XNorm|Train-|lr-batch|lr change", line)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("script", RUNS)
def test_ended_runs_end_as_if_nothing_had_happened(script, folder):
    """A run that was killed, and one that got SIGTERM in a test or between two epochs."""
    if script == "train_NR.py":
        words = [*SMALL, *HEAD, "--max-steps", 3, "--prefix", "start/model"]
        run("train_NR_savemodel.py", folder, *words)
    undisturbed = run(script, folder, *flags(script, "one"))
    models, history = left_behind(folder / "one")
    assert len(models) > 3 and len(history) > 5
    killed(r"\[8\]Accuracy-Highest|^saving 2", script, folder, *flags(script, "two"))
    if script == "train_debug_soft_gs.py":
        stopped("Epoch.0. Time cost", signal.SIGTERM, script, folder, *flags(script, "three"))
    else:
        line = "testing verification"
        stopped(line, signal.SIGTERM, script, folder, *flags(script, "three"), count=2)
    for prefix in ("two", "three"):
        resumed = run(script, folder, *flags(script, prefix, "--resume"))
        assert "--resume: going on after step" in resumed
        assert left_behind(folder / prefix) == (models, history)
        tail = lines(resumed)
        assert tail and tail == lines(undisturbed)[-len(tail) :]


@pytest.mark.slow
def test_a_signal_while_more_bags_are_mined_changes_nothing(folder):
    script, longer = (
        "train_debug_soft_gs.py",
        ["--end-epoch", 11, "--verbose", 200, "--target", "lfw", "--bag-size", 6],
    )
    run(script, folder, *flags(script, "one", *longer))
    stopped("^eval ", signal.SIGINT, script, folder, *flags(script, "two", *longer), count=104)
    text = run(script, folder, *flags(script, "two", "--resume", *longer))
    assert "going on after step 100, in epoch 10" in text
    assert left_behind(folder / "two") == left_behind(folder / "one")


@pytest.mark.slow
def test_a_run_that_is_over_is_not_done_again_but_goes_on_when_more_is_asked_for(folder):
    script, patient = "train_softmax.py", ["--patience", 9, "--verbose", 5]
    run(script, folder, *flags(script, "one", *patient, "--end-epoch", 3))
    run(script, folder, *flags(script, "two", *patient))
    before = left_behind(folder / "two")
    again = run(script, folder, *flags(script, "two", *patient, "--resume"))
    assert "ended by epochs after 24 steps; nothing is left to do" in again
    assert left_behind(folder / "two") == before
    run(script, folder, *flags(script, "two", *patient, "--resume", "--end-epoch", 3))
    (one, lines_of_one), (two, lines_of_two) = map(left_behind, (folder / "one", folder / "two"))
    assert "model-best-0000.params" in one and one == two
    # a run that ends without a test in its last step makes one: that of step 24
    assert [
        line for line in lines_of_two if (line["kind"], line["step"]) != ("test", 24)
    ] == lines_of_one


def test_the_test_at_the_end_lowers_no_rate_of_a_longer_run(folder):
    words = ["--lr", 1e-30, "--bn-mom", 1, "--lr-steps", 99]  # so that no test is a better one
    words += ["--patience", 1, "--lr-drops", 1, "--verbose", 2, "--max-steps", 2]
    text = run("train_softmax.py", folder, *flags("train_softmax.py", "one", *words))
    assert "lr change to" in text
    facts = read_state(str(folder / "one" / "model.state")).facts
    assert facts["rate"] == 1e-30 and facts["ascent"]["dropped"] == 0


def test_the_model_of_savemodel_stays_that_of_its_first_step(folder):
    script = "train_NR_savemodel.py"
    words = [*SMALL, "--data-dir", "head", "--per-batch-size", 5, "--max-steps", 4]
    run(script, folder, *words, "--prefix", "one/model_t")
    stopped("Saved checkpoint", signal.SIGTERM, script, folder, *words, "--prefix", "two/model_t")
    assert "going on" in run(script, folder, *words, "--prefix", "two/model_t", "--resume")
    one, two = ((folder / name / "model_t-0000.params").read_bytes() for name in ("one", "two"))
    assert one == two


def test_without_a_state_a_run_begins_and_says_so(folder):
    text = run(
        "train_softmax.py", folder, *flags("train_softmax.py", "one", "--resume", "--max-steps", 1)
    )
    assert "there is no one/model.state; starting at the beginning" in text


@pytest.mark.slow
def test_a_run_without_a_seed_goes_on_with_its_own(folder):
    words = [word for word in flags("train_softmax.py", "one") if word not in ("--seed", "1")]
    stopped(r"\[8\]Accuracy-H", signal.SIGTERM, "train_softmax.py", folder, *words)
    assert "going on after step" in run("train_softmax.py", folder, *words, "--resume")


def test_another_run_does_not_go_on_from_it(folder):
    script = "train_softmax.py"
    run(script, folder, *flags(script, "one", "--max-steps", 2))
    before = left_behind(folder / "one")
    for words, what in (
        (["--per-batch-size", 6], "--per-batch-size 5, not 6"),
        (["--seed", 3], "--seed 1, not 3"),
    ):
        done = run_here(script, *flags(script, "one", "--resume", *words), folder=folder)
        assert done.returncode == 2 and what in done.stdout.splitlines()[-1]
    step_3_2 = flags("train_debug_soft_gs.py", "one", "--resume", "--lr", 0.1, "--lr-steps", "9,15")
    done = run_here("train_debug_soft_gs.py", *step_3_2, folder=folder)
    assert done.returncode == 2 and "of a run with images a step: 5, not 6" in done.stdout
    (folder / "one" / "model.state").write_bytes(b"PK\x03\x04 cut short")
    done = run_here(script, *flags(script, "one", "--resume"), folder=folder)
    assert done.returncode == 2 and "one/model.state: is not the state" in done.stdout
    assert left_behind(folder / "one") == before


def test_save_state_0_writes_none(folder):
    run(
        "train_softmax.py",
        folder,
        *flags("train_softmax.py", "one", "--max-steps", 2, "--save-state", 0),
    )
    assert not (folder / "one" / "model.state").exists()
