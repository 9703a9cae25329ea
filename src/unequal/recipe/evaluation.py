"""How good the models are: every one on every target, and how well it finds people."""

from __future__ import annotations

import glob
import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any, Mapping, Sequence

import mxnet as mx

from eval import identification
from eval.verification import test
from eval.verification_parts import curves
from eval.verification_parts.verification_set import VerificationSet
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.recipe.progress_display import log_of
from unequal.recipe.settings import RecipeSettings
from unequal.report.stage_names import EVALUATION, FIGURES, REPORT
from unequal.support.console import aligned, say
from unequal.support.errors import InputError
from unequal.support.files import replace_file

BATCH = 64


def identify(settings: RecipeSettings, name: str, checkpoint: Checkpoint) -> dict[str, Any]:
    """Identify the people with the model of a stage, once; the result is kept in a file.

    Args:
        settings: those of the run, with people to identify.
        name: the stage.
        checkpoint: its model.

    Returns:
        The ``stage``, its ``rank1``, ``rank5`` and ``searches``.

    Raises:
        InputError: what ``python -m eval.identification`` says is wrong.
    """
    path = Path(settings.output, EVALUATION, f"{name}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        words = ["--model", str(checkpoint), "--gallery", settings.identify, "--output", str(path)]
        words += ["--distractors", settings.distractors] if settings.distractors else []
        with log_of(os.path.join(path.parent, "log.txt"), terminal=True):
            try:
                identification.run(words)
            except InputError as error:
                raise InputError(f"`identify` {settings.identify}: {error}") from error
    for left in path.parent.glob(f"{glob.escape(name)}.*.*"):  # embeddings, large and read once
        left.unlink()
    found = json.loads(path.read_text(encoding="utf-8"))
    rank5 = found["cmc"][min(5, len(found["cmc"])) - 1]
    return {"stage": name, "rank1": found["rank1"], "rank5": rank5, "searches": found["searches"]}


def evaluate_models(
    output: str,
    models: Mapping[str, Checkpoint],
    final: str,
    targets: Mapping[str, VerificationSet],
    device: mx.Context,
    identified: Sequence[Mapping[str, Any]] = (),
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
        identified: rows of :func:`identify`.
    """
    rows: list[dict[str, Any]] = []
    drawn: dict[str, dict[str, Any]] = {name: {} for name in models}
    for stage, checkpoint in models.items():
        embed = load_embedder(checkpoint, device)
        for name, pairs in targets.items():
            result = test(pairs, embed, min(BATCH, len(pairs)))
            distances = curves.pair_distances(result.embeddings)
            rows.append(
                {
                    "stage": stage,
                    "checkpoint": str(checkpoint),
                    "target": name,
                    "accuracy": result.acc2,
                    "std": result.std2,
                    "xnorm": result.xnorm,
                    "folds": result.accuracy.tolist(),
                    **curves.figures(distances, pairs.issame),
                }
            )
            drawn[stage][name] = curves.curves(distances, pairs.issame)
    facts = {
        "rows": rows,
        "first": drawn[next(iter(models))],
        "final": drawn[final],
        "identification": list(identified),
    }
    text = json.dumps(facts) + "\n"
    replace_file(os.path.join(output, FIGURES), lambda to: Path(to).write_text(text, "utf-8"))


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
