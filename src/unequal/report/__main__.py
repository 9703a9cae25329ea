"""Writes OUTPUT/report.html anew from the files that train_unequal.py has left in OUTPUT."""

from __future__ import annotations

import argparse
import sys
from typing import Sequence

from unequal.report.page import write_report
from unequal.support.console import say
from unequal.support.errors import InputError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 2 for wrong input."""
    parser = argparse.ArgumentParser(prog="python -m unequal.report", description=__doc__)
    parser.add_argument("output", metavar="OUTPUT", help="the --output of train_unequal.py")
    try:
        say(f"{write_report(parser.parse_args(argv).output)}: open it in a browser")
    except InputError as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
