"""`python -m recordio_tools` lists the commands, each of which explains itself."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from recordio_tools.__main__ import main

TOOLS = Path(__file__).resolve().parents[2] / "recordio_tools"
COMMANDS = sorted(path.stem for path in TOOLS.glob("*.py") if "argparse" in path.read_text())


def test_every_command_is_listed_once_with_what_it_does(capsys):
    assert main() == 0
    lines = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()[2:]]
    assert [name for name, _ in lines] == COMMANDS
    assert all(said.endswith((".", ":")) or len(said) > 20 for _, said in lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_what_the_command_does_and_has_an_example(capsys, command):
    tool = importlib.import_module(f"recordio_tools.{command}")
    with pytest.raises(SystemExit) as stopped:
        tool.main(["--help"])
    told = capsys.readouterr().out
    assert stopped.value.code == 0
    assert tool.__doc__.strip() in told
    assert f"python -m recordio_tools.{command} --" in told.partition("example:")[2]
