"""Flags, types and defaults are those of 2019; what differs is named here."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from unequal.support.errors import InputError, with_flags
from unequal.training import flags
from unequal.training.run_shape import RunShape
from unequal.training.settings import (
    HeadBatchSettings,
    MarginSettings,
    NetworkSettings,
    NoiseSettings,
    RunSettings,
)
from unequal.training.steps import STEPS

FOLDERS_OF_AN_AUTHOR = {"--bin-dir", "--log-dir"}
ADDED = {
    "--seed",
    "--workers",
    "--max-bad-images",
    "--width",
    "--noise-threshold",
    "--mining-overlap",
    "--resume",
    "--save-state",
    "--patience",
    "--lr-drops",
}


@pytest.mark.parametrize(
    "script,golden_name",
    list(zip(flags.SCRIPTS, ("softmax", "savemodel", "NR", "stage2"))),
)
def test_flags_of_2019(script, golden_name, golden):
    expected = json.loads((golden / "h_misc" / "cli_defaults.json").read_text())[golden_name]
    actions = {
        action.option_strings[0]: action
        for action in flags.make_parser(script)._actions
        if action.dest != "help"
    }
    assert set(expected) == set(actions) - ADDED
    for flag, facts in expected.items():
        assert actions[flag].type.__name__ == facts["type"], flag
        if flag in FOLDERS_OF_AN_AUTHOR:
            assert actions[flag].default == ""
        else:
            assert actions[flag].default == facts["default"], flag
            assert type(actions[flag].default) is type(facts["default"]), flag


def test_flags_without_effect_say_so():
    silent = {option.flag for option in flags.OPTIONS if "without effect" in option.help}
    assert silent == {
        "--use-deformable",
        "--bndrop",
        "--log-file",
        "--margin-inter",
        "--scale",
        "--beta",
        "--beta-min",
        "--gamma",
        "--power",
        "--margin",
        "--fc7-wd-mult",
    }


def test_prefixes_of_flags_are_accepted():
    settings = flags.parse("softmax", ["--data-dir", "x", "--per-batch", "7"])
    assert settings.head.per_batch_size == 7


def test_a_checkpoint_without_epoch_is_refused_and_the_parameter_named():
    with pytest.raises(InputError, match="`pretrained` a/b: write it as prefix,epoch"):
        flags.parse("softmax", ["--data-dir", "x", "--pretrained", "a/b"])


@pytest.mark.parametrize("flag", ["--lr", "--beta"])
def test_numbers_are_finite_also_those_without_effect(flag):
    with pytest.raises(InputError, match=f"`{flag[2:]}` nan: must be a finite number"):
        flags.parse("softmax", ["--data-dir", "x", flag, "nan"])


def test_errors_about_parameters_are_told_as_flags():
    with pytest.raises(InputError) as error:
        RunSettings(HeadBatchSettings(data_dir="x"), noise=NoiseSettings(batch_size_mining=0))
    assert str(error.value) == "`batch_size_mining` 0: must be at least 1"
    parser = flags.make_parser("noise_resistance")
    assert with_flags(error.value, parser) == "--batch_size_mining 0: must be at least 1"
    assert with_flags("`make setup`: see `lr_steps`", parser) == "`make setup`: see --lr-steps"
    assert with_flags("none (`layer`), low rate (`lr`)", parser) == "none, low rate (--lr)"


def test_settings_cannot_be_changed():
    settings = RunSettings(HeadBatchSettings(data_dir="x"))
    with pytest.raises(FrozenInstanceError):
        settings.seed = 3


def test_settings_without_flags_name_all_their_values():
    named = RunSettings(HeadBatchSettings(data_dir="x"), network=NetworkSettings("r18")).named
    assert named["network"] == "r18" and named["data_dir"] == "x" and named["lr"] == 0.1
    assert "bag_size" not in named and "flags" not in named


@pytest.mark.parametrize(
    "script,loss,batch,expected",
    [
        ("softmax", 4, 20, [819200, 1228800, 1536000]),  # a line of the 2019 log
        ("softmax", 0, 512, [16000, 24000]),
        ("noise_resistance", 0, 512, [100000, 140000, 160000]),
        ("unequal", 4, 360, [142222, 199111, 227555]),
    ],
)
def test_default_steps(script, loss, batch, expected):
    settings = RunSettings(HeadBatchSettings(data_dir="x"), margin=MarginSettings(loss_type=loss))
    shape = RunShape(1, 50, 10, 112, 112, batch)
    assert STEPS[script].drops_at(settings, shape) == expected
