"""Stage 2a: give a model of stage one the graph that stage 2b finds noise with.

Flags, defaults, log lines and files are those of the 2019 script of this name; see the README.
"""

import sys

from unequal.script import main

if __name__ == "__main__":
    sys.exit(main("savemodel"))
