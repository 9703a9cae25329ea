"""The stages of the recipe, and the command line that each of them equals."""

from __future__ import annotations

import os
from dataclasses import dataclass

from unequal.recipe.settings import RecipeSettings

# what a stage has that its script has not by default; flags of the user go after it
LIMITS = {
    "softmax": "--lr 0.1 --end-epoch 40 --lr-drops 2",
    "savemodel": "--lr 0.01 --end-epoch 1 --max-steps 1",
    "noise_resistance": "--lr 0.01 --end-epoch 20 --lr-drops 1",
    "unequal": "--lr 0.001 --end-epoch 20",
}
SOFTMAX = "1-softmax"
SAVEMODEL = "2.1-savemodel"
NOISE_RESISTANCE = "2.2-noise_resistance"
DENOISE = "3.1-denoise"
AGAIN = "1-softmax-again"
UNEQUAL = "3.2-unequal-"  # and the weight
EVALUATION = "evaluation"
DENOISED, FINAL = "head_denoised", "final"
OLD_NAMES = ("2a-savemodel", "2b-NR", "denoise", "1-again")  # of earlier versions
OLD_UNEQUAL = "3-interweight-"


@dataclass(frozen=True)
class Stage:
    """One stage of the recipe."""

    name: str  # and that of its folder; it begins with the number and the key of its step
    title: str  # what it does
    why: str  # what it is for
    step: str = ""  # key of the step whose script trains; '' where nothing is trained
    interweight: float = 0.0  # weight of the inter-class loss


HEAD_STAGES = (
    Stage(
        SOFTMAX,
        "ArcFace on the head",
        "a first model, from the identities with many photos",
        "softmax",
    ),
    Stage(
        SAVEMODEL,
        "the same model under the graph of step 2.2",
        "one step, so that the noise pass can read the model",
        "savemodel",
    ),
    Stage(
        NOISE_RESISTANCE,
        "noise left out, noise-resistance loss",
        "finds images of nobody in the head and trains without them, trusting labels less",
        "noise_resistance",
    ),
    Stage(
        DENOISE, "the cleaned head", "without the images whose labels the model does not believe"
    ),
)


def stages_of(settings: RecipeSettings) -> list[Stage]:
    """Return all stages that may run, in order."""
    again = Stage(
        AGAIN,
        "ArcFace again on the cleaned head",
        "from scratch, so that nothing stays of what the noise has taught",
        "softmax",
    )
    confusing = "the head as before, and confusing identities of the tail driven apart"
    return [
        *HEAD_STAGES,
        *([again] if settings.again else []),
        *(
            Stage(
                f"{UNEQUAL}{weight:g}",
                f"head and tail, weight {weight:g}",
                confusing,
                "unequal",
                weight,
            )
            for weight in settings.interweights
        ),
        Stage(EVALUATION, "evaluation", "every model that may be kept, on every target"),
    ]


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


def scores_file(output: str) -> str:
    """Return where step 2.2 leaves how sure the model was of every image."""
    return os.path.join(output, NOISE_RESISTANCE, "0_noise_scores.csv")


def noise_list(output: str) -> str:
    """Return where the list of the images lies that are left out."""
    return os.path.join(output, DENOISE, "noiselist.txt")


def clean_commands(
    settings: RecipeSettings, threshold: float, label_below: float
) -> tuple[list[str], list[str]]:
    """Return the words behind ``python -m`` that list the noise, and those that leave it out."""
    listed, output = noise_list(settings.output), settings.output
    find = ["recordio_tools.noise_threshold", "--scores", scores_file(output)]
    find += ["--threshold", f"{threshold!r}"] if threshold else []
    find += ["--label-below", f"{label_below!r}"] if label_below else []
    leave_out = ["recordio_tools.denoise", "--data-dir", settings.head, "--noise-list", listed]
    return (
        [*find, "--output", listed, "--overwrite"],
        [*leave_out, "--output", os.path.join(output, DENOISED), "--overwrite"],
    )


def batches_between_tests(settings: RecipeSettings, images: int, batch: int) -> int:
    """Return the batches of ``batch`` images between two tests on a head of ``images`` images."""
    return settings.test_every or min(2000, max(50, images // batch))


def is_ours(name: str) -> bool:
    """Tell whether the recipe, or an earlier version of it, gives this name in its folder."""
    files = ("recipe.json", "evaluation.json", "report.html", DENOISED, FINAL)
    stages = (SOFTMAX, SAVEMODEL, NOISE_RESISTANCE, DENOISE, AGAIN, EVALUATION, *OLD_NAMES)
    return name in files or name in stages or name.startswith((UNEQUAL, OLD_UNEQUAL))
