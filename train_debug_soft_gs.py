"""Step 3.2: the head under the noise-resistance loss, the tail under the inter-class loss.

Data    --batch-size1 rows of --data-dir beside --batchsize_id rows of --data-dir-interclass,
        --images-per-identity images each of the most confusing identities of a bag
Loads   --pretrained, its classifier included
Trains  head rows under the noise-resistance loss, centres of the tail apart (--interweight)
Saves   -1000 after the first step, -0000 before every test and at the end, numbered when good

Flags, defaults, log lines and files are those of the 2019 script of this name: see docs/steps.md.
What differs between the scripts is the table in ``unequal/training/steps.py``.
"""

import sys

from unequal.commands import main

if __name__ == "__main__":
    sys.exit(main("unequal"))
