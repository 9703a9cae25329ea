"""Every package that our code imports is declared, and every declared one is imported."""

from __future__ import annotations

import ast
import sys
from functools import lru_cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
OURS = ("src", "symbols", "eval", "recordio_tools")
# the package of a module where their names differ
PACKAGES = {"cv2": "opencv-python", "sklearn": "scikit-learn"}


@lru_cache(maxsize=None)
def imported() -> dict[str, str]:
    """The packages that our files import, and one file for each."""
    found = {}
    for path in [file for folder in OURS for file in (REPOSITORY / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in (name.partition(".")[0] for name in names):
                package = PACKAGES.get(name, name)
                found[canonicalize_name(package)] = str(path.relative_to(REPOSITORY))
    return found


def declared(*extras: str) -> set[str]:
    lines = PROJECT["dependencies"] + [
        text for extra in extras for text in PROJECT["optional-dependencies"][extra]
    ]
    return {canonicalize_name(Requirement(text).name) for text in lines}


def test_what_is_imported_is_declared():
    ours = {"unequal", "symbols", "eval", "recordio-tools"}
    known = declared("cpu", "onnx") | ours | {canonicalize_name(name) for name in STANDARD}
    assert {name: file for name, file in imported().items() if name not in known} == {}


def test_what_is_declared_is_imported():
    """But for easydict, which scripts of 2019 that use our networks import."""
    assert declared("onnx") - set(imported()) <= {"easydict"}


def _standard() -> set[str]:
    if sys.version_info >= (3, 10):
        return set(sys.stdlib_module_names)
    folder = Path(ast.__file__).parent  # that of the standard library
    names = {path.stem for path in folder.glob("*") if path.suffix in ("", ".py")}
    compiled = {path.name.partition(".")[0] for path in folder.glob("lib-dynload/*.so")}
    return names | compiled | set(sys.builtin_module_names)


STANDARD = _standard()
