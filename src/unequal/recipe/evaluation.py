"""The end of the recipe: every model that may be kept on every target, and the best by itself."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any, Mapping, Sequence

import mxnet as mx

from eval.verification import VerificationResult, test
from eval.verification_parts import curves
from eval.verification_parts.verification_set import VerificationSet
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.report.stage_names import FIGURES, REPORT
from unequal.support.console import aligned, say
from unequal.support.files import replace_file

BATCH = 64


def evaluate_models(
    output: str,
    models: Mapping[str, Checkpoint],
    final: str,
    targets: Mapping[str, VerificationSet],
    device: mx.Context,
    identification: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Test models and write ``output``/evaluation.json.

    A row of the file holds the accuracy over ten folds, TAR at FARs over all pairs (None where
    there are too few), and the area under the ROC. Of the first and the ``final`` stage the file
    has the ROC and histograms of distances, too.

    Args:
        output: the folder of the run.
        models: checkpoint by the name of its stage.
        final: the stage whose model is the best.
        targets: verification set by name.
        device: where the models run.
        identification: rows of :func:`unequal.recipe.identify.identify`.
    """
    rows: list[dict[str, Any]] = []
    drawn: dict[str, dict[str, Any]] = {name: {} for name in models}
    for stage, checkpoint in models.items():
        embed = load_embedder(checkpoint, device)
        for name, pairs in targets.items():
            result = test(pairs, embed, min(BATCH, len(pairs)))
            row, drawn[stage][name] = _figures(result, pairs)
            rows.append({"stage": stage, "checkpoint": str(checkpoint), "target": name, **row})
    facts = {
        "rows": rows,
        "first": drawn[next(iter(models))],
        "final": drawn[final],
        "identification": list(identification),
    }
    text = json.dumps(facts) + "\n"
    replace_file(os.path.join(output, FIGURES), lambda to: Path(to).write_text(text, "utf-8"))


def _figures(
    result: VerificationResult, pairs: VerificationSet
) -> tuple[dict[str, Any], dict[str, Any]]:
    distances = curves.pair_distances(result.embeddings)
    row = {
        "accuracy": result.acc2,
        "std": result.std2,
        "xnorm": result.xnorm,
        "folds": [float(accuracy) for accuracy in result.accuracy],
        **curves.figures(distances, pairs.issame),
    }
    return row, curves.curves(distances, pairs.issame)


def copy_checkpoint(source: Checkpoint, copy: Checkpoint) -> None:
    """Copy the files of a checkpoint, each as a whole; make the folder of the copy."""
    os.makedirs(os.path.dirname(copy.prefix), exist_ok=True)
    for before, after in zip(source.paths, copy.paths):
        replace_file(after, partial(shutil.copyfile, before))


def say_table(output: str, models: Sequence[str], final: Mapping[str, str]) -> None:
    """Print what every model reached, which one is the final one, and where the report is."""
    facts = json.loads(Path(output, FIGURES).read_text(encoding="utf-8"))
    rank1 = {row["stage"]: f"{row['rank1']:.5f}" for row in facts["identification"]}
    found: dict[str, dict[str, str]] = {name: {} for name in models}
    for row in facts["rows"]:
        found[row["stage"]][row["target"]] = f"{row['accuracy']:.5f}+-{row['std']:.5f}"
    cells = [["stage", *found[models[0]], *(["rank-1"] if rank1 else [])]]
    for name in models:
        cells.append([name, *found[name].values(), *([rank1[name]] if rank1 else [])])
    say(f"\n{aligned(cells)}")
    say(f"\nfinal model: {final['checkpoint']} (of {final['stage']})")
    say(f"report: {os.path.join(output, REPORT)}")
