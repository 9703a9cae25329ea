"""The whole recipe, unattended: from a head and a tail to the best model and a report.

1    ArcFace on the head until verification no longer ascends      train_softmax.py
2a   the best model under the noise-resistance graph               train_NR_savemodel.py
2b   noise found and left out, the NR loss until no more ascent    train_NR.py
     the head without that noise                                   recordio_tools.denoise
3    head and tail, for one --interweights after the other,
     until one makes the model no better                           train_debug_soft_gs.py

    python train_unequal.py --head DIR --tail DIR --output DIR [--network r50 ...]

Started again after whatever ended it, SIGKILL too, it goes on, and ends with the same numbers on a
CPU. OUTPUT/final/model,0 is the best model, OUTPUT/report.html shows what happened; recipe.json
keeps the command line that every stage equals.
"""

import sys

from unequal.commands import main_of_recipe

if __name__ == "__main__":
    sys.exit(main_of_recipe())
