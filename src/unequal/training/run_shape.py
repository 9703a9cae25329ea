"""What the data and the devices make of the settings, and the first lines of the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import mxnet as mx

from symbols import parse_network
from unequal.batches.batch_sizes import check_sizes
from unequal.faces.face_records import read_property
from unequal.support.console import say
from unequal.support.errors import InputError
from unequal.training.settings import RunSettings

MOST_ELEMENTS = 2**31  # in an array of MXNet


@dataclass(frozen=True)
class RunShape:
    """The sizes of a run.

    Attributes:
        ctx_num: devices.
        num_layers: of the network, as its name says.
        num_classes: identities of the head, as `property` says.
        image_h: height of the images in pixels.
        image_w: width of the images in pixels.
        batch_size: head images a step, all devices together.
    """

    ctx_num: int
    num_layers: int
    num_classes: int
    image_h: int
    image_w: int
    batch_size: int

    @property
    def image(self) -> tuple[int, int, int]:
        """Return (channels, height, width)."""
        return 3, self.image_h, self.image_w


def run_shape(settings: RunSettings, devices: Sequence[mx.Context]) -> RunShape:
    """Return the sizes of a run on these devices.

    Raises:
        InputError: no such network, more classes than an array holds, or batch and bag sizes that
            do not fit together or on the devices.
    """
    num_layers = known_network(settings.network.network)[1]
    properties = read_property(settings.head.data_dir)
    tail, count = settings.tail, len(devices)
    if properties.num_classes * settings.network.emb_size >= MOST_ELEMENTS:
        raise InputError(
            f"{settings.head.data_dir}/property: {properties.num_classes} classes of "
            f"{settings.network.emb_size} numbers are more than an array of MXNet holds (2^31); "
            "lower `emb_size`"
        )
    if tail is not None:
        check_sizes(
            tail.batch_size1,
            tail.batchsize_id,
            tail.batch_size2,
            tail.bag_size,
            tail.images_per_identity,
            count,
        )
    return RunShape(
        ctx_num=count,
        num_layers=num_layers,
        num_classes=properties.num_classes,
        image_h=properties.height,
        image_w=properties.width,
        batch_size=tail.batch_size1 if tail else settings.head.images_a_device * count,
    )


def known_network(network: str) -> tuple[str, int]:
    """Return ``('r', 50)`` for ``'r50'``; raise InputError for a network that we do not have."""
    try:
        return parse_network(network)
    except ValueError as error:
        raise InputError(str(error)) from error


def named_settings(settings: RunSettings, shape: RunShape) -> dict[str, Any]:
    """Return the flags and what the 2019 scripts derived from them, by the names of 2019."""
    values = {
        **settings.named,
        "ctx_num": shape.ctx_num,
        "num_layers": shape.num_layers,
        "num_classes": shape.num_classes,
        "image_h": shape.image_h,
        "image_w": shape.image_w,
        "image_channel": 3,
        "rescale_threshold": 0,
        "batch_size": shape.batch_size,
    }
    if settings.tail is None:
        values["per_batch_size"] = settings.head.images_a_device
    return values


def print_settings(settings: RunSettings, shape: RunShape, devices: Sequence[mx.Context]) -> None:
    """Print the first lines of the log."""
    on_gpu = devices[0].device_type == "gpu"
    say(f"gpu num: {shape.ctx_num}" if on_gpu else "use cpu")
    say("num_layers", shape.num_layers)
    say("image_size", [shape.image_h, shape.image_w])
    say("num_classes", shape.num_classes)
    named = sorted(named_settings(settings, shape).items())
    known = ", ".join(f"{name}={value!r}" for name, value in named)
    say(f"Called with argument: Namespace({known})")
