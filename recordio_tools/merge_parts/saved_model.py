"""A checkpoint named on the command line, as a function, loaded when it is first used."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from unequal.support.errors import InputError

if TYPE_CHECKING:
    from unequal.checkpoints.embedder import Embed


def saved_model(model: str) -> Embed:
    """Return a function from uint8 RGB (n, 3, height, width) to embeddings (n, emb).

    The files are looked for now. They are loaded at the first call, after a look at the data,
    because MXNet takes seconds to load.

    Args:
        model: 'prefix,epoch', as --model has it.

    Raises:
        InputError: a file is missing, or several epochs are meant; the function raises it for
            files that are damaged.
    """
    from eval.verification import find_checkpoints

    prefix, epochs = find_checkpoints(model)
    if len(epochs) > 1:
        raise InputError(f"`model` {model}: means {len(epochs)} epochs; write it as prefix,epoch")

    @lru_cache(maxsize=None)
    def load() -> Embed:
        from unequal.checkpoints.embedder import load_embedder
        from unequal.support.devices import usable_devices

        return load_embedder(prefix, epochs[0], usable_devices()[0])

    return lambda images: load()(images)
