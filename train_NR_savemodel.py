"""Stage 2a: give a model of stage one the graph that stage 2b finds noise with.

Data    --data-dir, mirrored now and then, shuffled every epoch
Loads   --pretrained, its classifier included
Trains  backbone + fc7 under the noise-resistance loss (share of the label: --noise-beta)
Saves   -0000 after the first step: that is what stage 2b wants, and the run may end there

Flags, defaults, log lines and files are those of the 2019 script of this name; see the README.
What differs between the scripts stands in ``unequal/stages.py``.
"""

import sys

from unequal.commands import main

if __name__ == "__main__":
    sys.exit(main("savemodel"))
