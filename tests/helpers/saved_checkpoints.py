"""Checkpoints that tests write: of golden networks, and of small graphs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Mapping

import mxnet as mx
import numpy as np

from golden_nets import recipe_parameters


def save_checkpoint(
    prefix: Path, symbol: mx.sym.Symbol, values: Mapping[str, np.ndarray], epoch: int = 0
) -> str:
    """Write a graph and all its parameters as a checkpoint; returns its prefix."""
    auxiliary = symbol.list_auxiliary_states()
    mx.model.save_checkpoint(
        str(prefix),
        epoch,
        symbol,
        {name: mx.nd.array(v) for name, v in values.items() if name not in auxiliary},
        {name: mx.nd.array(values[name]) for name in auxiliary},
    )
    return str(prefix)


def golden_checkpoint(folder: Path, name: str, prefix: Path) -> str:
    """A network of tests/golden/a_nets with the graph of 2019, byte for byte, and its numbers."""
    values = recipe_parameters(folder, name)
    symbol_path = folder / f"{name}-symbol.json"
    save_checkpoint(prefix, mx.sym.load(str(symbol_path)), values)
    shutil.copy(symbol_path, f"{prefix}-symbol.json")
    return str(prefix)


def with_classifier(source: str, prefix: Path, epoch: int = 0) -> str:
    """A checkpoint of a network with a classifier of 7 and a loss behind it, as in training."""
    embedding, arguments, auxiliary = mx.model.load_checkpoint(source, 0)
    logits = mx.sym.FullyConnected(embedding, num_hidden=7, no_bias=True, name="fc7")
    loss = mx.sym.SoftmaxOutput(logits, mx.sym.var("softmax_label"), name="softmax")
    whole = mx.sym.Group([mx.sym.BlockGrad(embedding, name="blockgrad0"), loss])
    arguments["fc7_weight"] = mx.nd.ones((7, *arguments["fc1_gamma"].shape))
    mx.model.save_checkpoint(str(prefix), epoch, whole, arguments, auxiliary)
    return str(prefix)


def golden_images(folder: Path, name: str) -> np.ndarray:
    """What the golden embeddings of `name` were computed of: uint8 (4, 3, H, W)."""
    small = name.startswith("opt") or "32" in name.split("_")[0] or "32px" in name
    return np.load(folder / "inputs.npz")["x32" if small else "x112"]


def of_length_1(embeddings: np.ndarray) -> np.ndarray:
    """Rows of any shape, flattened and scaled, in float64."""
    rows = embeddings.reshape(len(embeddings), -1).astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
