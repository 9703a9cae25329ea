"""What the page's readers make of recipe.json, evaluation.json and history.jsonl, whole or not."""

from __future__ import annotations

import json

import pytest

from report_fixtures import write_json
from unequal.report.recipe_facts import RecipeEvaluation, read_facts
from unequal.report.stage_history import read_history
from unequal.support.errors import InputError


def history_of(folder, *lines):
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    folder.mkdir(exist_ok=True)
    (folder / "history.jsonl").write_text(text, encoding="utf-8")
    return read_history(folder)


def train(step, **values):
    return {"kind": "train", "step": step, "epoch": 0, "rate": 0.1, "speed": 20.0, **values}


def test_a_folder_without_recipe_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"recipe\.json: there is no such file; give the folder"):
        read_facts(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"stages": 3}', '{"flags": 7}', "\x00"])
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text):
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(InputError, match="is no recipe of train_unequal.py") as error:
        read_facts(tmp_path)
    assert "\n" not in str(error.value)


def test_an_empty_recipe_is_one_of_which_nothing_is_known(tmp_path):
    write_json(tmp_path / "recipe.json", {})
    facts = read_facts(tmp_path)
    assert facts.stages == [] and facts.evaluation == RecipeEvaluation()
    assert facts.created == "" and facts.final_stage == "" and facts.flags == {}


def test_a_stage_without_history_has_an_empty_one(tmp_path):
    assert read_history(tmp_path) == history_of(tmp_path) == ({}, None, None, {}, None, 0)


def test_metrics_are_what_is_no_bookkeeping(tmp_path):
    history = history_of(
        tmp_path,
        train(20, acc=0.1, interloss=2.0),
        train(40, acc=0.2, mine=1, loss=float("nan")),
        {"kind": "test", "step": 40, "mean": 0.7, "targets": {"lfw": {"accuracy": 0.7}}},
    )
    assert list(history.metrics) == ["acc", "interloss", "mine"]
    assert history.metrics["acc"].steps.tolist() == [20, 40]
    assert history.metrics["interloss"].values.tolist() == [2.0]
    assert history.mean.values.tolist() == history.targets["lfw"].values.tolist() == [0.7]
    assert history.last_step == 40


def test_a_line_cut_off_by_a_kill_is_passed_over(tmp_path):
    history = history_of(tmp_path, train(20, acc=0.1), train(40, acc=0.2), '{"kind": "train", "st')
    assert history.metrics["acc"].steps.tolist() == [20, 40] and history.unreadable == 1
