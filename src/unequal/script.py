"""What starts when a user starts a script: flags, one line for bad input, an exit status."""

from __future__ import annotations

import os
import sys
from typing import Sequence

from unequal import arguments
from unequal.console import show_log_lines
from unequal.errors import InputError


def main(script: str, argv: Sequence[str] | None = None) -> int:
    """Run one of the four scripts; returns its exit status.

    0 at the end of the run, 2 after one line about bad input, 128 + signal after a SIGINT or
    SIGTERM (the model has been saved then, if a batch was trained).
    """
    show_log_lines()
    try:
        args = arguments.parse(script, argv)
        # only now: MXNet takes seconds to import, and may say that it cannot run here
        from unequal.training.hooks import Interrupt
        from unequal.training.run import train

        with Interrupt() as interrupt:
            train(script, args, interrupt)
    except InputError as error:
        print(f"{os.path.basename(sys.argv[0]) or script}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if interrupt.received is None else 128 + interrupt.received
