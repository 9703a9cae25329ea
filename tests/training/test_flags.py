"""Flags, types and defaults are those of 2019; what differs is named here."""

from __future__ import annotations

import json

import pytest

from unequal.support.errors import InputError
from unequal.training import flags as arguments
from unequal.training.schedule import default_steps

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


@pytest.mark.parametrize("script", arguments.SCRIPTS)
def test_flags_of_2019(script, golden):
    expected = json.loads((golden / "h_misc" / "cli_defaults.json").read_text())[script]
    actions = {
        action.option_strings[0]: action
        for action in arguments.make_parser(script)._actions
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
    silent = {option.flag for option in arguments.OPTIONS if "without effect" in option.help}
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
    args = arguments.parse("softmax", ["--data-dir", "x", "--per-batch", "7"])
    assert args.per_batch_size == 7


@pytest.mark.parametrize("text,expected", [("a/b,3", ("a/b", 3)), ("a,b,0012", ("a,b", 12))])
def test_pretrained(text, expected):
    assert arguments.split_pretrained(text) == expected


@pytest.mark.parametrize("text", ["a", "a,", "a,b", ""])
def test_pretrained_without_epoch(text):
    with pytest.raises(InputError, match="prefix,epoch"):
        arguments.split_pretrained(text)


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
    assert default_steps(script, loss, batch) == expected
