"""`python -m recordio_tools`: what there is."""

from __future__ import annotations

import ast
import sys
from pathlib import Path


def main() -> int:
    """Print the tools' names with the first lines of what they say of themselves."""
    print("usage: python -m recordio_tools.TOOL --help\n")
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        print(f"  {path.stem:<16} {' '.join(said.partition(chr(10) * 2)[0].split())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
