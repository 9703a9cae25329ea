"""What would end a run of the recipe hours later, found at its start."""

from __future__ import annotations

import argparse
from contextlib import closing

from eval.embed_parts.face_batches import size_of_first
from eval.embed_parts.face_sources import BIN, open_faces
from unequal.batches.batch_sizes import check_sizes
from unequal.batches.tail_bags import TailBags
from unequal.faces.face_records import FaceRecords, read_property
from unequal.support.errors import InputError
from unequal.support.output_folder import refuse_input_as_output


def check_inputs(args: argparse.Namespace, devices: int) -> None:
    """Raise :class:`InputError` for sets that are missing, do not fit together, or are the output.

    ``devices``: how many there are.
    """
    faces = [path for path in (args.identify, args.distractors) if path]
    refuse_input_as_output(args.output, args.head, args.tail, *faces)
    size = read_property(args.head)
    with closing(FaceRecords(args.head)) as head:
        if len(head.image_keys) < args.batch_size1:
            raise InputError(
                f"{head.path}: has {len(head.image_keys)} images, fewer than "
                f"--batch-size1 {args.batch_size1}; lower it"
            )
    _check_tail(args, devices)
    for name in ("tail", "identify", "distractors"):
        path = getattr(args, name)
        if not path:
            continue
        with closing(open_faces(path)) as source:
            height, width = size_of_first(source)
        if (height, width) != (size.height, size.width):
            raise InputError(
                f"--{name} {path}: images of {height}x{width}, but {args.head}/"
                f"property says {size.height}x{size.width}; give images of that size"
            )
        if source.kind == BIN:
            raise InputError(
                f"--{name} {path}: a verification set knows pairs, not people; give "
                "a face set or a folder of images"
            )


def _check_tail(args: argparse.Namespace, devices: int) -> None:
    check_sizes(
        args.batch_size1,
        args.batchsize_id,
        args.batch_size2,
        args.bag_size,
        args.images_per_identity,
        devices,
    )
    with closing(FaceRecords(args.tail)) as tail:
        TailBags(
            tail.groups,
            args.bag_size,
            args.images_per_identity,
            args.batchsize_id // args.images_per_identity,
            tail.path,
        )
