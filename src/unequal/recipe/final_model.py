"""The end of the recipe: the best model by itself, and a table of all."""

from __future__ import annotations

import json
import os
import shutil
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Callable, Mapping, Sequence

from eval.verification_parts.verification_set import VerificationSet
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.faces.face_records import read_property
from unequal.recipe import evaluation
from unequal.recipe.progress_display import log_of
from unequal.support.console import aligned, say
from unequal.support.files import replace_file
from unequal.training.verification_tests import load_targets

REPORT = "report.html"


def choose(stages: Sequence[str], score: Callable[[str], float]) -> str:
    """The stage with the best score; of equal ones the later, which saw more."""
    return max(reversed(stages), key=score)


def copy_checkpoint(checkpoint: str, prefix: str) -> str:
    """Copy a checkpoint 'prefix,epoch' to ``prefix``,0; returns the name of the copy."""
    os.makedirs(os.path.dirname(prefix), exist_ok=True)
    copy = Checkpoint(prefix, 0)
    for before, after in zip(Checkpoint.parse(checkpoint).paths, copy.paths):
        replace_file(after, partial(shutil.copyfile, before))
    return str(copy)


def quiet_targets(head: str, names: str) -> dict[str, VerificationSet]:
    """The verification sets among ``names`` in the folder of the head, without log lines."""
    size = read_property(head)
    with log_of(os.devnull, terminal=True):
        return load_targets(
            Namespace(data_dir=head, target=names, image_h=size.height, image_w=size.width)
        )


def say_table(output: str, models: Sequence[str], final: Mapping[str, str]) -> None:
    """The last lines: what every model reached, which one is the final, where the report is."""
    facts = json.loads(Path(output, evaluation.FILE).read_text(encoding="utf-8"))
    rows, identified = facts["rows"], {row["stage"]: row for row in facts["identification"]}
    targets = list(dict.fromkeys(row["target"] for row in rows))
    found = {
        (row["stage"], row["target"]): f"{row['accuracy']:.5f}+-{row['std']:.5f}" for row in rows
    }
    cells = [
        ["stage", *targets],
        *([name, *(found[name, target] for target in targets)] for name in models),
    ]
    for row in cells if identified else []:
        row.append(f"{identified[row[0]]['rank1']:.5f}" if row[0] in identified else "rank-1")
    say(f"\n{aligned(cells)}")
    say(f"\nfinal model: {final['checkpoint']} (of {final['stage']})")
    say(f"report: {os.path.join(output, REPORT)}")
