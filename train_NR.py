"""Stage 2b: leave out third-type noise, then train the head under the noise-resistance loss.

Flags, defaults, log lines and files are those of the 2019 script of this name; see the README.
"""

import sys

from unequal.script import main

if __name__ == "__main__":
    sys.exit(main("NR"))
