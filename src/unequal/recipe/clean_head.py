"""The head without noise: without the images whose labels the model does not believe.

That finds images of nobody and wrong labels. It did better than the noise list of step 2.2 by
itself wherever it was tried (benchmarks/method/METHOD.md); ``label_below`` 0 takes that list.
"""

from __future__ import annotations

import os
import shlex
import time
from typing import NamedTuple

import numpy as np

from recordio_tools.denoise import denoise
from recordio_tools.noise_threshold import noisy_images
from unequal.faces.noise_list import write_noise_list
from unequal.faces.noise_scores import Scores, read_scores
from unequal.faces.noise_threshold import choose_threshold
from unequal.recipe import plan
from unequal.recipe.record import RecipeRecord
from unequal.recipe.settings import RecipeSettings
from unequal.report import stage_names as names
from unequal.support.console import say

# where a model believes fewer labels it has learned too little to judge them
MOST_UNLIKELY = 0.5
MANY_UNLIKELY = 0.25


def clean_head(settings: RecipeSettings, record: RecipeRecord) -> str:
    """Make the cleaned head if there is noise; return the folder that later stages read."""
    output = settings.output
    head, scores_file = (
        os.path.join(output, names.DENOISED),
        os.path.join(output, names.SCORES),
    )
    status = record.stage(names.DENOISE)["status"]
    if status in ("done", "skipped"):
        return head if status == "done" else settings.head
    whole = "the next stages read the whole head"
    if not os.path.exists(scores_file):  # a threshold of 0 writes none
        record.skip(names.DENOISE, f"no noise was looked for; {whole}")
        return settings.head
    scores = read_scores(scores_file)
    limits = limits_of(scores, settings.noise_threshold, settings.label_below)
    noisy = noisy_images(scores, limits.threshold, limits.label_below)
    if not noisy.any():
        record.skip(names.DENOISE, f"no image was taken for noise; {whole}{limits.remark}")
        return settings.head
    commands = plan.clean_commands(settings, limits.threshold, limits.label_below)
    record.begin(names.DENOISE, " && ".join(f"python -m {shlex.join(one)}" for one in commands))
    started = time.monotonic()
    noise_list = os.path.join(output, names.NOISE_LIST)
    os.makedirs(os.path.dirname(noise_list), exist_ok=True)
    write_noise_list(noise_list, scores.rows(noisy))
    found = denoise(settings.head, [noise_list], head, overwrite=True)
    verdict = (
        f"{found.removed} of {found.images} images left out; {found.lost_all} identities "
        f"lost all theirs{limits.remark}"
    )
    seconds = round(time.monotonic() - started, 1)
    record.note(names.DENOISE, status="done", verdict=verdict, seconds=seconds)
    say(f"== {names.DENOISE}: {verdict}")
    return head


class Limits(NamedTuple):
    """Below which probabilities an image is noise; 0 where that does not count."""

    threshold: float = 0.0  # of the most likely class
    label_below: float = 0.0  # of the label
    remark: str = ""  # what a person should know, after '; '


def limits_of(scores: Scores, noise_threshold: float | str, label_below: float) -> Limits:
    """Return the limits for these scores: on the label, unless most labels are not believed.

    Args:
        scores: those of the noise pass.
        noise_threshold: the limit on the most likely class where ``label_below`` is 0; 'auto': the
            valley between noise and the rest.
        label_below: the limit on the label; 0: none.
    """
    if not label_below:
        if isinstance(noise_threshold, str):
            return Limits(choose_threshold(scores.largest).threshold)
        return Limits(noise_threshold)
    unlikely = float(np.mean(noisy_images(scores, label_below=label_below)))
    if unlikely > MOST_UNLIKELY:
        return Limits(
            remark=f"; {unlikely:.0%} of the labels have a probability below {label_below:g}, too "
            "many to believe that they are wrong"
        )
    if unlikely <= MANY_UNLIKELY:
        return Limits(label_below=label_below)
    return Limits(
        label_below=label_below,
        remark="; that is much: look at the report, and give a lower --label-below if good images "
        "are among them",
    )
