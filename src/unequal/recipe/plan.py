"""The stages of the recipe, and the command line that each of them equals."""

from __future__ import annotations

import os
from typing import NamedTuple

from unequal.recipe.settings import RecipeSettings
from unequal.report import stage_names as names

# what a stage has that its script has not by default; flags of the user go after it
LIMITS = {
    "softmax": "--lr 0.1 --end-epoch 40 --lr-drops 2",
    "savemodel": "--lr 0.01 --end-epoch 1 --max-steps 1",
    "noise_resistance": "--lr 0.01 --end-epoch 20 --lr-drops 1",
    "unequal": "--lr 0.001 --end-epoch 20",
}
# what a stage does, and what it is for
TEXTS = {
    names.SOFTMAX: "ArcFace on the head: a first model, from the identities with many photos",
    names.SAVEMODEL: "the same model under the graph of step 2.2: one step, so that the noise pass "
    "can read the model",
    names.NOISE_RESISTANCE: "noise left out, noise-resistance loss: finds images of nobody in the "
    "head and trains without them, trusting labels less",
    names.DENOISE: "the cleaned head: without the images whose labels the model does not believe",
    names.AGAIN: "ArcFace again on the cleaned head: from scratch, so that nothing stays of what "
    "the noise has taught",
    names.UNEQUAL: "head and tail, weight {:g}: the head as before, and confusing identities of "
    "the tail driven apart",
    names.EVALUATION: "evaluation: every model that may be kept, on every target",
}
OLD_NAMES = ("2a-savemodel", "2b-NR", "denoise", "1-again")  # of earlier versions
OLD_UNEQUAL = "3-interweight-"


class Stage(NamedTuple):
    """One stage of the recipe."""

    name: str  # and that of its folder
    step: str  # key of the step whose script trains; '' where nothing is trained
    title: str  # what it does
    why: str  # what it is for
    interweight: float  # weight of the inter-class loss


def stages_of(settings: RecipeSettings) -> list[Stage]:
    """Return all stages that may run, in order."""
    stages = []
    for name in TEXTS:
        step = next((step for step in LIMITS if step in name), "")
        for weight in settings.interweights if name == names.UNEQUAL else [0.0]:
            title, why = TEXTS[name].format(weight).split(": ")
            whole = f"{name}{weight:g}" if name == names.UNEQUAL else name
            if name != names.AGAIN or settings.again:
                stages.append(Stage(whole, step, title, why, weight))
    return stages


def command(
    stage: Stage, settings: RecipeSettings, test_every: int, head: str, pretrained: str
) -> list[str]:
    """Return the words behind the script's name for a training stage.

    Args:
        stage: a stage with a step.
        settings: those of the run.
        test_every: batches between tests in steps 1 and 2.2, see :func:`batches_between_tests`.
        head: folder of the set that it reads.
        pretrained: checkpoint that it starts from, 'prefix,epoch'; '' for none.
    """
    step, folder = stage.step, os.path.join(settings.output, stage.name)
    model = "model_t" if step == "savemodel" else "model"
    words = ["--data-dir", head]
    if step == "unequal":
        words += ["--data-dir-interclass", settings.tail, "--interweight", f"{stage.interweight:g}"]
    words += ["--prefix", os.path.join(folder, model), "--log-dir", folder]
    if pretrained:
        words += ["--pretrained", pretrained]
    if step in ("savemodel", "noise_resistance"):
        words += ["--bin-dir", folder]
    words += ["--seed", str(settings.seed), "--ckpt", "0", *LIMITS[step].split()]
    if step != "savemodel":
        words += ["--patience", str(settings.patience)]
    if step in ("softmax", "noise_resistance"):
        words += ["--verbose", str(test_every)]
    return [*words, *settings.words[step]]


def clean_commands(
    settings: RecipeSettings, threshold: float, label_below: float
) -> tuple[list[str], list[str]]:
    """Return the words behind ``python -m`` that list the noise, and those that leave it out."""
    output = settings.output
    listed, scores = (os.path.join(output, name) for name in (names.NOISE_LIST, names.SCORES))
    find = ["recordio_tools.noise_threshold", "--scores", scores]
    find += ["--threshold", f"{threshold!r}"] if threshold else []
    find += ["--label-below", f"{label_below!r}"] if label_below else []
    leave_out = ["recordio_tools.denoise", "--data-dir", settings.head, "--noise-list", listed]
    return (
        [*find, "--output", listed, "--overwrite"],
        [*leave_out, "--output", os.path.join(output, names.DENOISED), "--overwrite"],
    )


def batches_between_tests(settings: RecipeSettings, images: int, batch: int) -> int:
    """Return the batches of ``batch`` images between two tests on a head of ``images`` images."""
    return settings.test_every or min(2000, max(50, images // batch))


def is_ours(name: str) -> bool:
    """Tell whether the recipe, or an earlier version of it, gives this name in its folder."""
    files = (
        names.RECORD,
        names.FIGURES,
        names.REPORT,
        names.DENOISED,
        names.FINAL,
    )
    return name in (*files, *TEXTS, *OLD_NAMES) or name.startswith((names.UNEQUAL, OLD_UNEQUAL))
