"""Step 2.2: leave out third-type noise, then train the head under the noise-resistance loss.

Data    --data-dir in changed colours, without the images whose largest probability under
        --pretrained is below --noise-threshold; BIN_DIR/0_noiselist.txt lists these
Loads   --pretrained without its classifier, which starts anew
Trains  backbone + fc7 under the noise-resistance loss (share of the label: --noise-beta)
Saves   -0000 after the first step, before every test and at the end, numbered ones when good

Flags, defaults, log lines and files are those of the 2019 script of this name: see docs/steps.md.
What differs between the scripts is the table in ``unequal/training/steps.py``.
"""

import sys

from unequal.commands import main

if __name__ == "__main__":
    sys.exit(main("noise_resistance"))
