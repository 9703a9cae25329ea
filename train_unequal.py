"""Run the whole recipe, unattended: from a head and a tail to the best model and a report.

1    ArcFace on the head, until verification no longer rises          train_softmax.py
2.1  the best model under the graph of step 2.2                       train_NR_savemodel.py
2.2  noise found and left out, noise-resistance loss on the rest      train_NR.py
3.1  the head without that noise                                      recordio_tools.denoise
1    again, on the cleaned head                                       train_softmax.py
3.2  head and tail, with one --interweights after the other, until    train_debug_soft_gs.py
     one makes the model no better

    python train_unequal.py --head DIR --tail DIR --output DIR [--network r50 ...]

Start it again after whatever ended it, SIGKILL too: it resumes, and ends with the same numbers on a
CPU. OUTPUT/final/model,0 is the best model, and OUTPUT/report.html shows what happened. recipe.json
keeps the command line that every stage equals.
"""

import sys

from unequal.commands import main_of_recipe

if __name__ == "__main__":
    sys.exit(main_of_recipe())
