"""One network by PyTorch or onnxruntime, in a process of its own: see networks.py.

PyTorch computes in channels-last layout. onnxruntime gets the model from PyTorch's exporter, in a
process before this one, so that its memory does not count here.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from turns import Job, once, serve

EMBEDDING, IMAGE = 512, (3, 112, 112)
THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))


def pytorch(network: str, kind: str, batch: int) -> Job:
    """Inference, or forward and backward of a sum without an update."""
    from torch_networks import torch, torch_network

    torch.set_num_threads(THREADS)
    model = torch_network(network, EMBEDDING).to(memory_format=torch.channels_last)
    x = (torch.rand(batch, *IMAGE) * 255).contiguous(memory_format=torch.channels_last)

    def work() -> None:
        if kind == "forward":
            with torch.inference_mode():
                model(x)
        else:
            model.zero_grad()
            model(x).sum().backward()

    model.train(kind == "training")
    return Job({"parameters": sum(values.numel() for values in model.parameters())}, work)


def export(path: str, network: str, batch: int) -> Job:
    """Write the model as ONNX."""
    from torch_networks import torch, torch_network

    model = torch_network(network, EMBEDDING).eval()
    torch.onnx.export(model, (torch.zeros(batch, *IMAGE),), path, dynamo=False)
    return Job({})


def onnx(network: str, batch: int) -> Job:
    """Inference by onnxruntime."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        once(__file__, path, network, "export", batch)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    x = np.random.RandomState(0).uniform(0, 255, (batch, *IMAGE)).astype(np.float32)
    return Job({}, lambda: session.run(None, {name: x}))


def make(form: str, network: str, kind: str, batch: int) -> Job:
    """Return what a turn does, done once already. ``form``: a name, or the file of an export."""
    if kind == "export":
        return export(form, network, batch)
    job = onnx(network, batch) if form == "onnxruntime" else pytorch(network, kind, batch)
    job.work()
    return job


if __name__ == "__main__":
    serve(make)
