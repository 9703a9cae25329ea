"""The flags of the recipe become flags of the scripts."""

from __future__ import annotations

import pytest

from unequal.recipe import flags, plan
from unequal.support.errors import InputError
from unequal.training import flags as arguments

NEEDED = ["--head", "H", "--tail", "T", "--output", "O"]


def parsed(*words):
    return flags.parse([*NEEDED, *words])


def command(name, *words, head="H", pretrained=""):
    args = parsed(*words)
    stage = next(stage for stage in plan.stages(args) if stage.name == name)
    return stage.script, plan.command(stage, args, 60, head, pretrained)


def script_args(*args, **options):
    script, words = command(*args, **options)
    return arguments.parse(script, words)


@pytest.mark.parametrize("name", ["1-softmax", "2a-savemodel", "2b-NR", "3-interweight-1"])
def test_shared_flags_reach_every_stage_that_has_them(name):
    args = script_args(
        name,
        "--network",
        "y1",
        "--margin-m",
        "0.3",
        "--seed",
        "4",
        "--batch-size1",
        "30",
        "--noise-beta",
        "0.8",
        "--target",
        "a,b",
    )
    assert (args.network, args.margin_m, args.seed, args.target) == ("y1", 0.3, 4, "a,b")
    assert getattr(args, "noise_beta", 0.8) == 0.8
    assert getattr(args, "batch_size1", 30) == 30


def test_a_flag_of_one_stage_reaches_that_stage_only_and_beats_the_recipe():
    words = ["--stage1", "--lr 0.05 --lr-steps 10,20", "--stage3=--lr=0.5"]
    assert script_args("1-softmax", *words).lr == 0.05
    assert script_args("1-softmax", *words).lr_steps == "10,20"
    assert script_args("2b-NR", *words).lr == 0.01
    assert script_args("3-interweight-5", *words).lr == 0.5


def test_noise_is_looked_for_without_being_asked():
    assert script_args("2b-NR").noise_threshold == "auto"
    assert script_args("2b-NR").noise_beta == 0.9


def test_each_weight_has_its_stage_folder_and_start():
    args = script_args("3-interweight-0.5", "--interweights", "0.5,2", pretrained="p,3")
    assert args.interweight == 0.5 and args.pretrained == "p,3"
    assert args.prefix == "O/3-interweight-0.5/model" and args.data_dir_interclass == "T"


def test_tests_come_once_an_epoch_within_bounds():
    args = parsed("--per-batch-size", "100")
    assert [plan.test_every(args, images, 2) for images in (1000, 30000, 10**7)] == [50, 150, 2000]
    assert plan.test_every(parsed("--test-every", "7"), 10**7, 1) == 7


@pytest.mark.parametrize(
    "words,what",
    [
        (["--interweights", "1,x"], "--interweights"),
        (["--interweights", "1,1"], "--interweights"),
        (["--interweights", "-1"], "--interweights"),
        (["--patience", "0"], "--patience"),
        (["--stage1", "--prefix x"], "--prefix"),
        (["--stage1", "--emb-size 8"], "--emb-size"),
        (["--stage3", "--lr fast"], "--lr"),
        (["--stage3", "--interweight 3"], "--interweight"),
        (["--stage2b", "--unknown 3"], "--unknown"),
        (["--stage1", "'"], "--stage1"),
        (["--head", ""], "--head"),
        (["--noise-beta", "2"], "--noise-beta"),
        (["--stage1=--resume"], "--resume"),
        (["--stage2b=--patience 0"], "--patience"),
        (["--stage3=--interwei 7"], "--interwei"),
        (["--distractors", "x"], "--distractors"),
        (["--noise-threshold", "0", "--label-below", "0.1"], "--label-below"),
        (["--version-act", "swish"], "--version-act"),
    ],
)
def test_wrong_values_are_named(words, what):
    with pytest.raises(InputError, match=what) as caught:
        parsed(*words)
    assert "\n" not in str(caught.value)
