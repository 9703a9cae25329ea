"""The README says what is so: its commands parse, its flags and files exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from unequal import arguments

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
SCRIPTS = {"train_softmax.py": "softmax", "train_NR_savemodel.py": "savemodel",
           "train_NR.py": "NR", "train_debug_soft_gs.py": "stage2"}
OTHER_COMMANDS = {"--model", "--data-dir", "--target", "--output", "--help"}


def stage_commands():
    joined = README.replace("\\\n", " ")
    return re.findall(r"python -u (train_\w+\.py) (.*?) 2>&1", joined)


def test_all_four_stages_are_shown():
    assert [script for script, _ in stage_commands()] == list(SCRIPTS)


@pytest.mark.parametrize("script,flags", stage_commands())
def test_commands_parse(script, flags):
    number = flags.replace(",xx", ",7")
    args = arguments.parse(SCRIPTS[script], shlex.split(number))
    assert args.network == "r50" and args.loss_type == 4


def test_flags_exist():
    known = {option.flag for option in (*arguments.OPTIONS, *arguments.ADDED)} | OTHER_COMMANDS
    named = set(re.findall(r"--[a-zA-Z][\w-]*\w", README)) - {"--version"}
    assert named <= known


def test_files_and_make_targets_exist():
    for name in SCRIPTS:
        assert (REPOSITORY / name).is_file()
    for name in re.findall(r"^([a-z_]+)/ {2,}", README, re.MULTILINE):
        assert (REPOSITORY / name).is_dir()
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (setup|demo|test|bench|lint)\b", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_no_placeholder_is_left():
    assert "_TABLE" not in README
