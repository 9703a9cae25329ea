"""Which model the recipe goes on from, and which it keeps: with trainings that are made up."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from unequal.recipe import flags, run
from unequal.recipe.record import open_record
from unequal.recipe.stage_training import Trained
from unequal.support.errors import InputError
from unequal.training.run import Outcome

MEANS = {
    "1-softmax": 0.80,
    "2.1-savemodel": 0.10,
    "2.2-noise_resistance": 0.80,
    "1-softmax-again": 0.85,
    "3.2-unequal-1": 0.90,
    "3.2-unequal-5": 0.90,
    "3.2-unequal-10": 0.99,
}


class Recipe:
    """A run of the recipe in a folder; `started` holds (stage, set, model that it starts from)."""

    def __init__(self, folder, monkeypatch, *words):
        self.started, self.evaluated = [], {}
        self.means, self.cleaned = dict(MEANS), "O/head_denoised"
        self.interrupt = SimpleNamespace(received=None)
        monkeypatch.setattr(run, "image_count", lambda head: 1000)
        monkeypatch.setattr(run, "train_stage", self.train)
        monkeypatch.setattr(run, "clean_head", lambda settings, record: self.cleaned)
        monkeypatch.setattr(run, "identify", lambda settings, name, model: {"rank1": -MEANS[name]})
        monkeypatch.setattr(run, "quiet_targets", lambda head, names: {})
        monkeypatch.setattr(run, "copy_checkpoint", lambda source, copy: None)
        monkeypatch.setattr(run, "say_table", lambda *_: None)
        monkeypatch.setattr(run, "evaluate_models", self.evaluate)
        monkeypatch.setattr(run, "write_report", lambda output: None)
        needed = ["--head", "H", "--tail", "T", "--output", str(folder)]
        self.settings = flags.parse([*needed, *words])
        self.record = open_record(self.settings, "cpu(0)")

    def run(self):
        run.RecipeRun(self.settings, self.record, ["cpu(0)"], self.interrupt).run()
        return self.record.facts["final"]["stage"]

    def train(self, stage, words, folder, interrupt):
        start = words[words.index("--pretrained") + 1] if "--pretrained" in words else ""
        self.started.append((stage.name, words[1], Path(start).parent.name))
        best = {"step": 3, "mean": self.means[stage.name], "accuracy": {}}
        Path(folder).mkdir()
        state = Path(folder, "model.state")
        state.write_text("")
        model = run.Checkpoint(f"{folder}/model-best", 0)
        return Trained(Outcome(4, 256, 1.0, "epochs", best), model, state)

    def evaluate(self, output, models, final, targets, device, found):
        self.evaluated = {name: str(model) for name, model in models.items()}

    def verdict(self, name):
        return self.record.stage(name)["verdict"]


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    return lambda *words: Recipe(tmp_path, monkeypatch, *words)


def test_each_stage_reads_the_right_set_and_starts_from_the_right_model(recipe):
    one = recipe()
    assert one.run() == "3.2-unequal-1"
    assert one.started == [
        ("1-softmax", "H", ""),
        ("2.1-savemodel", "H", "1-softmax"),
        ("2.2-noise_resistance", "H", "2.1-savemodel"),
        ("1-softmax-again", "O/head_denoised", ""),
        ("3.2-unequal-1", "O/head_denoised", "1-softmax-again"),
        ("3.2-unequal-5", "O/head_denoised", "3.2-unequal-1"),
    ]


def test_the_schedule_ends_with_the_weight_that_gains_nothing(recipe):
    one = recipe()
    one.run()
    assert one.verdict("3.2-unequal-1") == (
        "mean over the targets 0.90000 instead of 0.85000 of 1-softmax-again"
    )
    assert "not above 0.90000 of 3.2-unequal-1: the schedule ends" in one.verdict("3.2-unequal-5")
    assert one.record.stage("3.2-unequal-10")["status"] == "skipped"
    kept = [one.record.stage(f"3.2-unequal-{weight}").get("kept") for weight in (1, 5, 10)]
    assert kept == [True, False, None]
    assert "3.2-unequal-5" in one.evaluated and "2.1-savemodel" not in one.evaluated


def test_rank_1_decides_where_there_are_people_to_identify(recipe):
    one = recipe("--identify", "people", "--interweights", "1")
    assert one.run() == "2.2-noise_resistance"  # here rank-1 falls where the means rise
    assert one.verdict("3.2-unequal-1").startswith("rank-1 -0.90000, not above -0.80000")


def test_of_equal_models_the_later_is_taken(recipe):
    one = recipe("--again", "0")
    one.run()
    assert one.started[3][2] == "2.2-noise_resistance"


def test_without_noise_step_1_is_not_trained_again(recipe):
    one = recipe()
    one.cleaned = "H"
    one.run()
    assert one.verdict("1-softmax-again") == "the head is as it was"
    assert [name for name, *_ in one.started].count("1-softmax-again") == 0


def test_what_is_done_is_not_done_again_and_states_go(recipe, tmp_path):
    one = recipe()
    final = one.run()
    assert list(tmp_path.glob("*/*.state")) == []
    two = recipe()
    assert two.run() == final and two.started == [] and two.evaluated == {}


def test_a_signal_between_stages_ends_the_run_and_keeps_the_record(recipe):
    one = recipe()
    one.interrupt.received = 2
    with pytest.raises(run._Interrupted):
        one.run()
    assert one.record.stage("2.2-noise_resistance")["status"] == "done"
    assert one.record.facts["finished"] is None


def test_an_error_of_a_stage_is_in_the_record_with_its_flags(recipe, tmp_path, monkeypatch):
    one = recipe()

    def refuse(*_):
        raise InputError("`margin_m` 4: give less")

    monkeypatch.setattr(run, "train_stage", refuse)
    monkeypatch.setattr(run, "check_inputs", lambda *_: None)
    with pytest.raises(InputError, match=re.escape("`margin_m`")):
        run.run_recipe(one.settings, one.interrupt)
    found = open_record(one.settings, "").stage("1-softmax")
    assert (found["status"], found["verdict"]) == ("failed", "--margin-m 4: give less")
