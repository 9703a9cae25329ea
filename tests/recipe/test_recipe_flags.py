"""The flags of the recipe become flags of the scripts."""

from __future__ import annotations

import re

import pytest

from unequal.recipe import flags, plan
from unequal.support.errors import InputError, with_flags

NEEDED = ["--head", "H", "--tail", "T", "--output", "O"]


def parsed(*words):
    return flags.parse([*NEEDED, *words])


def command(name, *words, pretrained=""):
    """{flag: its last value} in the command of a stage."""
    settings = parsed(*words)
    stage = next(stage for stage in plan.stages_of(settings) if stage.name == name)
    given = [
        part
        for word in plan.command(stage, settings, 60, "H", pretrained)
        for part in word.split("=", 1)
    ]
    return dict(zip(given[::2], given[1::2]))


@pytest.mark.parametrize(
    "name",
    ["1-softmax", "2.1-savemodel", "2.2-noise_resistance", "1-softmax-again", "3.2-unequal-1"],
)
def test_shared_flags_reach_every_stage_that_has_them(name):
    shared = {"--network": "y1", "--margin-m": "0.3", "--seed": "4", "--target": "a,b"}
    shared.update({"--batch-size1": "30", "--noise-beta": "0.8"})
    found = command(name, *(word for pair in shared.items() for word in pair))
    if not name.startswith("3.2"):
        del shared["--batch-size1"]
    if name.startswith("1"):
        del shared["--noise-beta"]
    assert shared.items() <= found.items()
    assert found.keys() & {"--batch-size1", "--noise-beta"} <= shared.keys()


@pytest.mark.parametrize(
    "words",
    [
        ["--step1", "--lr 0.05 --lr-steps 10,20", "--step2.2=--lr=0.3", "--step3.2=--lr=0.5"],
        ["--stage1", "--lr 0.05 --lr-steps 10,20", "--stage2b=--lr=0.3", "--stage3=--lr=0.5"],
    ],
    ids=["names of steps", "older names"],
)
def test_a_flag_of_one_step_reaches_that_step_only_and_beats_the_recipe(words):
    first = command("1-softmax", *words)
    assert (first["--lr"], first["--lr-steps"]) == ("0.05", "10,20")
    assert command("1-softmax-again", *words)["--lr"] == "0.05"
    assert command("2.1-savemodel", *words)["--lr"] == "0.01"
    assert command("2.2-noise_resistance", *words)["--lr"] == "0.3"
    assert command("3.2-unequal-5", *words)["--lr"] == "0.5"
    assert parsed(*words).flags["step1"] == ["--lr", "0.05", "--lr-steps", "10,20"]


def test_older_names_of_flags_are_not_in_the_help():
    text = flags.make_parser().format_help()
    assert "--step2.2" in text and "--stage2b" not in text


def test_noise_is_looked_for_without_being_asked():
    found = command("2.2-noise_resistance")
    assert (found["--noise-threshold"], found["--noise-beta"]) == ("auto", "0.9")


def test_each_weight_has_its_stage_folder_and_start():
    found = command("3.2-unequal-0.5", "--interweights", "0.5,2", pretrained="p,3")
    assert (found["--interweight"], found["--pretrained"]) == ("0.5", "p,3")
    assert found["--prefix"] == "O/3.2-unequal-0.5/model" and found["--data-dir-interclass"] == "T"


def test_tests_come_once_an_epoch_within_bounds():
    found = [plan.batches_between_tests(parsed(), images, 200) for images in (1000, 30000, 10**7)]
    assert found == [50, 150, 2000]
    assert plan.batches_between_tests(parsed("--test-every", "7"), 10**7, 128) == 7


@pytest.mark.parametrize(
    "words,what",
    [
        (["--interweights", "1,x"], "--interweights 1,x"),
        (["--interweights", "1,1"], "--interweights 1,1"),
        (["--interweights", "-1"], "--interweights -1"),
        (["--patience", "0"], "--patience 0"),
        (["--step1", "--prefix x"], "--step1: --prefix is not for one step; the recipe sets it"),
        (["--step1", "--emb-size 8"], "--step1: --emb-size .* give it by itself"),
        (["--step3.2", "--lr fast"], "--step3.2: argument --lr"),
        (["--step3.2", "--interweight 3"], "--interweight"),
        (["--step2.2", "--unknown 3"], "--step2.2: unrecognized arguments: --unknown"),
        (["--step1", "--lr nan"], "--lr nan"),
        (["--step1", "'"], "--step1"),
        (["--stage2b", "'"], "--step2.2"),
        (["--head", ""], "--head"),
        (["--noise-beta", "2"], "--noise-beta"),
        (["--step1=--resume"], "--resume"),
        (["--step2.2=--patience 0"], "--patience"),
        (["--step3.2=--interwei 7"], "--interwei"),
        (["--distractors", "x"], "--distractors: needs --identify"),
        (["--noise-threshold", "0", "--label-below", "0.1"], "--label-below"),
        (["--version-act", "swish"], "--version-act"),
    ],
)
def test_wrong_values_are_named(words, what):
    with pytest.raises(InputError) as caught:
        parsed(*words)
    text = with_flags(caught.value, flags.make_parser())
    assert re.search(what, text) and "\n" not in text
