"""What a run is asked for: frozen settings, made from flags or by a Python program.

The names of the fields are those of the flags, so that an error about a field (`lr` in backquotes)
can be told as one about its flag. Values that no run can have raise :class:`InputError`.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Mapping

from unequal.checkpoints.checkpoint import Checkpoint
from unequal.support.errors import InputError

AUTO = "auto"
ACTIVATIONS = ("prelu", "relu", "sigmoid", "tanh", "softrelu", "softsign")
DEFAULT_IMAGES_A_DEVICE = 128  # where `per_batch_size` is 0


class _Settings:
    """Base of the settings below: every floating-point field must be a finite number."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"`{name}` {value}: must be a finite number")
        self._check()

    def _check(self) -> None:
        """Raise InputError for a value that no run can have."""

    def _at_least(self, **bounds: int) -> None:
        """Raise InputError for a field below its bound; None passes."""
        for name, bound in bounds.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise InputError(f"`{name}` {value}: must be at least {bound}")


@dataclass(frozen=True)
class NetworkSettings(_Settings):
    """The backbone: images -> embeddings."""

    network: str = "r50"  # letter of the family and depth
    emb_size: int = 512  # numbers in an embedding
    width: float = 1.0  # factor on the widths of a ResNet
    version_se: int = 0  # 1: squeeze-and-excite in every unit
    version_input: int = 1  # 1: 3x3 first convolution; 0: 7x7 with stride and pooling
    version_output: str = "E"  # embedding head
    version_unit: int = 3  # residual unit
    version_act: str = "prelu"  # activation
    bn_mom: float = 0.9  # momentum of the moving statistics

    def _check(self) -> None:
        self._at_least(emb_size=1)
        if self.version_act not in ACTIVATIONS:
            raise InputError(
                f"`version_act` {self.version_act}: known are {', '.join(ACTIVATIONS[:-1])} and "
                f"{ACTIVATIONS[-1]}"
            )
        if self.width <= 0:
            raise InputError(f"`width` {self.width}: must be above 0")


@dataclass(frozen=True)
class MarginSettings(_Settings):
    """The classifier: see unequal.method.margin."""

    loss_type: int = 4  # 0 softmax, 2 CosFace, 4 ArcFace, 5 combined margin
    margin_s: float = 64.0  # scale s of the logits
    margin_m: float = 0.5  # margin m
    margin_a: float = 1.0  # factor a of the combined margin
    margin_b: float = 0.0  # margin b of the combined margin
    easy_margin: int = 0  # 1: ArcFace's margin only where cos > 0
    fc7_wd_mult: float = 1.0  # written into the symbol, without effect


@dataclass(frozen=True)
class NoiseSettings(_Settings):
    """The noise-resistance loss, and the pass that looks for images of nobody."""

    noise_beta: float = 0.9  # share of the label in the target
    noise: int = 1  # 0: plain cross entropy on the head
    noise_threshold: float | str = 0.0  # an image is noise below it; AUTO chooses it
    batch_size_mining: int = 20  # images at once in the noise pass
    bin_dir: str = ""  # folder of the noise list; '': that of `prefix`

    def _check(self) -> None:
        self._at_least(batch_size_mining=1)
        if not 0 <= self.noise_beta <= 1:
            raise InputError(f"`noise_beta` {self.noise_beta}: must be from 0 to 1")
        threshold = self.noise_threshold
        if isinstance(threshold, str):
            good = threshold == AUTO
        else:
            good = 0 <= threshold <= 1
        if not good:
            raise InputError(
                f"`noise_threshold` {threshold}: must be a probability, from 0 to 1, or {AUTO}"
            )


@dataclass(frozen=True)
class HeadBatchSettings(_Settings):
    """The head, and how its images become batches."""

    data_dir: str = ""  # folder of the set
    per_batch_size: int = 100  # images a step on each device; 0: 128
    rand_mirror: int = 1  # 1: mirror every other image
    cutoff: int = 0  # side of a grey square on each image, in pixels
    workers: int | None = None  # threads that decode; None: one a core, up to 16
    max_bad_images: int = 100  # unreadable images to skip before giving up

    def _check(self) -> None:
        self._at_least(per_batch_size=0, workers=1, max_bad_images=0)
        if not self.data_dir:
            raise InputError("`data_dir`: name the folder of the training set")

    @property
    def images_a_device(self) -> int:
        """Return the images a step on each device: 128 where `per_batch_size` is 0."""
        return self.per_batch_size or DEFAULT_IMAGES_A_DEVICE


@dataclass(frozen=True)
class TailBagSettings(_Settings):
    """Step 3.2: the tail, its bags, and its share of a batch."""

    data_dir_interclass: str = ""  # folder of the tail
    batch_size1: int = 90  # head images a step, all devices together
    batchsize_id: int = 90  # tail images a step, all devices together
    batch_size2: int = 180  # images at once when a bag is embedded
    bag_size: int = 3600  # tail images from which one batch is mined
    images_per_identity: int = 3  # tail images that make a centre
    interweight: float = 0.01  # weight of the inter-class loss
    mining_overlap: bool = False  # mine the next epoch's bags while this one trains

    def _check(self) -> None:
        self._at_least(batch_size1=1, batchsize_id=1, batch_size2=1, bag_size=1)
        self._at_least(images_per_identity=1)
        if not self.data_dir_interclass:
            raise InputError("`data_dir_interclass`: name the folder of the tail set")


@dataclass(frozen=True)
class OptimiserSettings(_Settings):
    """Stochastic gradient descent with momentum."""

    lr: float = 0.1  # learning rate at the start
    lr_steps: tuple[int, ...] = ()  # batches after which it drops tenfold; (): those of 2019
    beta_freeze: int = 0  # added to every one of `lr_steps`
    mom: float = 0.9  # momentum
    wd: float = 0.0005  # weight decay, on every parameter


@dataclass(frozen=True)
class RunSettings(_Settings):
    """All that a training step is asked for."""

    head: HeadBatchSettings
    tail: TailBagSettings | None = None  # in step 3.2 only
    network: NetworkSettings = NetworkSettings()
    margin: MarginSettings = MarginSettings()
    noise: NoiseSettings = NoiseSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    prefix: str = "../model/model"  # path and start of the checkpoints' names
    pretrained: str = ""  # checkpoint to start from, 'prefix,epoch'
    target: str = "lfw,cfp_fp,agedb_30"  # verification sets NAME.bin in `data_dir`
    log_dir: str = ""  # folder of TensorBoard events and history.jsonl; '': none
    end_epoch: int = 100000  # epochs to train
    max_steps: int = 0  # stop after this many batches and one more; 0: no
    verbose: int = 2000  # batches between verifications
    ckpt: int = 1  # numbered checkpoints: 0 none, 1 when better, 2 at every test
    resume: bool = False  # resume where the run with this `prefix` ended
    save_state: int = 1  # 0: no PREFIX.state, from which `resume` starts
    patience: int = 0  # end after this many tests without a better mean; 0: no
    lr_drops: int = 0  # with `patience`: how often the rate drops tenfold first
    seed: int | None = None  # of all random choices; None: any
    flags: Mapping[str, Any] = field(default_factory=dict)  # as given: the log and the state say it

    def _check(self) -> None:
        self._at_least(end_epoch=0, max_steps=0, verbose=1, patience=0, lr_drops=0)
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
    def from_flags(cls, values: Mapping[str, Any], flags: Mapping[str, Any]) -> RunSettings:
        """Make settings from values by name; fields that are not among them have defaults.

        A tail is there where `data_dir_interclass` is among the values. ``flags`` are kept as they
        are.
        """

        def part(kind: type) -> Any:
            names = [known.name for known in fields(kind) if known.name in values]
            return kind(**{name: values[name] for name in names})

        own = [known.name for known in fields(cls) if known.name in values]
        groups = {"network", "noise", "head", "tail", "margin", "optimiser", "flags"}
        return cls(
            head=part(HeadBatchSettings),
            tail=part(TailBagSettings) if "data_dir_interclass" in values else None,
            network=part(NetworkSettings),
            margin=part(MarginSettings),
            noise=part(NoiseSettings),
            optimiser=part(OptimiserSettings),
            flags=dict(flags),
            **{name: values[name] for name in own if name not in groups},
        )
