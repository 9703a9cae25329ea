"""What would end a run of the recipe hours later, found at its start."""

from __future__ import annotations

from contextlib import closing

from eval.embed_parts.face_sources import BIN, open_faces, size_of_first
from unequal.batches.batch_sizes import check_head, check_sizes
from unequal.batches.tail_bags import TailBags
from unequal.faces.face_records import FaceRecords, read_property
from unequal.recipe.settings import RecipeSettings
from unequal.support.errors import InputError
from unequal.support.output_folder import refuse_input_as_output
from unequal.training.verification_tests import target_files


def check_inputs(settings: RecipeSettings, devices: int) -> None:
    """Check the sets that a run reads.

    Args:
        settings: those of the run.
        devices: the number of devices that it trains on.

    Raises:
        InputError: a set is missing, does not fit the others or the batches, or is the output.
    """
    names = ("tail", "identify", "distractors")
    others = {name: getattr(settings, name) for name in names if getattr(settings, name)}
    refuse_input_as_output(settings.output, settings.head, *others.values())
    size = read_property(settings.head)
    if not target_files(settings.head, settings.target):
        raise InputError(
            f"`head` {settings.head}: holds none of the verification sets of `target` "
            f"{settings.target}, which decide when a stage ends; put a NAME.bin there "
            "(recordio_tools.pack_pairs makes one)"
        )
    with closing(FaceRecords(settings.head)) as head:
        check_head(head, settings.batch_size1)
    per_identity = settings.images_per_identity
    sizes = settings.batch_size1, settings.batchsize_id, settings.batch_size2, settings.bag_size
    check_sizes(*sizes, per_identity, devices)
    with closing(FaceRecords(settings.tail)) as tail:
        identities = settings.batchsize_id // per_identity
        TailBags(tail.groups, settings.bag_size, per_identity, identities, tail.path)
    for name, path in others.items():
        with closing(open_faces(path)) as source:
            height, width = size_of_first(source)
        if (height, width) != (size.height, size.width):
            raise InputError(
                f"`{name}` {path}: images of {height}x{width}, but {settings.head}/"
                f"property says {size.height}x{size.width}; give images of that size"
            )
        if source.kind == BIN:
            raise InputError(
                f"`{name}` {path}: a verification set knows pairs, not people; give "
                "a face set or a folder of images"
            )
