"""Networks as one operator on the CPU: oneDNN's convolutions, and one pass over memory around them.

MXNet 1.9.1 spends most of the time of a small network between its convolutions: PReLU and
additions need plain arrays, convolutions need blocked ones, and data is rearranged back and forth.
The operator ``unequal_network`` (C++, ``source/``, loaded by ``mx.library.load``) computes
everything from the pixels to the last feature map by itself. Maps stay in oneDNN's layout, batch
normalisation and PReLU are one loop, and in inference both go into the convolution before them.
``program.py`` says what to compute, ``build.py`` compiles the operator. Without it (no compiler, a
processor that is not an x86-64, a GPU) MXNet's own operators compute the same network.
"""

from __future__ import annotations

import logging
import os
from functools import lru_cache

import mxnet as mx

from symbols.compiled.build import Unavailable, library_file

SWITCH = "UNEQUAL_COMPILED"


@lru_cache(maxsize=None)
def available() -> bool:
    """Return whether this process has the operator; load it, or say once why not.

    ``UNEQUAL_COMPILED=0`` in the environment switches it off.
    """
    if os.environ.get(SWITCH) == "0":
        return False
    try:
        path = library_file()
        if not path.is_file():
            raise Unavailable("it is not built: run `python -m unequal.build`")
        mx.library.load(str(path), verbose=False)
    except (Unavailable, mx.MXNetError, OSError) as error:
        # the last line of MXNet's errors says what happened, those before it where
        reason = (str(error).strip().splitlines() or [repr(error)])[-1]
        logging.getLogger(__name__).warning(
            "the compiled operator is not used, networks run slower: %s", reason
        )
        return False
    return True
