"""The stages of the recipe, and the command line that each of them equals."""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple, Sequence

from unequal.recipe.flags import STAGES, passed_on
from unequal.training.flags import images_a_device

SCRIPTS = {
    "softmax": "train_softmax.py",
    "savemodel": "train_NR_savemodel.py",
    "noise_resistance": "train_NR.py",
    "unequal": "train_debug_soft_gs.py",
}
# what a stage of this recipe has that its script has not by default; flags of the user go after it
LIMITS = {
    "softmax": ["--lr", "0.1", "--end-epoch", "40", "--lr-drops", "2"],
    "savemodel": ["--lr", "0.01", "--end-epoch", "1", "--max-steps", "1"],
    "noise_resistance": ["--lr", "0.01", "--end-epoch", "20", "--lr-drops", "1"],
    "unequal": ["--lr", "0.001", "--end-epoch", "20"],
}
ARCFACE, SAVEMODEL, NOISE, DENOISE, AGAIN, EVALUATION = (
    "1-softmax",
    "2a-savemodel",
    "2b-NR",
    "denoise",
    "1-again",
    "evaluation",
)
DENOISED, FINAL = "head_denoised", "final"


class Stage(NamedTuple):
    """One stage: its name, which is its folder as well, what it is for, and its script if any."""

    name: str
    title: str
    why: str
    script: str = ""
    interweight: float | None = None


def stages(args: argparse.Namespace) -> list[Stage]:
    """All that may run, in order."""
    return [
        Stage(
            ARCFACE,
            "ArcFace on the head",
            "a first model, from the identities with many photos",
            "softmax",
        ),
        Stage(
            SAVEMODEL,
            "the same under the NR graph",
            "one step, so that the noise pass can read the model",
            "savemodel",
        ),
        Stage(
            NOISE,
            "noise left out, NR loss",
            "finds images of nobody in the head and trains without them, trusting labels less",
            "noise_resistance",
        ),
        Stage(
            DENOISE,
            "the cleaned head",
            "without the images whose labels the model does not believe",
        ),
        *(
            [
                Stage(
                    AGAIN,
                    "ArcFace again on the cleaned head",
                    "from scratch, so that nothing stays of what the noise has taught",
                    "softmax",
                )
            ]
            if args.again
            else []
        ),
        *(
            Stage(
                f"3-interweight-{weight:g}",
                f"head and tail, weight {weight:g}",
                "the head as before, and confusing identities of the tail driven apart",
                "unequal",
                weight,
            )
            for weight in args.interweights
        ),
        Stage(EVALUATION, "evaluation", "every model that may be kept, on every target"),
    ]


def command(
    stage: Stage, args: argparse.Namespace, test_every: int, head: str, pretrained: str
) -> list[str]:
    """The words behind the script's name for a training stage.

    ``head`` is the set it reads, ``pretrained`` the checkpoint it starts from, if any.
    """
    script, folder = stage.script, os.path.join(args.output, stage.name)
    model = "model_t" if script == "savemodel" else "model"
    words = ["--data-dir", head]
    if script == "unequal":
        words += ["--data-dir-interclass", args.tail, "--interweight", f"{stage.interweight:g}"]
    words += ["--prefix", os.path.join(folder, model), "--log-dir", folder]
    if pretrained:
        words += ["--pretrained", pretrained]
    if script in ("savemodel", "noise_resistance"):
        words += ["--bin-dir", folder]
    words += ["--seed", str(args.seed), "--ckpt", "0", *passed_on(script, args), *LIMITS[script]]
    if script != "savemodel":
        words += ["--patience", str(args.patience)]
    if script in ("softmax", "noise_resistance"):
        words += ["--verbose", str(test_every)]
    return words + list(getattr(args, STAGES.get(script, ""), []))


def scores_file(args: argparse.Namespace) -> str:
    """Where stage 2b leaves how sure the model was of every image."""
    return os.path.join(args.output, NOISE, "0_noise_scores.csv")


def noise_list(args: argparse.Namespace) -> str:
    """Where the list of what is left out lies."""
    return os.path.join(args.output, DENOISE, "noiselist.txt")


def list_words(args: argparse.Namespace, threshold: float, label_below: float) -> list[str]:
    """The words behind ``python -m recordio_tools.noise_threshold``."""
    words = ["--scores", scores_file(args)]
    words += ["--threshold", f"{threshold!r}"] if threshold else []
    words += ["--label-below", f"{label_below!r}"] if label_below else []
    return [*words, "--output", noise_list(args), "--overwrite"]


def denoise_words(args: argparse.Namespace) -> list[str]:
    """The words behind ``python -m recordio_tools.denoise``."""
    return [
        "--data-dir",
        args.head,
        "--noise-list",
        noise_list(args),
        "--output",
        os.path.join(args.output, DENOISED),
        "--overwrite",
    ]


def test_every(args: argparse.Namespace, images: int, devices: int) -> int:
    """Batches between tests of stages 1 and 2b, of a head of so many images."""
    batch = images_a_device(args) * devices
    return args.test_every or min(2000, max(50, images // batch))


def names_in(output: str) -> Sequence[str]:
    """What of a folder's entries may be a recipe's, and goes with --fresh."""
    files = ("recipe.json", "evaluation.json", "report.html", DENOISED, FINAL)
    folders = (ARCFACE, SAVEMODEL, NOISE, DENOISE, AGAIN, EVALUATION)
    return sorted(
        name
        for name in os.listdir(output)
        if name in files or name in folders or name.startswith("3-interweight-")
    )
