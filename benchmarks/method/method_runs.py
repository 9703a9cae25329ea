"""The steps of a run: scripts that train, and tools that clean, each done once and kept.

What a step makes lies in a folder whose name is made of its flags, and so of those of the steps
before it. A step that was done, for another method or before an interruption, is not done again.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import NamedTuple, Sequence

from recordio_tools.noise_threshold import noisy_images
from run_script import run_stage
from unequal.faces.noise_list import write_noise_list
from unequal.faces.noise_scores import read_scores

NETWORK = (
    "--network",
    "r18",
    "--width",
    "0.25",
    "--emb-size",
    "128",
    "--loss-type",
    "4",
    "--margin-s",
    "32",
    "--margin-m",
    "0.3",
    "--target",
    "none",
    "--verbose",
    "1000000",
)
BATCH = 64
HEAD_ROWS, TAIL_ROWS, MINED_AT_ONCE = 60, 60, 120
DROPS = (0.6, 0.85)
DONE = "done.json"


class Settings(NamedTuple):
    """The numbers of all methods.

    budget: images that a method trains on; start: share of them for the ArcFace training that
    most methods begin with; lr, lr_again, lr_nr, lr_unequal: learning rates of ArcFace from
    scratch, of ArcFace that goes on, of the NR loss and of stage two; threshold, beta,
    interweight, bag: --noise-threshold, --noise-beta, --interweight and --bag-size; below: denoise
    by the probability of the label, which must be this much, in place of the largest one (0: by
    the script's list).
    """

    budget: int = 48000
    start: float = 0.5
    lr: float = 0.05
    lr_again: float = 0.03
    lr_nr: float = 0.02
    lr_unequal: float = 0.005
    threshold: str = "auto"
    beta: float = 0.9
    interweight: float = 5.0
    bag: int = 180
    below: float = 0.0


class Step(NamedTuple):
    """A finished step: its folder, command, images trained on, images only looked at, seconds."""

    folder: Path
    command: str
    trained: int
    looked_at: int
    seconds: float

    @property
    def model(self) -> Path:
        """Prefix of the checkpoint, number 0, that training left."""
        return self.folder / "model"

    @property
    def set(self) -> Path:
        """The set that a tool made."""
        return self.folder / "set"

    @property
    def noise_list(self) -> Path:
        """The list that an NR training made."""
        return self.folder / "0_noiselist.txt"

    def listed_below(self, label: float) -> Path:
        """A list of the images whose label has a probability below ``label``, of its scores."""
        scores = read_scores(self.folder / "0_noise_scores.csv")
        path = self.folder / f"below_{label:g}.txt"
        write_noise_list(path, scores.rows(noisy_images(scores, label_below=label)))
        return path


class Runs:
    """The steps of one method in ``folder``, seeded with ``seed``; ``steps`` lists those used."""

    def __init__(self, folder: Path, seed: int, settings: Settings) -> None:
        self.folder, self.seed, self.settings = folder, seed, settings
        self.steps: list[Step] = []
        self.used_list: Path | None = None

    def arcface(self, data: Path, images: float, start: Step | None = None) -> Step:
        """Stage 1: ArcFace on ``data``, from scratch or from the model of ``start``."""
        settings = self.settings
        return self._train(
            "arcface",
            "train_softmax.py",
            images,
            BATCH,
            settings.lr_again if start else settings.lr,
            [*_one_set(data), *(_pretrained(start) if start else [])],
        )

    def noise_resistance(self, start: Step, data: Path, images: float) -> Step:
        """Stages 2.1 and 2.2: NR training without what ``start`` takes for noise, and its list.

        The step of stage 2.1 is not counted. With 0 ``images`` only the list is wanted: the two
        steps that are trained are not counted either.
        """
        settings = self.settings
        common = [*_one_set(data), "--noise-beta", str(settings.beta)]
        once = ["--max-steps", "1"]
        prepared = self._network(
            "savemodel",
            "train_NR_savemodel.py",
            0,
            [*common, *once, "--lr", "0.01", *_pretrained(start)],
        )
        flags = [
            *common,
            *_pretrained(prepared),
            "--noise-threshold",
            settings.threshold,
            "--batch_size_mining",
            str(BATCH),
        ]
        if not images:
            return self._network("list", "train_NR.py", 0, [*flags, *once, "--lr", "0.01"])
        return self._train("nr", "train_NR.py", images, BATCH, settings.lr_nr, flags)

    def stage_two(self, start: Step, head: Path, tail: Path, images: float) -> Step:
        """Stage 3.2, on head and tail; half of ``images`` are the tail's."""
        settings = self.settings
        return self._train(
            "unequal",
            "train_debug_soft_gs.py",
            images,
            HEAD_ROWS + TAIL_ROWS,
            settings.lr_unequal,
            [
                "--data-dir",
                str(head),
                "--data-dir-interclass",
                str(tail),
                "--batch-size1",
                str(HEAD_ROWS),
                "--batchsize_id",
                str(TAIL_ROWS),
                "--batch-size2",
                str(MINED_AT_ONCE),
                "--bag-size",
                str(settings.bag),
                "--noise-beta",
                str(settings.beta),
                "--interweight",
                str(settings.interweight),
                *_pretrained(start),
            ],
        )

    def cleaned(self, data: Path, found: Step) -> Path:
        """Stage 3.1: the set without what an NR training's list names, or see Settings.below."""
        below = self.settings.below
        self.used_list = found.listed_below(below) if below else found.noise_list
        return self.without(data, self.used_list)

    def without(self, data: Path, noise_list: Path) -> Path:
        """Stage 3.1: the set without what the list names."""
        return self._do(
            "denoise",
            "-m recordio_tools.denoise",
            0,
            "--output",
            "set",
            ["--data-dir", str(data), "--noise-list", str(noise_list)],
        ).set

    def merged(self, *sets: Path) -> Path:
        """Several sets as one, every identity on its own."""
        return self._do(
            "merge",
            "-m recordio_tools.merge",
            0,
            "--output",
            "set",
            ["--data-dir", *map(str, sets)],
        ).set

    def _train(
        self, name: str, script: str, images: float, batch: int, rate: float, flags: Sequence[str]
    ) -> Step:
        """A training of as many batches as ``images`` fill, with DROPS of the rate."""
        batches = max(2, round(images / batch))
        drops = ",".join(str(round(share * batches)) for share in DROPS)
        # the scripts end one batch late
        return self._network(
            name,
            script,
            batches * batch,
            [*flags, "--lr", str(rate), "--lr-steps", drops, "--max-steps", str(batches - 1)],
        )

    def _network(self, name: str, script: str, images: int, flags: Sequence[str]) -> Step:
        return self._do(
            name, script, images, "--prefix", "model", [*NETWORK, "--seed", str(self.seed), *flags]
        )

    def _do(
        self,
        name: str,
        script: str,
        images: int,
        output_flag: str,
        output: str,
        flags: Sequence[str],
    ) -> Step:
        """Run the script, unless it was; raises InputError when it fails."""
        text = " ".join([script, *flags]).replace(str(self.folder), "")
        folder = self.folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        done = folder / DONE
        if not done.exists():
            folder.mkdir(parents=True, exist_ok=True)
            flags = [*flags, output_flag, str(folder / output)]
            started = time.time()
            run_stage(script, flags, folder / "log.txt")
            log = (folder / "log.txt").read_text(encoding="utf-8")
            done.write_text(
                json.dumps(
                    dict(
                        command=f"python {script} {' '.join(flags)}",
                        trained=images,
                        looked_at=_looked_at(log),
                        seconds=time.time() - started,
                    )
                ),
                encoding="utf-8",
            )
        step = Step(folder, **json.loads(done.read_text(encoding="utf-8")))
        self.steps.append(step)
        return step


def _one_set(data: Path) -> list[str]:
    return ["--data-dir", str(data), "--per-batch-size", str(BATCH)]


def _pretrained(start: Step) -> list[str]:
    return ["--pretrained", f"{start.model},0"]


def _looked_at(log: str) -> int:
    """Images embedded for the noise list or for mining, as the lines of the log tell."""
    words = [line.split() for line in log.splitlines()]
    mined = sum(int(line[1]) for line in words if line[:1] == ["eval"])
    return mined + max(
        (int(line[3]) for line in words if line[:2] == ["start", "bb,ba"]), default=0
    )
