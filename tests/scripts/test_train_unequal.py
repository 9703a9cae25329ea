"""train_unequal.py: the stages, what it keeps of them, and going on after whatever ended it."""

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

FLAGS = [
    "--identify",
    "people",
    "--distractors",
    "tail",
    "--head",
    "head",
    "--tail",
    "tail",
    "--network",
    "r18",
    "--width",
    "0.125",
    "--emb-size",
    "16",
    "--per-batch-size",
    "8",
    "--test-every",
    "4",
    "--patience",
    "2",
    "--batch-size1",
    "6",
    "--batchsize_id",
    "6",
    "--batch-size2",
    "15",
    "--bag-size",
    "15",
    "--noise-threshold",
    "0.95",
    "--label-below",
    "0",
    "--interweights",
    "1,5",
    "--stage1=--end-epoch 3",
    "--stage2b=--end-epoch 2",
    "--stage3=--end-epoch 1 --verbose 3",
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


def killed(folder, output, line):
    """Start the recipe, kill it at a line."""
    command = [
        sys.executable,
        "-u",
        str(REPOSITORY / "train_unequal.py"),
        *FLAGS,
        "--output",
        output,
    ]
    process = subprocess.Popen(
        command,
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
            process.kill()
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "".join(seen)


def test_stages_run_in_order_and_leave_what_the_readme_says(folder, undisturbed):
    facts = record(folder / "one")
    assert [stage["name"] for stage in facts["stages"]] == [
        "1-softmax",
        "2a-savemodel",
        "2b-NR",
        "denoise",
        "1-again",
        "3-interweight-1",
        "3-interweight-5",
        "evaluation",
    ]
    assert {stage["status"] for stage in facts["stages"]} <= {"done", "skipped"}
    assert facts["finished"] and facts["versions"]["mxnet"] == "1.9.1"
    for name in ("1-softmax", "2b-NR", "1-again", "3-interweight-1"):
        left = {path.name for path in (folder / "one" / name).iterdir()}
        assert {"model-0000.params", "model-best-0000.params", "log.txt", "history.jsonl"} <= left
        assert any("tfevents" in name for name in left)
    assert (folder / "one" / "2b-NR" / "0_noiselist.txt").exists()
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


def test_killed_at_three_moments_it_comes_to_the_same_end(folder, undisturbed):
    for line in (r"^\[4\]Accuracy-Highest", "^== 2b-NR", r"^\[3\]Accuracy-Highest"):
        killed(folder, "three", line)
    assert record(folder / "three")["finished"] is None
    assert (folder / "three" / "report.html").exists()
    done = run_script("train_unequal.py", *FLAGS, "--output", "three", folder=folder)
    assert done.returncode == 0, done.stdout
    assert numbers(folder / "three") == numbers(folder / "one")
    assert table(done.stdout, "three") == table(undisturbed, "one")


def test_a_signal_ends_it_and_it_goes_on(folder, undisturbed):
    command = [
        sys.executable,
        "-u",
        str(REPOSITORY / "train_unequal.py"),
        *FLAGS,
        "--output",
        "four",
    ]
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for text in process.stdout:
        if "Speed" in text:
            process.send_signal(signal.SIGINT)
            break
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "start it again to go on with four" in rest
    done = run_script("train_unequal.py", *FLAGS, "--output", "four", folder=folder)
    assert done.returncode == 0 and numbers(folder / "four") == numbers(folder / "one")


def test_a_finished_run_does_nothing_and_says_the_same(folder, undisturbed):
    before = {path: path.stat().st_mtime_ns for path in (folder / "one").rglob("*.params")}
    done = run_script("train_unequal.py", *FLAGS, "--output", "one", folder=folder)
    assert done.returncode == 0 and table(done.stdout, "one") == table(undisturbed, "one")
    assert {path: path.stat().st_mtime_ns for path in before} == before


def refused(folder, *flags):
    done = run_script("train_unequal.py", *flags, folder=folder)
    assert done.returncode == 2, done.stdout
    return done.stdout.strip().splitlines()[-1]


def test_another_run_does_not_go_on_in_the_same_folder(folder, undisturbed):
    before = numbers(folder / "one")
    line = refused(folder, *FLAGS, "--output", "one", "--seed", "3")
    assert "--seed 0, not 3" in line and "--fresh" in line
    assert numbers(folder / "one") == before


def test_without_people_to_identify_the_targets_decide(folder):
    words = FLAGS[4:] + ["--stage1=--end-epoch 1", "--stage2b=--end-epoch 1"]
    done = run_script("train_unequal.py", *words, "--output", "seven", folder=folder)
    assert done.returncode == 0, done.stdout
    facts = record(folder / "seven")
    best = {stage["name"]: stage["best"]["mean"] for stage in facts["stages"] if stage.get("best")}
    assert best[facts["final"]["stage"]] == max(best.values())
    verdict = next(stage["verdict"] for stage in facts["stages"] if "3-" in stage["name"])
    assert verdict.startswith("mean over the targets")


def test_without_a_verification_set_it_does_not_start(folder):
    line = refused(folder, *FLAGS, "--output", "six", "--target", "nothing")
    assert "--target nothing" in line
