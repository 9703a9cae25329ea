"""The verdict: differences from the first stage, and how much of them chance may explain."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from report_fixtures import change_recipe, write_json, write_output
from unequal.report.recipe_facts import read_facts
from unequal.report.verdict import judge

FIRST, FINAL = "1-softmax", "3.2-unequal-1"


def verdict_of(tmp_path, rows, **more):
    folder = tmp_path / "out"
    folder.mkdir()
    write_json(folder / "recipe.json", {"final": {"stage": FINAL}, "stages": []})
    evaluation = {"rows": rows, "first": {}, "final": {}, "identification": [], **more}
    write_json(folder / "evaluation.json", evaluation)
    return judge(read_facts(folder))


def row(stage, accuracy, target="lfw", folds=None, **more):
    """A row of the evaluation; the folds of the first and the final model differ by chance."""
    if folds is None:
        random = np.random.RandomState(len(stage))
        folds = accuracy + stats.zscore(random.normal(size=10)) / 100
    more = {"xnorm": 10.0, "auc": None, "tar": {}, "folds": list(folds), **more}
    std = float(np.std(folds))
    return {"stage": stage, "target": target, "accuracy": accuracy, "std": std, **more}


def with_folds(stage, folds):
    return row(stage, float(np.mean(folds)), folds=folds)


def test_with_folds_the_interval_is_that_of_the_paired_t_test(tmp_path):
    random = np.random.RandomState(2)
    before = random.normal(0.9, 0.03, 10)
    after = before + random.normal(0.01, 0.005, 10)
    verdict = verdict_of(tmp_path, [with_folds(FIRST, before), with_folds(FINAL, after)])
    [found] = verdict.differences
    for bound in (found.low, found.high):  # a true difference there is just improbable enough
        assert stats.ttest_rel(after - bound, before).pvalue == pytest.approx(0.05, abs=1e-9)
    assert found.reading == "better"
    assert found.change == pytest.approx(np.mean(after) - np.mean(before))


@pytest.mark.parametrize(
    "accuracy,tone,words",
    [
        (0.95, "better", "is better on lfw than that of 1-softmax"),
        (0.85, "worse", "is worse on lfw than that of 1-softmax"),
        (0.901, "unclear", "no clear difference"),
    ],
)
def test_the_headline_says_better_only_beyond_chance(tmp_path, accuracy, tone, words):
    verdict = verdict_of(tmp_path, [row(FIRST, 0.9), row(FINAL, accuracy)])
    assert verdict.tone == tone and words in verdict.headline


def test_better_here_and_worse_there_is_told_of_both(tmp_path):
    reached = {"lfw": 0.95, "cfp": 0.85, "agedb": 0.9}
    rows = [row(FIRST, 0.9, target) for target in reached]
    rows += [row(FINAL, accuracy, target) for target, accuracy in reached.items()]
    verdict = verdict_of(tmp_path, rows)
    assert verdict.tone == "unclear"
    assert "better on lfw and worse on cfp than that of" in verdict.headline
    assert any("On agedb chance can explain" in note for note in verdict.notes)
    assert any("from 90.00\u00a0% to 90.00\u00a0% (0.00 points)" in note for note in verdict.notes)


def test_accuracy_against_the_area_under_the_roc_is_no_clear_difference(tmp_path):
    for number, (accuracy, area) in enumerate([(0.95, 0.96), (0.85, 0.98)]):
        (tmp_path / str(number)).mkdir()
        rows = [row(FIRST, 0.9, auc=0.97), row(FINAL, accuracy, auc=area)]
        verdict = verdict_of(tmp_path / str(number), rows)
        assert verdict.tone == "unclear" and "no clear difference" in verdict.headline
        assert verdict.differences[0].contradicted
        assert f"from 0.97000 to {area:.5f}" in verdict.notes[0]
    (tmp_path / "agree").mkdir()
    rows = [row(FIRST, 0.9, auc=0.97), row(FINAL, 0.95, auc=0.975)]
    assert verdict_of(tmp_path / "agree", rows).tone == "better"


def test_folds_without_spread_still_tell(tmp_path):
    verdict = verdict_of(tmp_path, [with_folds(FIRST, [0.9] * 10), with_folds(FINAL, [0.95] * 10)])
    assert verdict.differences[0].reading == "better"
    (tmp_path / "2").mkdir()
    same = verdict_of(tmp_path / "2", [with_folds(FIRST, [0.9] * 5), with_folds(FINAL, [0.9] * 5)])
    assert same.differences[0].reading == "unclear"


def test_an_evaluation_of_one_model_gives_no_verdict(tmp_path):
    assert verdict_of(tmp_path, [row(FINAL, 0.9)]).tone == "waiting"


def test_the_first_stage_kept_is_no_comparison(tmp_path):
    write_output(tmp_path / "out")
    change_recipe(tmp_path / "out", final={"stage": FIRST})
    verdict = judge(read_facts(tmp_path / "out"))
    assert "kept the model of 1-softmax" in verdict.headline and verdict.differences == ()


def test_identification_is_told_with_its_interval_where_probes_are_counted(tmp_path):
    ranks = [
        {"stage": FIRST, "rank1": 0.6, "searches": 400},
        {"stage": FINAL, "rank1": 0.7, "searches": 400, "probes": 9, "cmc": [0.7, 0.8]},
    ]
    verdict = verdict_of(tmp_path, [row(FIRST, 0.9), row(FINAL, 0.9)], identification=ranks)
    [note] = [note for note in verdict.notes if "Rank-1" in note]
    assert "60.00\u00a0% to 70.00\u00a0% (+10.00 points" in note
    # Newcombe 1998, method 10, by the score intervals 0.5513-0.6468 and 0.6534-0.7428 of the rates
    assert "+3.39 to +16.49" in note


def test_a_page_without_identification_says_what_that_means(tmp_path):
    verdict = verdict_of(tmp_path, [row(FIRST, 0.9), row(FINAL, 0.9)])
    assert "No identification test was run" in verdict.caveat


def test_an_unfinished_run_tells_what_was_reached(tmp_path):
    folder = write_output(tmp_path / "out", done=3)
    stages = json.loads((folder / "recipe.json").read_text())["stages"]
    means = {stage["name"]: stage["best"]["mean"] for stage in stages if "best" in stage}
    verdict = judge(read_facts(folder))
    assert verdict.tone == "waiting" and "no verdict" in verdict.headline
    best = max(means, key=means.get)
    assert f"{100 * means[best]:.2f}\u00a0%, in stage {best}." in verdict.notes[0]


def test_nothing_reached_is_said_so(tmp_path):
    write_json(tmp_path / "recipe.json", {"stages": [{"name": FIRST, "status": "running"}]})
    assert judge(read_facts(tmp_path)).headline == "Nothing has been evaluated yet."
