"""When the learning rate drops: tenfold after fixed numbers of batches."""

from __future__ import annotations

from typing import Sequence

SOFTMAX_STEPS = {0: (16000, 24000)}
SOFTMAX_STEPS_DEFAULT = (32000, 48000, 60000)
OTHER_STEPS = (100000, 140000, 160000)
REFERENCE_BATCH = 512


def default_steps(script: str, loss_type: int, batch_size: int) -> list[int]:
    """The 2019 steps, made for batches of 512 images, at this batch size."""
    steps: Sequence[int] = OTHER_STEPS
    if script == "softmax":
        steps = SOFTMAX_STEPS.get(loss_type, SOFTMAX_STEPS_DEFAULT)
    return [int(step * REFERENCE_BATCH / batch_size) for step in steps]
