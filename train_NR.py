"""Stage 2b: leave out third-type noise, then train the head under the noise-resistance loss.

Data    --data-dir in changed colours, without the images whose largest probability under
        --pretrained is below --noise-threshold; these go into BIN_DIR/0_noiselist.txt
Loads   --pretrained without its classifier, which starts anew
Trains  backbone + fc7 under the noise-resistance loss (share of the label: --noise-beta)
Saves   -0000 after the first step, before every test and at the end, numbered ones when good

Flags, defaults, log lines and files are those of the 2019 script of this name; see the README.
What differs between the scripts stands in ``unequal/stages.py``.
"""

import sys

from unequal.commands import main

if __name__ == "__main__":
    sys.exit(main("noise_resistance"))
