"""Step 1: a margin softmax (ArcFace by default) on the head.

Data    --data-dir, mirrored now and then, shuffled every epoch
Loads   --pretrained, its classifier included, if given
Trains  backbone + fc7 under the mean cross entropy of the margin logits
Saves   -0000 before every test and at the end, numbered ones when a test is good (--ckpt)

Flags, defaults, log lines and files are those of the 2019 script of this name: see docs/steps.md.
What differs between the scripts is the table in ``unequal/training/steps.py``.
"""

import sys

from unequal.commands import main

if __name__ == "__main__":
    sys.exit(main("softmax"))
