"""Build the compiled operator of ``symbols.compiled``: ``python -m unequal.build``.

Ends with status 1, and says why, where it cannot be built; everything works without it, slower.
"""

from __future__ import annotations

import sys


def main() -> int:
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
