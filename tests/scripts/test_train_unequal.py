"""train_unequal.py: its stages, what it keeps of them, and resuming after whatever ended it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from record_fixtures import write_face_set
from script_runs import REPOSITORY, run_script, write_sets
from unequal.commands import main_of_recipe

pytestmark = pytest.mark.slow

FLAGS = [
    *"--head head --tail tail --identify people --distractors tail".split(),
    *"--network r18 --width 0.125 --emb-size 16 --per-batch-size 8 --test-every 4".split(),
    *"--batch-size1 6 --batchsize_id 6 --batch-size2 15 --bag-size 15 --patience 2".split(),
    *"--noise-threshold 0.95 --label-below 0 --interweights 1,5".split(),
    "--step1=--end-epoch 3",
    "--step2.2=--end-epoch 2",
    "--step3.2=--end-epoch 1 --verbose 3",
]
ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("recipe")
    write_sets(found, head=(10,) * 6)
    write_face_set(found / "people", (4,) * 5, size=16, seed=77)
    return found


@pytest.fixture(scope="module")
def undisturbed(folder):
    """A whole run in folder/one: its lines."""
    done = run_script("train_unequal.py", *FLAGS, "--output", "one", folder=folder)
    assert done.returncode == 0, done.stdout
    return done.stdout


def record(folder):
    return json.loads((folder / "recipe.json").read_text())


def numbers(folder):
    """What a run came to: every model, and every figure that does not tell the time."""
    models = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.params"))
    }
    stages = [
        {
            name: value
            for name, value in stage.items()
            if name not in ("seconds", "command", "checkpoint")
        }
        for stage in record(folder)["stages"]
    ]
    text = (folder / "evaluation.json").read_text().replace(folder.name, "OUTPUT")
    return models, stages, json.loads(text)


def table(text, output):
    return text[text.index("\nstage ") :].replace(output, "OUTPUT")


def ended(folder, output, line, by):
    """Start the recipe, send it a signal at a line; return its status and what it printed."""
    command = [sys.executable, "-u", str(REPOSITORY / "train_unequal.py"), *FLAGS]
    process = subprocess.Popen(
        [*command, "--output", output],
        cwd=folder,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = []
    for text in process.stdout:
        seen.append(text)
        if re.search(line, text):
            process.send_signal(by)
            break
    seen.append(process.communicate(timeout=120)[0])
    return process.returncode, "".join(seen)


@pytest.fixture
def run_here(folder, monkeypatch, capfd):
    """Run the recipe on FLAGS and others in this process: status and lines."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def run(*flags):
        status = main_of_recipe([*FLAGS, *flags])
        return status, "".join(capfd.readouterr())

    return run


def test_stages_run_in_order_and_leave_what_the_readme_says(folder, undisturbed):
    facts = record(folder / "one")
    assert [stage["name"] for stage in facts["stages"]] == [
        "1-softmax",
        "2.1-savemodel",
        "2.2-noise_resistance",
        "3.1-denoise",
        "1-softmax-again",
        "3.2-unequal-1",
        "3.2-unequal-5",
        "evaluation",
    ]
    assert {stage["status"] for stage in facts["stages"]} <= {"done", "skipped"}
    assert facts["finished"] and facts["versions"]["mxnet"] == "1.9.1"
    for name in ("1-softmax", "2.2-noise_resistance", "1-softmax-again", "3.2-unequal-1"):
        left = {path.name for path in (folder / "one" / name).iterdir()}
        assert {"model-0000.params", "model-best-0000.params", "log.txt", "history.jsonl"} <= left
        assert any("tfevents" in name for name in left)
    assert (folder / "one" / "2.2-noise_resistance" / "0_noiselist.txt").exists()
    assert (folder / "one" / "final" / "model-0000.params").exists()
    assert undisturbed.rstrip().endswith("report: one/report.html")
    assert (folder / "one" / "report.html").stat().st_size > 10000


def test_the_best_model_of_a_stage_is_that_of_its_history(folder, undisturbed):
    for stage in record(folder / "one")["stages"]:
        if not stage.get("best"):
            continue
        lines = (folder / "one" / stage["folder"] / "history.jsonl").read_text().splitlines()
        tests = [line for line in map(json.loads, lines) if line["kind"] == "test"]
        # the test after the first step is of the model that the stage begins with
        means = {line["step"]: line["mean"] for line in tests if line["step"] > 1}
        assert stage["best"]["mean"] == max(means.values())
        assert means[stage["best"]["step"]] == max(means.values())


def test_the_final_model_is_the_best_of_all_and_tests_as_it_did_in_training(folder, undisturbed):
    facts = record(folder / "one")
    best = {stage["name"]: stage["best"]["mean"] for stage in facts["stages"] if stage.get("best")}
    final = facts["final"]["stage"]
    evaluation = json.loads((folder / "one" / "evaluation.json").read_text())
    rank1 = {row["stage"]: row["rank1"] for row in evaluation["identification"]}
    assert set(rank1) == set(best) and rank1[final] == max(rank1.values())
    assert {row["searches"] for row in evaluation["identification"]} == {20}
    source = next(stage for stage in facts["stages"] if stage["name"] == final)["checkpoint"]
    copied = (folder / "one" / "final" / "model-0000.params").read_bytes()
    assert copied == (folder / (source[:-2] + "-0000.params")).read_bytes()
    rows = evaluation["rows"]
    for name, mean in best.items():
        found = [row["accuracy"] for row in rows if row["stage"] == name]
        assert len(found) == 2 and sum(found) / 2 == pytest.approx(mean, abs=1e-12)


def test_every_stage_equals_its_command(folder, undisturbed):
    """The commands that are printed and kept give the same models, each in its own process."""
    facts = record(folder / "one")
    for stage in facts["stages"]:
        if not stage["command"]:
            continue
        assert stage["command"] in undisturbed
        (folder / "two" / stage["folder"]).mkdir(parents=True, exist_ok=True)
        line = stage["command"].replace("one/", "two/").replace("python -m", f"{sys.executable} -m")
        line = line.replace("python train", f"{sys.executable} {REPOSITORY}/train")
        done = subprocess.run(
            line,
            shell=True,
            cwd=folder,
            capture_output=True,
            text=True,
            env={**ENVIRONMENT, "PYTHONPATH": str(REPOSITORY)},
        )
        assert done.returncode == 0, done.stderr
    left_out = [
        (folder / name / "head_denoised" / "removed.txt").read_text() for name in ("one", "two")
    ]
    assert left_out[0] and left_out[0] == left_out[1]
    models = numbers(folder / "one")[0]
    for name, model in models.items():
        if not name.startswith("final"):
            assert (folder / "two" / name).read_bytes() == model, name


def test_killed_and_interrupted_it_comes_to_the_same_end(folder, undisturbed):
    """SIGKILL within steps 1 and 3.2, and SIGINT where step 2.2 begins."""
    status, _ = ended(folder, "three", r"^\[4\]Accuracy-Highest", signal.SIGKILL)
    assert status == -signal.SIGKILL
    status, text = ended(folder, "three", "^== 2.2-noise_resistance", signal.SIGINT)
    assert status == 130 and "start it again to resume three" in text
    status, _ = ended(folder, "three", r"^\[3\]Accuracy-Highest", signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert record(folder / "three")["finished"] is None
    assert (folder / "three" / "report.html").exists()
    done = run_script("train_unequal.py", *FLAGS, "--output", "three", folder=folder)
    assert done.returncode == 0, done.stdout
    assert numbers(folder / "three") == numbers(folder / "one")
    assert table(done.stdout, "three") == table(undisturbed, "one")


def test_a_finished_run_does_nothing_and_says_the_same(folder, undisturbed, run_here):
    before = {path: path.stat().st_mtime_ns for path in (folder / "one").rglob("*.params")}
    status, text = run_here("--output", "one")
    assert status == 0 and table(text, "one") == table(undisturbed, "one")
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    "flags,what",
    [
        (["--output", "one", "--seed", "3"], "--seed 0, not 3; .* --fresh"),
        (["--output", "six", "--target", "nothing"], "--target nothing"),
        (["--output", "six", "--step3.2", "--lr nan"], "--lr nan"),
        (["--output", "six", "--tail", "nowhere"], "nowhere"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_flag(folder, undisturbed, run_here, flags, what):
    before = numbers(folder / "one")
    status, text = run_here(*flags)
    assert status == 2 and re.search(what, text.strip().splitlines()[-1])
    assert numbers(folder / "one") == before
