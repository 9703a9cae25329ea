"""The runs of a method: scripts that train, and tools that clean, each run once and kept.

What a run makes lies in a folder whose name is made of its flags, and so of those of the runs
before it. What was run for another method or before an interruption is not run again.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Sequence

from recordio_tools.noise_threshold import noisy_images
from unequal.faces.noise_list import write_noise_list
from unequal.faces.noise_scores import Scores, read_scores
from unequal.support.errors import InputError

NETWORK = (
    *"--network r18 --width 0.25 --emb-size 128 --loss-type 4 --margin-s 32 --margin-m 0.3".split(),
    *"--target none --verbose 1000000".split(),
)
BATCH = 64
HEAD_ROWS, TAIL_ROWS, MINED_AT_ONCE = 60, 60, 120
DROPS = (0.6, 0.85)
SCORES = "0_noise_scores.csv"
REPOSITORY = Path(__file__).resolve().parents[2]


class Settings(NamedTuple):
    """The numbers of all methods."""

    budget: int = 48000  # images that a method trains on
    start: float = 0.5  # share of them for the ArcFace training that most methods begin with
    lr: float = 0.05  # learning rate of ArcFace from scratch
    lr_again: float = 0.03  # of ArcFace that continues a model
    lr_nr: float = 0.02  # of the noise-resistance loss
    lr_unequal: float = 0.005  # of step 3.2
    threshold: str = "auto"  # --noise-threshold
    beta: float = 0.9  # --noise-beta
    interweight: float = 5.0  # --interweight
    bag: int = 180  # --bag-size
    below: float = 0.0  # denoise what has a label of a lower probability (0: the script's list)


class FinishedRun(NamedTuple):
    """One run of a script or a tool, and what it left."""

    folder: Path
    command: str
    trained: int  # images that were trained on
    looked_at: int  # images that were only embedded
    seconds: float

    @property
    def model(self) -> Path:
        """The prefix of the checkpoint, number 0, that a training left."""
        return self.folder / "model"

    @property
    def scores(self) -> Scores:
        """What step 2.2 found."""
        return read_scores(self.folder / SCORES)

    @property
    def log(self) -> str:
        """What the run printed."""
        return (self.folder / "log.txt").read_text(encoding="utf-8")


class Runs:
    """The runs of one method.

    Args:
        folder: where each run has a folder of its own.
        seed: of all random choices.
        settings: the numbers of the method.
        drops: shares of a training after which the learning rate drops.
    """

    def __init__(
        self, folder: Path, seed: int, settings: Settings, drops: tuple[float, ...] = DROPS
    ) -> None:
        self.folder, self.seed, self.settings, self.drops = folder, seed, settings, drops
        self.finished: list[FinishedRun] = []
        self.used_list: Path | None = None

    def softmax(self, data: Path, images: float, start: FinishedRun | None = None) -> FinishedRun:
        """Run step 1: ArcFace on ``data``, from scratch or from the model of ``start``."""
        rate = self.settings.lr_again if start else self.settings.lr
        flags = [*_one_set(data), *(_pretrained(start) if start else [])]
        return self._train("arcface", "train_softmax.py", images, BATCH, rate, flags)

    def noise_resistance(self, start: FinishedRun, data: Path, images: float) -> FinishedRun:
        """Run steps 2.1 and 2.2: training without what ``start`` takes for noise, and its list.

        The batch of step 2.1 is not counted. With 0 ``images`` only the list is wanted: the two
        batches that are trained are not counted either.
        """
        settings = self.settings
        common = [*_one_set(data), "--noise-beta", str(settings.beta)]
        once = ["--max-steps", "1", "--lr", "0.01"]
        flags = [*common, *once, *_pretrained(start)]
        prepared = self._network("savemodel", "train_NR_savemodel.py", 0, flags)
        flags = [*common, *_pretrained(prepared), "--noise-threshold", settings.threshold]
        flags += ["--batch_size_mining", str(BATCH)]
        if not images:
            return self._network("list", "train_NR.py", 0, [*flags, *once])
        return self._train("nr", "train_NR.py", images, BATCH, settings.lr_nr, flags)

    def unequal(self, start: FinishedRun, head: Path, tail: Path, images: float) -> FinishedRun:
        """Run step 3.2 on head and tail; half of ``images`` are the tail's."""
        settings = self.settings
        flags = ["--data-dir", str(head), "--data-dir-interclass", str(tail)]
        flags += ["--batch-size1", str(HEAD_ROWS), "--batchsize_id", str(TAIL_ROWS)]
        flags += ["--batch-size2", str(MINED_AT_ONCE), "--bag-size", str(settings.bag)]
        flags += ["--noise-beta", str(settings.beta), "--interweight", str(settings.interweight)]
        flags += _pretrained(start)
        rows, rate = HEAD_ROWS + TAIL_ROWS, settings.lr_unequal
        return self._train("unequal", "train_debug_soft_gs.py", images, rows, rate, flags)

    def cleaned(self, data: Path, found: FinishedRun) -> Path:
        """Run step 3.1: the set without what the list of step 2.2 names, or see Settings.below."""
        below = self.settings.below
        self.used_list = found.folder / (f"below_{below:g}.txt" if below else "0_noiselist.txt")
        if below:
            noisy = noisy_images(found.scores, label_below=below)
            write_noise_list(self.used_list, found.scores.rows(noisy))
        return self.without(data, self.used_list)

    def without(self, data: Path, noise_list: Path) -> Path:
        """Run step 3.1: the set without what the list names."""
        return self._tool("denoise", ["--data-dir", str(data), "--noise-list", str(noise_list)])

    def merged(self, *sets: Path) -> Path:
        """Merge several sets, every identity on its own."""
        return self._tool("merge", ["--data-dir", *map(str, sets)])

    def _tool(self, name: str, flags: Sequence[str]) -> Path:
        done = self._do(name, f"-m recordio_tools.{name}", 0, "--output", "set", flags)
        return done.folder / "set"

    def _train(
        self, name: str, script: str, images: float, batch: int, rate: float, flags: Sequence[str]
    ) -> FinishedRun:
        """Train as many batches as ``images`` fill."""
        batches = max(2, round(images / batch))
        drops = ",".join(str(round(share * batches)) for share in self.drops)
        # the scripts end one batch late
        schedule = ["--lr", str(rate), "--lr-steps", drops, "--max-steps", str(batches - 1)]
        return self._network(name, script, batches * batch, [*flags, *schedule])

    def _network(self, name: str, script: str, images: int, flags: Sequence[str]) -> FinishedRun:
        flags = [*NETWORK, "--seed", str(self.seed), *flags]
        return self._do(name, script, images, "--prefix", "model", flags)

    def _do(
        self, name: str, script: str, images: int, to: str, output: str, flags: Sequence[str]
    ) -> FinishedRun:
        """Run a script as a user would, on the CPU, unless it was run already.

        Args:
            name: of the run's folder.
            script: a file of the repository, or '-m MODULE'.
            images: how many it trains on.
            to: the flag for its output.
            output: its output, in the run's folder.
            flags: all others.

        Raises:
            InputError: it has failed.
        """
        text = " ".join([script, *flags]).replace(str(self.folder), "")
        folder = self.folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        done, log = folder / "done.json", folder / "log.txt"
        if not done.exists():
            folder.mkdir(parents=True, exist_ok=True)
            words = [*script.split(), *flags, to, str(folder / output)]
            started = time.time()
            with open(log, "w", encoding="utf-8") as file:
                status = subprocess.run(
                    [sys.executable, "-u", *words],
                    cwd=REPOSITORY,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
                ).returncode
            said = log.read_text(encoding="utf-8")
            # a threshold that keeps no batch ends a run for the list alone; its scores are there
            if status and not (name == "list" and (folder / SCORES).exists()):
                last = "".join(said.strip().splitlines()[-1:])
                raise InputError(f"{script} ended with status {status}: {last} (whole log: {log})")
            facts = dict(command=f"python {' '.join(words)}", trained=images)
            facts.update(looked_at=_looked_at(said), seconds=time.time() - started)
            done.write_text(json.dumps(facts), encoding="utf-8")
        finished = FinishedRun(folder, **json.loads(done.read_text(encoding="utf-8")))
        self.finished.append(finished)
        return finished


def _one_set(data: Path) -> list[str]:
    return ["--data-dir", str(data), "--per-batch-size", str(BATCH)]


def _pretrained(start: FinishedRun) -> list[str]:
    return ["--pretrained", f"{start.model},0"]


def _looked_at(log: str) -> int:
    """Return the images embedded for the noise list or for mining, as the log says."""
    words = [line.split() for line in log.splitlines()]
    mined = sum(int(line[1]) for line in words if line[:1] == ["eval"])
    return mined + max(
        (int(line[3]) for line in words if line[:2] == ["start", "bb,ba"]), default=0
    )
