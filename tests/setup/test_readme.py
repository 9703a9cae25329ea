"""The README says what is so: its commands parse, its flags and files exist."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from unequal.recipe import flags as recipe_flags
from unequal.training import flags as arguments

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
SCRIPTS = {
    "train_softmax.py": "softmax",
    "train_NR_savemodel.py": "savemodel",
    "train_NR.py": "noise_resistance",
    "train_debug_soft_gs.py": "unequal",
}
OTHER_COMMANDS = {"--seeds", "--help", "--torch-python", "--logdir", "--data"}
EVALUATION = ("embed", "export", "identification", "verification")
TOOLS = sorted(path.stem for path in (REPOSITORY / "recordio_tools").glob("[!_]*.py"))


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


def tool_parser(tool):
    return importlib.import_module(f"recordio_tools.{tool}")._parser()


def commands_of(package):
    joined = README.replace("\\\n", " ")
    return re.findall(rf"^python -m {package}\.(\w+) (.+)$", joined, re.MULTILINE)


def tool_commands():
    return commands_of("recordio_tools")


def evaluation_parser(command):
    return importlib.import_module(f"eval.{command}")._parser()


def flags_in(parser):
    """All flags of a parser and of its commands."""
    for action in parser._actions:
        yield from action.option_strings
        for command in (action.choices or {}).values() if action.nargs == "A..." else ():
            yield from flags_in(command)


def test_every_evaluation_command_is_shown():
    assert {name for name, _ in commands_of("eval")} == set(EVALUATION)


@pytest.mark.parametrize("name,flags", commands_of("eval"))
def test_evaluation_commands_parse(name, flags):
    evaluation_parser(name).parse_args(shlex.split(flags))


@pytest.mark.parametrize(
    "flags",
    re.findall(r"^python train_unequal\.py (--.+)$", README.replace("\\\n", " "), re.MULTILINE),
)
def test_recipe_commands_parse(flags):
    recipe_flags.parse(shlex.split(flags))


def test_every_tool_is_in_the_table_and_nothing_else():
    table = README.partition("| command | what it does |\n")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[1:]]
    assert sorted(name for cell in cells for name in re.findall(r"`(\w+)`", cell)) == TOOLS


@pytest.mark.parametrize("tool,flags", tool_commands())
def test_tool_commands_parse(tool, flags):
    tool_parser(tool).parse_args(shlex.split(flags))


@pytest.mark.parametrize("tool", TOOLS)
def test_the_examples_of_the_help_parse(tool):
    joined = re.sub(r"\\\n\s*", " ", tool_parser(tool).epilog)
    examples = re.findall(r"python -m recordio_tools\.(\w+) (.+)", joined)
    assert tool in [name for name, _ in examples]
    for name, flags in examples:
        tool_parser(name).parse_args(shlex.split(flags))


def test_flags_exist():
    known = {option.flag for option in (*arguments.OPTIONS, *arguments.ADDED)} | OTHER_COMMANDS
    for tool in TOOLS:
        known |= set(flags_in(tool_parser(tool)))
    known |= set(flags_in(recipe_flags.make_parser()))
    for command in EVALUATION:
        known |= set(flags_in(evaluation_parser(command)))
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
