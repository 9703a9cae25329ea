"""The command `unequal`: every program of this project as a subcommand, also `python -m unequal`.

A subcommand takes the flags of the script or module that it starts, and ends with its status.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Sequence

STEPS = ("softmax", "savemodel", "noise_resistance", "unequal")
MODULES = {
    "build": "unequal.build",
    "report": "unequal.report.__main__",
    "verification": "eval.verification",
    "identification": "eval.identification",
    "embed": "eval.embed",
    "export": "eval.export",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        argv: The subcommand and its flags; the command line of the process by default.

    Returns:
        The exit status of the subcommand; 2 where there is no such subcommand.
    """
    name, *flags = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        print(_help())
        return 0
    key, modules = name.replace("-", "_"), {**MODULES, **_tools()}
    # what argparse and our own messages show as the name of the program
    sys.argv = [f"unequal {key}", *flags]
    if key in STEPS or key == "recipe":
        from unequal import commands

        return commands.main_of_recipe(flags) if key == "recipe" else commands.main(key, flags)
    if key in modules:
        return int(import_module(modules[key]).main(flags))
    print(f"unequal: there is no {name!r}; `unequal --help` lists what there is", file=sys.stderr)
    return 2


def _tools() -> dict[str, str]:
    """Return the module of each tool in recordio_tools, by the tool's name."""
    spec = find_spec("recordio_tools")
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    names = sorted(path.stem for folder in folders for path in Path(folder).glob("[!_]*.py"))
    return {name: f"recordio_tools.{name}" for name in names}


def _help() -> str:
    """Return the list of subcommands with the first sentence of each module's docstring."""
    lines = [
        "usage: unequal SUBCOMMAND [FLAGS], unequal SUBCOMMAND --help",
        "",
        f"steps   {', '.join(STEPS)}",
        "recipe  all steps, one after the other, and the report",
        "",
    ]
    for name, module in {**MODULES, **_tools()}.items():
        lines.append(f"  {name:<16} {_first_sentence(module)}")
    return "\n".join(lines)


def _first_sentence(module: str) -> str:
    """Return the first paragraph of a module's docstring without running the module."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    said = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return " ".join(said.partition("\n\n")[0].split())


if __name__ == "__main__":
    sys.exit(main())
