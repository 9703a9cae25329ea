"""What a run is asked for: frozen settings, made from flags or by a Python program.

A setting and its flag are one thing: the field's name, default and help are those of the flag, so
that an error about a field (`lr` in backquotes) can be told as one about its flag. Values that no
run can have raise :class:`InputError`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, is_dataclass
from typing import Any, Mapping

from unequal.checkpoints.checkpoint import Checkpoint
from unequal.support.errors import InputError
from unequal.training.setting_fields import (
    AUTO,
    NOISE_LIST,
    UNEQUAL,
    Settings,
    number_or_auto,
    setting,
    settings_of,
)

ACTIVATIONS = ("prelu", "relu", "sigmoid", "tanh", "softrelu", "softsign")
DEFAULT_IMAGES_A_DEVICE = 128  # where `per_batch_size` is 0


@dataclass(frozen=True)
class NetworkSettings(Settings):
    """The backbone: images -> embeddings."""

    network: str = setting("r50", "r18 r34 r49 r50 r74 r90 r100 r101 r152 r200 r269 or y1")
    emb_size: int = setting(512, "length of the embedding")
    version_se: int = setting(0, "1: squeeze-and-excite in every unit")
    version_input: int = setting(1, "1: 3x3 first convolution; 0: 7x7 with stride and pooling")
    version_output: str = setting("E", "embedding head, A to J or Z")
    version_unit: int = setting(3, "residual unit, 1 to 3")
    version_act: str = setting("prelu", "prelu, relu, ...")
    bn_mom: float = setting(0.9, "momentum of the moving statistics")
    width: float = setting(1.0, "factor on all widths of a ResNet, for small experiments", new=True)

    def _check(self) -> None:
        self.at_least(emb_size=1)
        if self.version_act not in ACTIVATIONS:
            raise InputError(
                f"`version_act` {self.version_act}: known are {', '.join(ACTIVATIONS[:-1])} and "
                f"{ACTIVATIONS[-1]}"
            )
        if self.width <= 0:
            raise InputError(f"`width` {self.width}: must be above 0")


@dataclass(frozen=True)
class MarginSettings(Settings):
    """The classifier: see unequal.method.margin."""

    loss_type: int = setting(4, "0 softmax, 2 CosFace, 4 ArcFace, 5 combined margin")
    margin_s: float = setting(64.0, "scale s of the logits")
    margin_m: float = setting(0.5, "margin m")
    margin_a: float = setting(1.0, "factor a of loss type 5")
    margin_b: float = setting(0.0, "margin b of loss type 5")
    easy_margin: int = setting(0, "1: ArcFace's margin only where cos > 0")
    fc7_wd_mult: float = setting(1.0, "written into the symbol; without effect, as in 2019")


@dataclass(frozen=True)
class NoiseSettings(Settings):
    """The noise-resistance loss, and the pass that looks for images of nobody."""

    noise_beta: float = setting(
        0.9,
        "share of the label in the noise-resistance loss",
        (*NOISE_LIST, *UNEQUAL),
        others={"savemodel": 1, "noise_resistance": 1},
    )
    noise: int = setting(1, "0: plain cross entropy on the head", UNEQUAL)
    batch_size_mining: int = setting(
        20, "images at once in the noise pass, all devices", NOISE_LIST
    )
    bin_dir: str = setting(
        "", "folder for the noise list (default: the prefix's folder)", NOISE_LIST
    )
    noise_threshold: float | str = setting(
        0.0,
        "images whose largest probability is below this are noise (2019: a number in the code, 0); "
        "auto: look for the valley between them and the rest, without the margin",
        ("noise_resistance",),
        kind=number_or_auto,
        new=True,
    )

    def _check(self) -> None:
        self.at_least(batch_size_mining=1)
        if not 0 <= self.noise_beta <= 1:
            raise InputError(f"`noise_beta` {self.noise_beta}: must be from 0 to 1")
        threshold = self.noise_threshold
        if threshold != AUTO and (isinstance(threshold, str) or not 0 <= threshold <= 1):
            raise InputError(
                f"`noise_threshold` {threshold}: must be a probability, from 0 to 1, or {AUTO}"
            )


@dataclass(frozen=True)
class HeadBatchSettings(Settings):
    """The head, and how its images become batches."""

    data_dir: str = setting("", "folder of the training set: train.rec, train.idx, property")
    per_batch_size: int = setting(
        100, "images a step on each device (0: 128)", ("softmax", *NOISE_LIST)
    )
    rand_mirror: int = setting(1, "mirror every other image (step 3.2 always does)")
    cutoff: int = setting(0, "side of a grey square on each image (steps 1 and 2.1)")
    workers: int | None = setting(
        None, "threads that decode images (default: one a core, up to 16)", kind=int, new=True
    )
    max_bad_images: int = setting(100, "unreadable images to skip before giving up", new=True)

    def _check(self) -> None:
        self.at_least(per_batch_size=0, workers=1, max_bad_images=0)
        if not self.data_dir:
            raise InputError("`data_dir`: name the folder of the training set")

    @property
    def images_a_device(self) -> int:
        """Return the images a step on each device: 128 where `per_batch_size` is 0."""
        return self.per_batch_size or DEFAULT_IMAGES_A_DEVICE


@dataclass(frozen=True)
class TailBagSettings(Settings):
    """Step 3.2: the tail, its bags, and its share of a batch."""

    data_dir_interclass: str = setting("", "folder of the tail set", UNEQUAL)
    interweight: float = setting(0.01, "weight of the inter-class loss", UNEQUAL)
    batch_size1: int = setting(90, "head images a step, all devices together", UNEQUAL)
    batchsize_id: int = setting(90, "tail images a step, all devices together", UNEQUAL)
    batch_size2: int = setting(180, "images at once when a bag is embedded, all devices", UNEQUAL)
    bag_size: int = setting(3600, "tail images from which one batch is mined", UNEQUAL)
    images_per_identity: int = setting(3, "tail images that make a centre", UNEQUAL)
    mining_overlap: bool = setting(
        False,
        "mine the bags of the next epoch while the current one trains: with weights one epoch "
        "old, after the first epoch",
        UNEQUAL,
        new=True,
    )

    def _check(self) -> None:
        self.at_least(batch_size1=1, batchsize_id=1, batch_size2=1, bag_size=1)
        self.at_least(images_per_identity=1)
        if not self.data_dir_interclass:
            raise InputError("`data_dir_interclass`: name the folder of the tail set")


@dataclass(frozen=True)
class OptimiserSettings(Settings):
    """Stochastic gradient descent with momentum."""

    lr: float = setting(0.1, "learning rate at the start", others={"unequal": 0.001})
    lr_steps: str = setting(
        "", "batches after which the rate drops tenfold, e.g. 100,200 (none given: those of 2019)"
    )
    mom: float = setting(0.9, "momentum")
    wd: float = setting(0.0005, "weight decay, on every parameter")
    beta_freeze: int = setting(0, "added to every step of --lr-steps")

    def _check(self) -> None:
        self.drops  # noqa: B018  (they must be readable)

    @property
    def drops(self) -> list[int]:
        """Return the numbers of `lr_steps`."""
        try:
            return [int(part) for part in self.lr_steps.split(",")] if self.lr_steps else []
        except ValueError:
            raise InputError(
                f"`lr_steps` {self.lr_steps}: write whole numbers with commas, e.g. 100,200"
            ) from None


@dataclass(frozen=True)
class RunSettings(Settings):
    """All that a training step is asked for."""

    head: HeadBatchSettings
    tail: TailBagSettings | None = None  # in step 3.2 only
    network: NetworkSettings = NetworkSettings()
    margin: MarginSettings = MarginSettings()
    noise: NoiseSettings = NoiseSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    prefix: str = setting("../model/model", "path and start of the checkpoints' names")
    pretrained: str = setting("", "checkpoint to start from: prefix,epoch")
    target: str = setting("lfw,cfp_fp,agedb_30", "verification sets: NAME.bin in --data-dir")
    log_dir: str = setting(
        "",
        "folder for TensorBoard events and history.jsonl (default: none are written, as in 2019)",
    )
    end_epoch: int = setting(100000, "epochs to train")
    max_steps: int = setting(0, "stop after this many batches and one more, as in 2019 (0: no)")
    verbose: int = setting(2000, "batches between verifications", others={"unequal": 50})
    ckpt: int = setting(1, "numbered checkpoints: 0 none, 1 when better, 2 at every test")
    resume: bool = setting(
        False, "resume where the run with this --prefix ended or was killed", new=True
    )
    save_state: int = setting(
        1, "0: do not write PREFIX.state, from which --resume starts", new=True
    )
    patience: int = setting(
        0,
        "end after this many tests without a better mean over the targets; the best model is "
        "PREFIX-best,0 (0: no)",
        new=True,
    )
    lr_drops: int = setting(0, "with --patience: how often the rate drops tenfold first", new=True)
    seed: int | None = setting(
        None, "repeat a run: seed of all random choices (default: none)", kind=int, new=True
    )
    flags: Mapping[str, Any] = field(default_factory=dict)  # as given: the log and the state say it

    def _check(self) -> None:
        self.at_least(end_epoch=0, max_steps=0, verbose=1, patience=0, lr_drops=0)
        if self.seed is not None and not 0 <= self.seed < 2**32:
            raise InputError(f"`seed` {self.seed}: must be from 0 to {2**32 - 1}")
        self.checkpoint  # noqa: B018  (it must be readable)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint to start from, if any."""
        if not self.pretrained:
            return None
        try:
            return Checkpoint.parse(self.pretrained)
        except InputError as error:
            raise InputError(f"`pretrained` {error}") from error

    @property
    def folder(self) -> str:
        """Return the folder of the checkpoints."""
        return os.path.dirname(self.prefix) or "."

    @property
    def noise_folder(self) -> str:
        """Return the folder of the noise list."""
        return self.noise.bin_dir or self.folder

    @property
    def named(self) -> dict[str, Any]:
        """Return {name: value}: the flags as given, else all settings."""
        if self.flags:
            return dict(self.flags)
        parts = (self.network, self.margin, self.noise, self.head, self.tail, self.optimiser)
        own = {name: value for name, value in vars(self).items() if not is_dataclass(value)}
        del own["flags"]
        return {**own, **{k: v for part in parts if part for k, v in vars(part).items()}}

    @classmethod
    def from_flags(cls, flags: Mapping[str, Any]) -> RunSettings:
        """Make settings of flags by name; settings that are not among them have defaults.

        A tail is there where `data_dir_interclass` is among the flags.
        """

        def part(kind: type) -> dict[str, Any]:
            return {
                known.name: flags[known.name] for known in settings_of(kind) if known.name in flags
            }

        return cls(
            head=HeadBatchSettings(**part(HeadBatchSettings)),
            tail=(
                TailBagSettings(**part(TailBagSettings)) if "data_dir_interclass" in flags else None
            ),
            network=NetworkSettings(**part(NetworkSettings)),
            margin=MarginSettings(**part(MarginSettings)),
            noise=NoiseSettings(**part(NoiseSettings)),
            optimiser=OptimiserSettings(**part(OptimiserSettings)),
            flags=dict(flags),
            **part(cls),
        )
