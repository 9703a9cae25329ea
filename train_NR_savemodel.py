"""Step 2.1: give a model of step 1 the graph with which step 2.2 finds noise.

Data    --data-dir, mirrored now and then, shuffled every epoch
Loads   --pretrained, its classifier included
Trains  backbone + fc7 under the noise-resistance loss (share of the label: --noise-beta)
Saves   -0000 after the first step: step 2.2 needs it, and the run may end there

Flags, defaults, log lines and files are those of the 2019 script of this name: see docs/steps.md.
What differs between the scripts is the table in ``unequal/training/steps.py``.
"""

import sys

from unequal.commands import main

if __name__ == "__main__":
    sys.exit(main("savemodel"))
