"""How well a model finds the people of ``--identify`` among each other and the distractors."""

from __future__ import annotations

import argparse
import glob
import json
import os
from pathlib import Path

from eval import identification
from unequal.recipe.plan import EVALUATION
from unequal.recipe.progress_display import log_of
from unequal.support.errors import InputError


def command(args: argparse.Namespace, name: str, checkpoint: str) -> list[str]:
    """The words behind ``python -m eval.identification`` for the model of a stage."""
    words = [
        "--model",
        checkpoint,
        "--gallery",
        args.identify,
        "--output",
        os.path.join(args.output, EVALUATION, f"{name}.json"),
    ]
    return words + (["--distractors", args.distractors] if args.distractors else [])


def identify(args: argparse.Namespace, name: str, checkpoint: str) -> dict:
    """The ``stage``, its ``rank1``, ``rank5`` and ``searches``; done once, and kept in a file.

    Raises :class:`InputError` with what the command says is wrong.
    """
    words = command(args, name, checkpoint)
    path = Path(words[words.index("--output") + 1])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with log_of(str(path.parent / "log.txt"), terminal=True):
            try:
                identification.run(words)
            except InputError as error:
                raise InputError(f"--identify {args.identify}: {error}") from error
    for left in path.parent.glob(f"{glob.escape(name)}.*.*"):  # embeddings, large and read once
        left.unlink()
    found = json.loads(path.read_text(encoding="utf-8"))
    return {
        "stage": name,
        "rank1": found["rank1"],
        "rank5": found["cmc"][min(5, len(found["cmc"])) - 1],
        "searches": found["searches"],
    }
