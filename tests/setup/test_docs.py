"""README and docs say what is so: commands parse; flags, files, links and tools exist."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest

from unequal.recipe import flags as recipe_flags
from unequal.training import flags as training_flags

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"]
PAGES += sorted((REPOSITORY / "docs").glob("*.md"))
TEXT = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
ALL = "\n".join(TEXT.values()).replace("\\\n", " ")
SCRIPTS = {
    "train_softmax.py": "softmax",
    "train_NR_savemodel.py": "savemodel",
    "train_NR.py": "noise_resistance",
    "train_debug_soft_gs.py": "unequal",
}
OTHER_PROGRAMS = {"--seeds", "--help", "--torch-python", "--logdir", "--data", "--label-noise"}
TOOLS = sorted(path.stem for path in (REPOSITORY / "recordio_tools").glob("[!_]*.py"))
COMMANDS = ("embed", "export", "identification", "verification")


@pytest.fixture(scope="module")
def hooks():
    """Return docs/hooks.py, which fills the pages when mkdocs builds them."""
    sys.path.insert(0, str(REPOSITORY / "docs"))
    yield importlib.import_module("hooks")
    sys.path.remove(str(REPOSITORY / "docs"))


def parser_of(package, command):
    return importlib.import_module(f"{package}.{command}")._parser()


def flags_in(parser):
    """All flags of a parser and of its commands."""
    for action in parser._actions:
        yield from action.option_strings
        for command in (action.choices or {}).values() if action.nargs == "A..." else ():
            yield from flags_in(command)


def known_flags():
    parsers = [training_flags.make_parser(step) for step in SCRIPTS.values()]
    parsers += [recipe_flags.make_parser()]
    parsers += [parser_of("recordio_tools", tool) for tool in TOOLS]
    parsers += [parser_of("eval", command) for command in COMMANDS]
    return {flag for parser in parsers for flag in flags_in(parser)}


def test_the_readme_is_short():
    assert len((REPOSITORY / "README.md").read_bytes()) <= 12 * 1024


def test_the_commands_of_2019_are_in_the_readme_and_parse():
    joined = TEXT["README.md"].replace("\\\n", " ")
    commands = re.findall(r"python -u (train_\w+\.py) (.*?) 2>&1", joined)
    assert [script for script, _ in commands] == list(SCRIPTS)
    for script, flags in commands:
        words = shlex.split(flags.replace(",xx", ",7"))
        args = training_flags.make_parser(SCRIPTS[script]).parse_args(words)
        assert (args.network, args.loss_type) == ("r50", 4)


def test_the_other_commands_parse():
    for script, flags in re.findall(r"^python -u (train_\w+\.py) (.+)$", ALL, re.MULTILINE):
        words = shlex.split(flags.replace(",xx", ",7").partition(" 2>&1")[0])
        training_flags.make_parser(SCRIPTS[script]).parse_args(words)
    for flags in re.findall(r"^python train_unequal\.py (--.+)$", ALL, re.MULTILINE):
        recipe_flags.parse(shlex.split(flags))
    found = re.findall(r"^python -m (recordio_tools|eval)\.(\w+) (.+)$", ALL, re.MULTILINE)
    for package, command, flags in found:
        parser_of(package, command).parse_args(shlex.split(flags))
    assert {command for package, command, _ in found if package == "eval"} == set(COMMANDS)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_examples_of_the_help_parse(tool):
    joined = re.sub(r"\\\n\s*", " ", parser_of("recordio_tools", tool).epilog)
    examples = re.findall(r"python -m recordio_tools\.(\w+) (.+)", joined)
    assert tool in [name for name, _ in examples]
    for name, flags in examples:
        parser_of("recordio_tools", name).parse_args(shlex.split(flags))


def test_every_tool_is_in_the_table_and_nothing_else():
    table = TEXT["tools.md"].partition("| command | what it does |\n")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[1:]]
    assert sorted(name for cell in cells for name in re.findall(r"`(\w+)`", cell)) == TOOLS


def test_flags_exist():
    commands = "\n".join(line for line in ALL.splitlines() if not re.match(r" *(pip|git) ", line))
    named = set(re.findall(r"--[a-zA-Z](?:[\w.-]*\w)?", commands)) - {"--version"}
    assert named - known_flags() - OTHER_PROGRAMS == set()


def test_subcommands_of_unequal_exist():
    program = importlib.import_module("unequal.__main__")
    known = {*program.STEPS, "recipe", *program.MODULES, *TOOLS}
    named = set(re.findall(r"`unequal (\w+)", ALL))
    assert named - known == set()
    assert named >= known - set(TOOLS)


def test_files_and_make_targets_exist():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make ([a-z][\w-]*)|^make ([a-z][\w-]*)", ALL, re.MULTILINE)):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target
    named = re.findall(r"`((?:src|symbols|eval|tests|benchmarks|examples|docs)/[\w./-]*)`", ALL)
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_links_point_to_files_and_headings():
    for path in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", TEXT[path.name]):
            name, _, heading = target.partition("#")
            linked = (path.parent / name).resolve() if name else path
            assert linked.exists(), f"{path.name}: {target}"
            if heading:
                titles = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                slugs = [
                    re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles
                ]
                assert heading in slugs, f"{path.name}: {target}"


def test_every_page_is_in_the_navigation():
    named = re.findall(r"[\w-]+\.md", (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(path.name for path in (REPOSITORY / "docs").glob("*.md"))


def test_every_directive_of_the_pages_can_be_filled(hooks):
    for name, text in TEXT.items():
        assert "<!--" not in hooks.expand(text), name


def test_the_table_of_the_scripts_has_every_flag(hooks):
    table = hooks.flags("train")
    for step in SCRIPTS.values():
        for flag in set(flags_in(training_flags.make_parser(step))) - {"-h", "--help"}:
            assert f"`{flag}`" in table
    assert "| `--lr` | `0.1` (3.2: `0.001`) | all |" in table
    assert "| `--seed` *new* |" in table


def test_a_missing_source_is_an_error(hooks):
    with pytest.raises(ValueError, match="has no Nothing"):
        hooks.source("docs/hooks.py Nothing")


def test_no_placeholder_is_left():
    assert not re.search(r"_TABLE|TODO|FIXME|XXX", ALL)
