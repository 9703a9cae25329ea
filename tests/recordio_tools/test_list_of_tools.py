"""`python -m recordio_tools` lists the commands."""

from __future__ import annotations

from pathlib import Path

from recordio_tools.__main__ import main

TOOLS = Path(__file__).resolve().parents[2] / "recordio_tools"


def test_every_command_is_listed_once_with_what_it_does(capsys):
    assert main() == 0
    lines = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()[2:]]
    commands = [path.stem for path in TOOLS.glob("*.py") if "argparse" in path.read_text()]
    assert [name for name, _ in lines] == sorted(commands)
    assert all(said.endswith((".", ":")) or len(said) > 20 for _, said in lines)
