"""Replace the directives of a page when mkdocs builds it.

A directive is an HTML comment on a line of its own:

    <!-- flags: train -->                 the flags of the four training scripts, in one table
    <!-- flags: train_unequal -->         the flags of the recipe
    <!-- flags: eval.embed -->            the flags of one command
    <!-- flags: recordio_tools -->        the flags of all commands of a package
    <!-- source: FILE NAME -->            a class, function or constant of a file
    <!-- include: FILE -->                a Markdown file of the repository

Flags come from the parsers and lines from the sources, therefore the pages cannot drift from them.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
from pathlib import Path
from typing import Any, Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
DIRECTIVE = re.compile(r"^<!-- (flags|source|include): (.+?) -->$", re.MULTILINE)
STEPS = {"softmax": "1", "savemodel": "2.1", "noise_resistance": "2.2", "unequal": "3.2"}
# where the files of the repository are as pages of the site
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/method/METHOD.md": "method_tables.md",
    "benchmarks/speed/NOTES.md": "speed_notes.md",
}
NO_EFFECT = "without effect"


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Return the page with its directives replaced; mkdocs calls this for each page."""
    return between_pages(expand(markdown))


def expand(markdown: str) -> str:
    """Return the text with its directives replaced."""
    return DIRECTIVE.sub(lambda found: _MAKERS[found[1]](found[2]), markdown)


def between_pages(markdown: str) -> str:
    """Return the text with links to files of the repository turned into links between pages."""
    for path, page in PAGES.items():
        markdown = re.sub(rf"\]\((\.\./)?{re.escape(path)}(#[\w-]+)?\)", rf"]({page}\2)", markdown)
    markdown = re.sub(r"\]\(docs/", "](", markdown)
    # what is no page stands as a name
    return re.sub(r"\[([^\[\]]+)\]\((?:\.\./)?(?:CITATION\.cff|LICENSE)\)", r"`\1`", markdown)


def include(path: str) -> str:
    """Return a Markdown file of the repository."""
    return (REPOSITORY / path).read_text(encoding="utf-8")


def source(text: str) -> str:
    """Return the lines of 'FILE NAME' as a code block, without the docstring.

    FILE may have an asterisk in place of a folder. NAME may be CLASS.METHOD.

    Raises:
        ValueError: there is no such definition in the file.
    """
    pattern, name = text.split()
    (path,) = REPOSITORY.glob(pattern)
    lines = path.read_text(encoding="utf-8").splitlines()
    node: Any = ast.parse("\n".join(lines))
    for part in name.split("."):
        node = next((child for child in node.body if part in _names(child)), None)
        if node is None:
            raise ValueError(f"docs: {pattern} has no {name}")
    body = lines[node.lineno - 1 : node.end_lineno]
    docstring = node.body[0] if isinstance(node, ast.FunctionDef) else None
    if docstring and ast.get_docstring(node):
        del body[docstring.lineno - node.lineno : docstring.end_lineno - node.lineno + 1]
    indent = len(body[0]) - len(body[0].lstrip())
    code = "\n".join(line[indent:] for line in body)
    return f'```python title="{path.relative_to(REPOSITORY)}: {name}"\n{code}\n```'


def _names(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def flags(what: str) -> str:
    """Return the table of flags of the scripts, of one command, or of all commands of a package."""
    if what == "train":
        return _table_of_scripts()
    if what == "train_unequal":
        return _table(importlib.import_module("unequal.recipe.flags").make_parser())
    if "." in what:
        return _table(importlib.import_module(what)._parser())
    commands = sorted(path.stem for path in (REPOSITORY / what).glob("[!_]*.py"))
    return "\n\n".join(f"### {name}\n\n{flags(f'{what}.{name}')}" for name in commands)


def options_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the actions of a parser that a user can give, without --help."""
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction) and action.help != argparse.SUPPRESS:
            yield action


def _table(parser: argparse.ArgumentParser) -> str:
    rows, tables = [], []
    for action in options_of(parser):
        if isinstance(action, argparse._SubParsersAction):
            tables += [f"`{name}`:\n\n{_table(sub)}" for name, sub in action.choices.items()]
        else:
            rows.append((_name(action), _default(action), _help(action)))
    return "\n\n".join([_markdown(("flag", "default", "meaning"), rows)] * bool(rows) + tables)


def _table_of_scripts() -> str:
    """Return one table of the flags of all scripts, and a line of those without effect."""
    make_parser = importlib.import_module("unequal.training.flags").make_parser
    found: dict[str, list[tuple[str, argparse.Action]]] = {}
    added: list[argparse.Action] = []
    for step, number in STEPS.items():
        parser = make_parser(step)
        added += next(g for g in parser._action_groups if g.title == "added")._group_actions
        for action in options_of(parser):
            found.setdefault(_name(action), []).append((number, action))
    rows, idle = [], []
    for name, uses in found.items():
        if all(NO_EFFECT in (action.help or "") for _, action in uses):
            idle.append(name)
            continue
        defaults: dict[str, list[str]] = {}
        for number, action in uses:
            defaults.setdefault(_default(action), []).append(number)
        default = next(iter(defaults)) + "".join(
            f" ({', '.join(numbers)}: {text})" for text, numbers in [*defaults.items()][1:]
        )
        steps = "all" if len(uses) == len(STEPS) else ", ".join(number for number, _ in uses)
        if uses[0][1] in added:
            name += " *new*"
        rows.append((name, default, steps, _help(uses[0][1])))
    table = _markdown(("flag", "default", "steps", "meaning"), rows)
    return f"{table}\n\nAccepted as in 2019, without effect: {', '.join(idle)}."


def _name(action: argparse.Action) -> str:
    name = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{action.dest}`"
    choices = "" if action.choices is None else ", ".join(f"`{c}`" for c in action.choices)
    return f"{name} ({choices})" if choices else name


def _default(action: argparse.Action) -> str:
    if action.required:
        return "required"
    default = action.default
    if default is None or default is False or default in ("", argparse.SUPPRESS):
        return ""
    return f"`{default}`"


def _help(action: argparse.Action) -> str:
    text = (action.help or "") % dict(vars(action), prog="")
    return re.sub(r"([|*<])", r"\\\1", " ".join(text.split()))


def _markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_MAKERS = {"flags": flags, "source": source, "include": include}
