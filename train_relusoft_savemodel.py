"""The name that an older README gives train_NR_savemodel.py."""

import sys

from unequal.commands import main

if __name__ == "__main__":
    sys.exit(main("savemodel"))
