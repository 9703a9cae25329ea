"""The 2019 rules of what happens after which batch."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from unequal.training import hooks, steps
from unequal.training.loop import Progress, StopTraining


def verify(
    accuracies,
    every=2,
    ckpt=1,
    rule=steps.is_worth_saving,
    at_first=None,
    best_line=steps.last_best,
    batches=None,
):
    """Run a Verify hook over batches whose tests give ``accuracies``; returns what happened."""
    events, results = [], iter(accuracies)

    def test(step):
        found = next(results)
        events.append(("test", step))
        return dict(zip(("lfw", "cfp_fp", "agedb_30"), found))

    step = replace(
        steps.SOFTMAX, worth_saving=rule, test_first_then_save=at_first, best_line=best_line
    )
    hook = hooks.Verify(step, test, lambda number: events.append(("save", number)), every, ckpt)
    for step in range(1, (batches or every * len(accuracies)) + 1):
        hook(Progress(step=step))
    return events


def test_unnumbered_checkpoint_comes_before_the_test():
    assert verify([[0.5], [0.6]]) == [("save", 0), ("test", 2), ("save", 0), ("test", 4)]


def test_first_batch_is_tested_then_saved():
    events = verify([[0.5], [0.5]], at_first=1000, batches=2)
    assert events == [("test", 1), ("save", 1000), ("save", 0), ("test", 2)]


@pytest.mark.parametrize(
    "rule,accuracies,numbers",
    [
        # first target better and high enough
        (steps.is_worth_saving, [[0.991, 0.9], [0.992, 0.8], [0.991, 0.85]], [1, 2]),
        # the last target as good as before counts, too
        (steps.is_worth_saving, [[0.993, 0.9], [0.99, 0.9], [0.989, 0.95]], [1, 2]),
        (steps.is_worth_saving, [[0.98, 0.98], [0.97, 0.99]], []),
        (steps.softmax_is_worth_saving, [[0.974, 0.9], [0.976, 0.8], [0.975, 0.8]], [2]),
        (steps.softmax_is_worth_saving, [[0.98, 0.9], [0.97, 0.985], [0.9, 0.99]], [1, 2, 3]),
        (steps.softmax_is_worth_saving, [[0.99, 0.9], [0.985, 0.9], [0.984, 0.9]], [1, 2]),
    ],
)
def test_numbered_checkpoints_follow_the_rule(rule, accuracies, numbers):
    saved = [event[1] for event in verify(accuracies, rule=rule) if event[0] == "save"]
    assert [number for number in saved if number] == numbers


@pytest.mark.parametrize("ckpt,numbers", [(0, []), (2, [1, 2])])
def test_ckpt_flag(ckpt, numbers):
    saved = [event[1] for event in verify([[0.999], [0.1]], ckpt=ckpt) if event[0] == "save"]
    assert [number for number in saved if number] == numbers


def test_without_targets_only_ckpt_2_saves_numbers(capsys):
    assert [e for e in verify([[], []]) if e[0] == "save" and e[1]] == []
    assert [e for e in verify([[]], ckpt=2) if e[0] == "save" and e[1]] == [("save", 1)]
    assert "[2]Accuracy-Highest: 0.00000" in capsys.readouterr().out


def test_accuracy_highest_lines(capsys):
    verify([[0.9, 0.7], [0.8, 0.75]])
    verify([[0.9, 0.7], [0.8, 0.75]], best_line=steps.three_best)
    lines = [x for x in capsys.readouterr().out.splitlines() if "Highest" in x]
    assert lines == [
        "[2]Accuracy-Highest: 0.70000",
        "[4]Accuracy-Highest: 0.75000",
        "[2]Accuracy-Highest: 0.90000 0.70000 0.00000",
        "[4]Accuracy-Highest: 0.90000 0.75000 0.00000",
    ]


def test_rate_drops_after_the_step_and_the_freeze(capsys):
    trainer = SimpleNamespace(learning_rate=0.1)
    trainer.set_learning_rate = lambda rate: setattr(trainer, "learning_rate", rate)
    hook = hooks.drop_rate([2, 4], freeze=1)
    rates = []
    for step in range(1, 7):
        hook(Progress(step=step, trainer=trainer))
        rates.append(round(trainer.learning_rate, 6))
    assert rates == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_max_steps_and_one_more():
    hook = hooks.stop_after(5)
    for step in range(1, 6):
        hook(Progress(step=step))
    with pytest.raises(StopTraining):
        hook(Progress(step=6))
    hooks.stop_after(0)(Progress(step=10**9))
