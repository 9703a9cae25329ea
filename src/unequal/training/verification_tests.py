"""Verification during training: its sets, its log lines, its accuracies."""

from __future__ import annotations

import logging
import os
from typing import Callable, Mapping

import numpy as np

from eval.verification import VerificationResult, test
from eval.verification_parts.verification_set import VerificationSet, load_bin
from unequal.support.console import say


def target_files(data_dir: str, names: str) -> list[tuple[str, str]]:
    """Return (target, path) of the bins that are in ``data_dir``; ``names`` have commas between."""
    paths = [(name, os.path.join(data_dir, f"{name}.bin")) for name in names.split(",") if name]
    return [(name, path) for name, path in paths if os.path.exists(path)]


def load_targets(data_dir: str, names: str, size: tuple[int, int]) -> dict[str, VerificationSet]:
    """Return {target: verification set} of the bins that are in ``data_dir``.

    Args:
        data_dir: folder of the head.
        names: targets with commas between them; those without a NAME.bin are left out.
        size: (height, width) of the images in pixels.

    Raises:
        InputError: a bin cannot be read or has images of another size.
    """
    found = {}
    for name, path in target_files(data_dir, names):
        found[name] = load_bin(path, size, _say_every_thousand)
        say((len(found[name]), 3, *size))
        say("ver", name)
    if not found:
        logging.warning(
            "%s: holds none of the sets of --target %s: nothing will be tested", data_dir, names
        )
    return found


def _say_every_thousand(index: int) -> None:
    if index % 1000 == 0:
        say("loading bin", index)


def run_test(
    step: int,
    targets: Mapping[str, VerificationSet],
    embed: Callable[[np.ndarray], np.ndarray],
    batch_size: int,
    shapes: str = "",
) -> dict[str, VerificationResult]:
    """Test a model on all targets and print the lines of 2019; ``shapes`` is one of them."""
    results = {}
    for name, verification_set in targets.items():
        say("testing verification..")
        if shapes:
            say(shapes)
        result = test(verification_set, embed, batch_size)
        say(result.embeddings.shape)
        say(f"infer time {result.seconds:f}")
        say(f"[{name}][{step}]XNorm: {result.xnorm:f}")
        say(f"[{name}][{step}]Accuracy-Flip: {result.acc2:1.5f}+-{result.std2:1.5f}")
        results[name] = result
    return results
