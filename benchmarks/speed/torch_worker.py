"""One network by PyTorch or onnxruntime, in a process of its own: see networks.py.

PyTorch computes in channels-last layout. onnxruntime gets the model from PyTorch's exporter, in a
process before this one, lest its memory count here.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Sequence

from turns import Job, serve, worker_parser

FORMS, KINDS = ("PyTorch", "onnxruntime", "export"), ("forward", "training")
EMBEDDING, IMAGE = 512, (3, 112, 112)


def threads() -> int:
    """As many as the other processes get."""
    return int(os.environ["OMP_NUM_THREADS"])


def pytorch(network: str, kind: str, batch: int) -> Job:
    """Inference, or forward and backward of a sum without an update."""
    import torch

    from torch_networks import torch_network

    torch.set_num_threads(threads())
    model = torch_network(network, EMBEDDING).to(memory_format=torch.channels_last)
    x = (torch.rand(batch, *IMAGE) * 255).contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.inference_mode():
            model(x)

    def training() -> None:
        model.zero_grad()
        model(x).sum().backward()

    model.train(kind == "training")
    size = sum(values.numel() for values in model.parameters())
    return Job(forward if kind == "forward" else training, {"parameters": size})


def export(network: str, batch: int) -> None:
    """The model as ONNX on standard output."""
    import torch

    from torch_networks import torch_network

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # for what the exporter prints
    model = torch_network(network, EMBEDDING).eval()
    written = io.BytesIO()
    torch.onnx.export(model, (torch.zeros(batch, *IMAGE),), written, dynamo=False)
    answers.write(written.getvalue())
    answers.close()


def onnx(network: str, batch: int) -> Job:
    """Inference by onnxruntime."""
    import numpy as np
    import onnxruntime

    command = [
        sys.executable,
        "-W",
        "ignore",
        __file__,
        "--form",
        "export",
        "--network",
        network,
        "--kind",
        "forward",
        "--batch",
        str(batch),
    ]
    done = subprocess.run(command, capture_output=True)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise RuntimeError(f"torch.onnx exports no model: {''.join(last)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    session = onnxruntime.InferenceSession(done.stdout, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    x = np.random.RandomState(0).uniform(0, 255, (batch, *IMAGE)).astype(np.float32)
    return Job(lambda: session.run(None, {name: x}), {})


def main(argv: Sequence[str] | None = None) -> int:
    options = worker_parser(__doc__.splitlines()[0], FORMS, KINDS).parse_args(argv)
    if options.form == "export":
        export(options.network, options.batch)
    elif options.form == "onnxruntime":
        serve(lambda: onnx(options.network, options.batch))
    else:
        serve(lambda: pytorch(options.network, options.kind, options.batch))
    return 0


if __name__ == "__main__":
    sys.exit(main())
