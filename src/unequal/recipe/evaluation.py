"""Every model that may be kept, on every target: ``OUTPUT/evaluation.json``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Mapping, Sequence

import mxnet as mx

from eval.verification import VerificationResult, evaluate, test
from eval.verification_parts import curves
from eval.verification_parts.verification_set import VerificationSet
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.support.files import replace_file

FILE = "evaluation.json"
BATCH = 64


def evaluate_models(
    output: str,
    models: Mapping[str, str],
    final: str,
    targets: Mapping[str, VerificationSet],
    device: mx.Context,
    identification: Sequence[Mapping] = (),
) -> None:
    """Test ``models`` ({stage: 'prefix,epoch'}) and write the file, ``identification`` with it.

    A row holds the accuracy over ten folds, TAR at FARs over all pairs (None where there are too
    few), and the area under the ROC; of the first stage and the ``final`` one the file has the ROC
    and histograms of distances.
    """
    rows, drawn = [], {name: {} for name in models}
    for stage, checkpoint in models.items():
        embed = load_embedder(Checkpoint.parse(checkpoint), device)
        for name, pairs in targets.items():
            result = test(pairs, embed, min(BATCH, len(pairs)))
            row, drawn[stage][name] = _figures(result, pairs)
            rows.append({"stage": stage, "checkpoint": checkpoint, "target": name, **row})
    text = json.dumps(
        {
            "rows": rows,
            "first": drawn[next(iter(models))],
            "final": drawn[final],
            "identification": list(identification),
        }
    )
    replace_file(
        os.path.join(output, FILE), lambda to: Path(to).write_text(text + "\n", encoding="utf-8")
    )


def _figures(result: VerificationResult, pairs: VerificationSet) -> tuple[dict, dict]:
    distances = curves.pair_distances(result.embeddings)
    folds = evaluate(result.embeddings, pairs.issame).accuracy
    row = {
        "accuracy": result.acc2,
        "std": result.std2,
        "xnorm": result.xnorm,
        "folds": [float(accuracy) for accuracy in folds],
        **curves.figures(distances, pairs.issame),
    }
    return row, curves.curves(distances, pairs.issame)
