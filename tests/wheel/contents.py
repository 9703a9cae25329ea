"""Compare the files in a wheel with those of the packages: `contents.py WHEEL`."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ROOTS = {"unequal": "src", "symbols": ".", "eval": ".", "recordio_tools": "."}
NOT_PACKED = (".so", ".pyc")


def main(wheel: str) -> int:
    """Print what is missing in the wheel, or not of ours; return 1 where there is something."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = set()
    for package, root in ROOTS.items():
        for path in (REPOSITORY / root / package).rglob("*"):
            if path.is_file() and path.suffix not in NOT_PACKED and ".building-" not in str(path):
                expected.add(str(path.relative_to(REPOSITORY / root)))
    for name in sorted(expected - packed):
        print(f"not in the wheel: {name}", file=sys.stderr)
    for name in sorted(packed - expected):
        print(f"in the wheel only: {name}", file=sys.stderr)
    return int(packed != expected)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
