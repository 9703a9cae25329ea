"""The metrics of the log lines. Sums stay on the devices until a line is printed.

``update`` takes what the training loop has: the outputs of each device by name, and its labels.
With several devices every metric covers all of them (in 2019 the losses were the first device's).
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import mxnet as mx

Outputs = Mapping[str, mx.nd.NDArray]  # of one device, by name


class DeviceMetric(mx.metric.EvalMetric):
    """Base of the metrics below: they give (sum, count) of one device's outputs."""

    num_inst: int
    sum_metric: float

    def __init__(self, name: str) -> None:
        self._parts: list[tuple[mx.nd.NDArray, int]] = []
        super().__init__(name)

    def reset(self) -> None:
        """Forget what has been seen."""
        self._parts = []
        self.num_inst, self.sum_metric = 0, 0.0

    def measure(self, outputs: Outputs, label: mx.nd.NDArray) -> tuple[mx.nd.NDArray, int]:
        """Return the sum, an NDArray of one number, and the count of one device's outputs."""
        raise NotImplementedError

    def update(self, labels: Sequence[mx.nd.NDArray], preds: Sequence[Outputs]) -> None:
        """Take note of one {output name: NDArray} and one NDArray of labels per device."""
        for outputs, label in zip(preds, labels):
            self._parts.append(self.measure(outputs, label))

    def get(self) -> tuple[str, float]:
        """Return the name and the mean since the last reset, not a number where there is none."""
        for value, count in self._parts:
            self.sum_metric += float(value.asscalar())
            self.num_inst += count
        self._parts = []
        value = self.sum_metric / self.num_inst if self.num_inst else float("nan")
        return self.name, value

    def state(self) -> list[Any]:
        """Return [sum, count] of what has been seen since the last reset."""
        self.get()
        return [self.sum_metric, self.num_inst]

    def load(self, state: Sequence[float]) -> None:
        """Resume from what :meth:`state` gave."""
        self.reset()
        self.sum_metric, self.num_inst = float(state[0]), int(state[1])


class Accuracy(DeviceMetric):
    """Share of rows whose ``predicted`` class, margin included, is the label."""

    def __init__(self, predicted: str, label: str | None = None) -> None:
        self._predicted, self._label = predicted, label
        super().__init__("acc")

    def measure(self, outputs: Outputs, label: mx.nd.NDArray) -> tuple[mx.nd.NDArray, int]:
        """Return the rows that are right, and the rows."""
        predicted = outputs[self._predicted]
        label = label if self._label is None else outputs[self._label]
        return (predicted == label).sum(), len(predicted)


class CrossEntropy(DeviceMetric):
    """Mean -log P of the label, margin included, from P (N,) or from log P (N,) of the label."""

    def __init__(
        self, name: str, probability: str | None = None, log_probability: str | None = None
    ) -> None:
        self._probability, self._log = probability, log_probability or ""
        super().__init__(name)

    def measure(self, outputs: Outputs, label: mx.nd.NDArray) -> tuple[mx.nd.NDArray, int]:
        """Return the sum of -log P, and the rows."""
        if self._probability is not None:
            logarithm = (outputs[self._probability] + 1e-12).log()
        else:
            logarithm = outputs[self._log]
        return -logarithm.sum(), len(logarithm)


class Output(DeviceMetric):
    """The mean over batches and devices of an output of one element."""

    def __init__(self, name: str, output: str) -> None:
        self._output = output
        super().__init__(name)

    def measure(self, outputs: Outputs, label: mx.nd.NDArray) -> tuple[mx.nd.NDArray, int]:
        """Return the output, and 1."""
        return outputs[self._output].reshape((1,)), 1


def composite(*metrics: DeviceMetric) -> mx.metric.CompositeEvalMetric:
    """Return several metrics as one; they print in this order."""
    return mx.metric.CompositeEvalMetric(list(metrics))
