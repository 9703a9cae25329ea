"""How well a model finds the people of ``--identify`` among each other and the distractors."""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path
from typing import Any

from eval import identification
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.recipe.progress_display import log_of
from unequal.recipe.settings import RecipeSettings
from unequal.report.stage_names import EVALUATION
from unequal.support.errors import InputError


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
