"""Rules of the house that can be read off the source: names, lengths, and who sees argv."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARY = ("src", "symbols", "eval", "recordio_tools")
MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_FUNCTION = 300, 60
HASATTR = ast.dump(ast.parse("hasattr", mode="eval").body)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def trees(folders: tuple[str, ...]) -> Iterator[tuple[str, ast.Module, int]]:
    """Each Python file below the folders: its name, its syntax, its number of lines."""
    for path in (
        file for folder in folders for file in sorted((REPOSITORY / folder).rglob("*.py"))
    ):
        text = path.read_text(encoding="utf-8")
        yield str(path.relative_to(REPOSITORY)), ast.parse(text), text.count("\n")


def docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines the docstring takes; a function is not too long because it is explained."""
    if ast.get_docstring(function) is None:
        return 0
    first = function.body[0]
    return (first.end_lineno or 0) - first.lineno + 1


def test_a_class_name_stands_for_one_class():
    places = defaultdict(list)
    for name, tree, _ in trees(LIBRARY):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_file_and_no_function_is_too_long():
    long = []
    for name, tree, lines in trees(LIBRARY):
        if lines > MOST_LINES_OF_A_FILE:
            long.append(f"{name}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS):
                lines = (node.end_lineno or 0) - node.lineno + 1 - docstring_lines(node)
                if lines > MOST_LINES_OF_A_FUNCTION:
                    long.append(f"{name}: {node.name}: {lines} lines")
    assert long == []


def test_only_what_parses_argv_sees_a_namespace():
    """A signature may name argparse.Namespace only in a file that makes a parser."""
    wrong = []
    for name, tree, _ in trees(LIBRARY):
        words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        words |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if words & {"ArgumentParser", "make_parser", "add_argument"}:
            continue
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS):
                arguments = [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]
                seen = [argument.annotation for argument in arguments] + [node.returns]
                if any(hint and "Namespace" in ast.dump(hint) for hint in seen):
                    wrong.append(f"{name}: {node.name}")
    assert wrong == []


def test_only_modules_are_asked_whether_they_have_something():
    """Modules differ between systems and versions; what our own objects have, their type tells."""
    found = []
    for name, tree, _ in trees(LIBRARY):
        nodes = list(ast.walk(tree))
        modules = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
        calls = [n for n in nodes if isinstance(n, ast.Call) and ast.dump(n.func) == HASATTR]
        found += [
            f"{name}:{n.lineno}" for n in calls if getattr(n.args[0], "id", "") not in modules
        ]
    assert found == []
