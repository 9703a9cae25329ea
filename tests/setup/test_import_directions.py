"""Which way imports point between the rooms of this repository, read from the source."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROOTS = {"unequal": REPOSITORY / "src", "symbols": REPOSITORY}
ROOTS.update({"eval": REPOSITORY, "recordio_tools": REPOSITORY})


class Import(NamedTuple):
    """One imported module, as a dotted name, and whether it is imported when the file is."""

    name: str
    at_once: bool


def files() -> dict[str, Path]:
    """Every module of ours, by its dotted name: packages, scripts of the root, benchmarks."""
    found = {path.stem: path for path in REPOSITORY.glob("*.py")}
    for folder in ("benchmarks/speed", "benchmarks/method", "examples"):
        found.update({f"benchmarks.{p.stem}": p for p in (REPOSITORY / folder).glob("*.py")})
    for package, root in ROOTS.items():
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


FILES = files()


def statements(node: ast.AST, at_once: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    """The import statements below a node, in order, without those for a type checker only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, at_once
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        else:
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from statements(child, at_once and not function)


@lru_cache(maxsize=None)
def imports(module: str) -> list[Import]:
    """What a module imports, in order; `from package import submodule` gives the submodule."""
    return list(read_imports(module, FILES[module]))


def read_imports(module: str, path: Path) -> Iterator[Import]:
    for statement, at_once in statements(ast.parse(path.read_text(), str(path))):
        if isinstance(statement, ast.Import):
            yield from (Import(alias.name, at_once) for alias in statement.names)
            continue
        base = statement.module or ""
        if statement.level:
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            parents = package.split(".")[: len(package.split(".")) - statement.level + 1]
            base = ".".join(parents + [base] if base else parents)
        for alias in statement.names:
            deeper = f"{base}.{alias.name}"
            yield Import(deeper if deeper in FILES else base, at_once)


def below(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def arrows(source: str, *targets: str) -> list[str]:
    """The imports, however late, from modules below `source` to modules below one of `targets`."""
    return [
        f"{module} -> {imported.name}"
        for module in FILES
        if below(module, source)
        for imported in imports(module)
        if below(imported.name, *targets)
    ]


def test_the_reader_sees_the_imports_of_this_repository():
    assert Import("unequal.support.errors", True) in imports("unequal.support.environment")
    assert Import("mxnet", True) in imports("unequal.support.devices")


# The floors of the house, lowest first; the rooms of one floor do not know each other.
FLOORS = (
    ("unequal.support", "symbols"),
    ("unequal.faces", "unequal.checkpoints"),
    ("unequal.method", "eval"),
    ("unequal.batches",),
    ("unequal.training",),
    ("recordio_tools",),
    ("unequal.report",),
    ("unequal.recipe",),
    ("unequal.commands", "unequal.build"),
    ("unequal.__main__",),
)


def room_of(module: str) -> tuple[int, str] | None:
    """Floor and name of the room that a module of ours lies in; None for doors and benchmarks."""
    for floor, rooms in enumerate(FLOORS):
        for room in rooms:
            if below(module, room):
                return floor, room
    return None


def test_every_module_lies_in_a_room():
    outside = [name for name in FILES if "." in name and room_of(name) is None]
    assert [name for name in outside if not below(name, "benchmarks")] == []


def test_a_room_imports_only_from_lower_floors():
    """However late an import is made, it counts."""
    wrong = []
    for module in FILES:
        room = room_of(module)
        for imported in imports(module) if room else ():
            other = room_of(imported.name)
            if other and other[1] != room[1] and other[0] >= room[0]:
                wrong.append(f"{module} -> {imported.name}")
    assert wrong == []


def test_symbols_know_nothing_else_of_ours():
    assert arrows("symbols", "unequal", "eval", "recordio_tools") == []


def test_the_report_needs_no_mxnet():
    """It is made from what a run left, so that it can be written anew without MXNet or a model."""
    loaded = order_of_loading("unequal.report.__main__", {})
    assert not {"mxnet", "gluoncv"}.intersection(loaded)


def test_nothing_imports_a_training_script():
    scripts = [name for name in FILES if "." not in name and name not in ROOTS]
    found = [(module, name) for module in FILES for name, _ in imports(module) if name in scripts]
    assert found == []


def test_there_is_no_circle():
    """Every module is reached only after all that it imports, however late, has been finished."""
    unfinished, finished = [], set()

    def visit(module: str) -> None:
        assert module not in unfinished, " -> ".join([*unfinished, module])
        if module in finished:
            return
        unfinished.append(module)
        for imported in imports(module):
            if imported.name in FILES:
                visit(imported.name)
        finished.add(unfinished.pop())

    for module in FILES:
        visit(module)


def entry_points() -> list[str]:
    """What a user may start: every file with a `__main__` part, outside the training library."""
    return [
        name
        for name, path in FILES.items()
        if "__main__" in path.read_text() and not below(name, "unequal")
    ]


def order_of_loading(module: str, loaded: dict[str, None]) -> dict[str, None]:
    """Modules in the order in which importing `module` starts to load them, packages first."""
    names = module.split(".")
    for name in (".".join(names[: end + 1]) for end in range(len(names))):
        if name not in loaded:
            loaded[name] = None
            for imported in imports(name) if name in FILES else ():
                if imported.at_once:
                    order_of_loading(imported.name, loaded)
    return loaded


@pytest.mark.parametrize("module", entry_points())
def test_unequal_comes_before_mxnet_in_what_a_user_starts(module):
    """MXNet's threads and CUDA libraries are settled by `import unequal`, before MXNet loads.

    The fix where this fails: `import unequal`, then a line `# isort: split`, then the rest.
    """
    loaded = list(order_of_loading(module, {}))
    for library in {"mxnet", "gluoncv"}.intersection(loaded):
        assert "unequal.support.environment" in loaded[: loaded.index(library)]
