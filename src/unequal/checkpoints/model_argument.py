"""Which checkpoints `--model` means."""

from __future__ import annotations

import re
from pathlib import Path

from unequal.support.errors import InputError


def find_checkpoints(model: str) -> tuple[str, list[int]]:
    """Prefix and epochs that `model` means: 'prefix,epoch', 'prefix,1|3', or 'prefix' for all.

    All are those of PREFIX-NNNN.params in the prefix's folder, the highest epoch first.
    Raises InputError when a parameter file or the symbol file is missing.
    """
    given = re.fullmatch(r"(.+),\s*(\d+(?:\|\d+)*)\s*", model)
    if given:
        prefix, epochs = given[1], [int(epoch) for epoch in given[2].split("|")]
    else:
        prefix = model
        name = re.compile(re.escape(Path(prefix).name) + r"-(\d{4})\.params")
        matches = [name.fullmatch(path.name) for path in Path(prefix).parent.glob("*.params")]
        epochs = sorted((int(match[1]) for match in matches if match), reverse=True)
        if not epochs:
            raise InputError(f"--model {model}: there is no {prefix}-NNNN.params: check the prefix")
    wanted = [f"{prefix}-symbol.json"] + [f"{prefix}-{epoch:04d}.params" for epoch in epochs]
    for path in wanted:
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file: check --model {model}")
    return prefix, epochs


def one_checkpoint(model: str) -> tuple[str, int]:
    """Prefix and epoch of the one checkpoint that `model` means; raises as `find_checkpoints`.

    Raises InputError also where it means several.
    """
    prefix, epochs = find_checkpoints(model)
    if len(epochs) > 1:
        raise InputError(f"--model {model}: means {len(epochs)} epochs; write it as prefix,epoch")
    return prefix, epochs[0]
