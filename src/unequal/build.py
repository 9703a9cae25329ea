"""Build the compiled operator of `symbols.compiled`: `python -m unequal.build`.

The operator computes networks on the CPU. Without it everything works, but slower.
"""

from __future__ import annotations

import argparse
import sys
from typing import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Build the operator, unless it is there already.

    Returns:
        0, or 1 after one line that says why it cannot be built here.
    """
    parser = argparse.ArgumentParser(prog="python -m unequal.build", description=__doc__)
    parser.parse_args(argv)
    try:
        from symbols.compiled.build import Unavailable, build
    except (ImportError, OSError) as error:
        print(f"no compiled operator, MXNet does not load: {error}", file=sys.stderr)
        return 1
    try:
        print(f"compiled operator: {build()}")
    except Unavailable as error:
        print(f"no compiled operator, networks will run slower: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
