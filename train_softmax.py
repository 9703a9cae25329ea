"""Stage one: a margin softmax (ArcFace by default) on the head data.

Flags, defaults, log lines and files are those of the 2019 script of this name; see the README.
"""

import sys

from unequal.script import main

if __name__ == "__main__":
    sys.exit(main("softmax"))
