"""Values and gradients of the losses equal those of the 2019 code."""

from __future__ import annotations

import re

import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import HybridBlock, SymbolBlock

from symbols.lineage_2019 import lineage_symbol
from unequal.method.graphs import NoiseResistanceGraph, SoftmaxGraph, UnequalGraph
from unequal.method.interclass import InterclassLoss
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss

ROWS, EMBEDDING, CLASSES = 12, 16, 10
TAGS = [
    "t0",
    "t2_s30_m0.2",
    "t2_s64_m0.35",
    "t4_s16_m0.3_easy0",
    "t4_s16_m0.3_easy1",
    "t4_s64_m0.0_easy0",
    "t4_s64_m0.5_easy0",
    "t4_s64_m0.5_easy1",
    "t5_s64_a0.9_m-0.2_b-0.1",
    "t5_s64_a0.9_m0.4_b0.15",
    "t5_s64_a1.35_m0_b0",
    "t5_s64_a1_m0.3_b0.2",
    "t5_s64_a1_m0.5_b0",
    "t5_s64_a1_m0_b-0.1",
    "t5_s64_a1_m0_b0.35",
    "t5_s64_a1_m0_b0",
]


class Identity(HybridBlock):
    """A network whose embedding is its input."""

    def hybrid_forward(self, F, x):
        return F.identity(x)


def classifier(tag: str, normalised_input: bool = False) -> MarginClassifier:
    def number(letter, default):
        found = re.search(rf"_{letter}(-?[\d.]+)", tag)
        return float(found.group(1)) if found else default

    return MarginClassifier(
        int(tag[1]),
        CLASSES,
        EMBEDDING,
        scale=number("s", 64.0),
        margin=number("m", 0.5),
        easy=bool(number("easy", 0)),
        a=number("a", 1.0),
        b=number("b", 0.0),
        normalised_input=normalised_input,
    )


def run(graph: HybridBlock, numbers, data, label):
    """Outputs by name and the gradients of the input and of every parameter."""
    graph.initialize()
    parameters = graph.collect_params()
    for name, parameter in parameters.items():
        parameter.set_data(mx.nd.array(numbers[name]))
    graph.hybridize()
    data = mx.nd.array(data)
    data.attach_grad()
    with mx.autograd.record():
        outputs = graph(data, mx.nd.array(label))
    mx.autograd.backward(outputs)
    gradients = {name: p.grad().asnumpy() for name, p in parameters.items()}
    gradients["data"] = data.grad.asnumpy()
    return dict(zip(graph.OUTPUTS, (o.asnumpy() for o in outputs))), gradients


def run_lineage(graph: HybridBlock, data, label):
    """The outputs of the exported graph with the values of ``graph``."""
    names = ("data", "softmax_label")
    inputs = [mx.sym.var(name, dtype="float32") for name in names]
    block = SymbolBlock(lineage_symbol(graph, *names), inputs)
    ours = graph.collect_params()
    for name, parameter in block.collect_params().items():
        parameter.shape = ours[name].shape
        parameter.initialize()
        parameter.set_data(ours[name].data())
    return [output.asnumpy() for output in block(mx.nd.array(data), mx.nd.array(label))]


def of_label(scores, label):
    """The score of the label of each row."""
    return scores[np.arange(len(scores)), label.astype(int)]


def assert_gradients(gradients, numbers, prefix):
    for name, ours in gradients.items():
        theirs = numbers[f"{prefix}/grad_{name}"]
        assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max(), name


@pytest.fixture(scope="module")
def numbers(golden):
    return dict(np.load(golden / "b_losses" / "main.npz"))


@pytest.mark.parametrize("tag", TAGS)
def test_softmax(tag, numbers):
    graph = SoftmaxGraph(Identity(), classifier(tag))
    outputs, gradients = run(graph, numbers, numbers["data"], numbers["softmax_label"])
    expected, label = numbers[f"softmax/{tag}/softmax_output"], numbers["softmax_label"]
    close = dict(rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(outputs["label_probability"], of_label(expected, label), **close)
    np.testing.assert_array_equal(outputs["predicted"], expected.argmax(axis=1))
    np.testing.assert_allclose(run_lineage(graph, numbers["data"], label)[1], expected, **close)
    assert_gradients(gradients, numbers, f"softmax/{tag}")


@pytest.mark.parametrize("beta", [1, 0.9, 0.5])
@pytest.mark.parametrize("tag", TAGS)
def test_noise_resistance(tag, beta, numbers):
    graph = NoiseResistanceGraph(
        Identity(), classifier(tag), NoiseResistanceLoss(CLASSES, beta, (ROWS, 2))
    )
    outputs, gradients = run(graph, numbers, numbers["data"], numbers["softmax_label"])
    prefix = f"NR/{tag}/beta{beta}"
    expected, batch = numbers[f"{prefix}/fc7"], (numbers["data"], numbers["softmax_label"])
    graph.classifier.hybridize(False)
    logits = graph.classifier(*map(mx.nd.array, batch)).asnumpy()
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(outputs["predicted"], expected.argmax(axis=1))
    np.testing.assert_allclose(outputs["loss"], numbers[f"{prefix}/loss"], rtol=1e-5)
    _, logits, loss = run_lineage(graph, *batch)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(loss, numbers[f"{prefix}/loss"], rtol=1e-5)
    assert_gradients(gradients, numbers, prefix)


@pytest.mark.parametrize("devices", [1, 2])
def test_noise_resistance_on_devices(devices, numbers, golden):
    expected = np.load(golden / "b_losses" / f"NR_t4_devices{devices}.npz")
    rows = ROWS // devices
    for device in range(devices):
        part = slice(device * rows, (device + 1) * rows)
        graph = NoiseResistanceGraph(
            Identity(),
            classifier("t4_s64_m0.5_easy0"),
            NoiseResistanceLoss(CLASSES, 0.9, (ROWS, 2)),
        )
        outputs, gradients = run(
            graph, numbers, numbers["data"][part], numbers["softmax_label"][part]
        )
        np.testing.assert_allclose(outputs["loss"], expected[f"dev{device}/loss"], rtol=1e-5)
        assert_gradients(gradients, expected, f"dev{device}")


def unequal_graph(tag, beta, head_rows, tail_rows, images, weight, half=None):
    return UnequalGraph(
        Identity(),
        classifier(tag, normalised_input=True),
        NoiseResistanceLoss(CLASSES, beta, (half or head_rows // 2,)),
        InterclassLoss(EMBEDDING, tail_rows // images, images, weight),
        head_rows,
        tail_rows,
    )


GOLDEN_NAMES = {
    "embedding": "embedding",
    "head_label": "label_softmax",
    "tail_label": "label_inter",
    "softmax_loss": "softmaxloss",
    "inter_loss": "inter_loss",
    "emb_norm": "emb_norm",
    "cosine_matrix": "cosine_matrix",
}


def assert_unequal(outputs, gradients, expected, prefix):
    logits, log_probability = (expected[f"{prefix}/{name}"] for name in ("fc7", "log_softmax"))
    np.testing.assert_array_equal(outputs["predicted"], logits.argmax(axis=1))
    np.testing.assert_allclose(
        outputs["label_log_probability"],
        of_label(log_probability, outputs["head_label"]),
        atol=1e-4,
    )
    for name, golden_name in GOLDEN_NAMES.items():
        ours, theirs = outputs[name], expected[f"{prefix}/{golden_name}"]
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4 if ours.ndim > 1 else 1e-6)
    assert_gradients(gradients, expected, prefix)


@pytest.mark.parametrize("noise,beta", [(1, 0.9), (1, 0.5), (0, 0.9)])
@pytest.mark.parametrize("tag", ["t0", "t4_s64_m0.5_easy0", "t4_s64_m0.5_easy1"])
def test_unequal(tag, noise, beta, numbers):
    graph = unequal_graph(tag, beta if noise else None, ROWS, ROWS, 3, 1.0)
    outputs, gradients = run(
        graph, numbers, numbers["stage2/data"], numbers["stage2/softmax_label"]
    )
    prefix = f"stage2/{tag}/noise{noise}_beta{beta}"
    assert_unequal(outputs, gradients, numbers, prefix)
    exported = run_lineage(graph, numbers["stage2/data"], numbers["stage2/softmax_label"])
    for place, name in ((2, "fc7"), (4, "log_softmax")):
        np.testing.assert_allclose(exported[place], numbers[f"{prefix}/{name}"], atol=1e-4)


@pytest.mark.parametrize("weight", [1, 5])
@pytest.mark.parametrize(
    "case",
    ["b12_id12_p1_c1", "b12_id12_p2_c1", "b12_id12_p3_c1", "b12_id12_p3_c2", "b12_id24_p3_c1"],
)
def test_interclass(case, weight, golden):
    expected = np.load(golden / "c_inter" / f"{case}.npz")
    head, tail, images, devices = map(int, re.match(r"b(\d+)_id(\d+)_p(\d)_c(\d)", case).groups())
    graph = unequal_graph(
        "t4_s64_m0.5_easy0",
        0.9,
        head // devices,
        tail // devices,
        images,
        float(weight),
        half=head // 2,
    )
    outputs, gradients = run(graph, expected, expected["data"], expected["softmax_label"])
    assert_unequal(outputs, gradients, expected, f"w{weight}")


@pytest.mark.parametrize(
    "tag",
    [
        "t4_s64_m0.5_easy0",
        "t4_s64_m0.5_easy1",
        "t4_s64_m0.0_easy0",
        "t4_s16_m0.3_easy0",
        "t5_s64_a0.9_m0.4_b0.15",
        "t5_s64_a1_m0.5_b0",
    ],
)
def test_on_target_rows_are_finite_where_the_2019_code_is_not(tag, golden):
    expected = dict(np.load(golden / "b_losses" / "ontarget.npz"))
    assert not np.isfinite(expected[f"NR/{tag}/beta0.9/grad_data"]).all()
    graph = NoiseResistanceGraph(
        Identity(), classifier(tag), NoiseResistanceLoss(CLASSES, 0.9, (ROWS, 2))
    )
    outputs, gradients = run(graph, expected, expected["data"], expected["softmax_label"])
    assert np.isfinite(outputs["loss"]).all()
    for gradient in gradients.values():
        assert np.isfinite(gradient).all()


def arcface_loss_float64(data, weight, label, easy):
    """Sum of the cross entropies over (rows * 2), ArcFace s=64 m=0.5, by its formula."""
    cosine = (data / np.linalg.norm(data, axis=1, keepdims=True)).dot(
        (weight / np.linalg.norm(weight, axis=1, keepdims=True)).T
    )
    rows = np.arange(len(label))
    target = cosine[rows, label]
    moved = np.cos(np.arccos(np.clip(target, -1, 1)) + 0.5)
    if easy:
        moved = np.where(target > 0, moved, target)
    else:
        moved = np.where(target > np.cos(np.pi - 0.5), moved, target - 0.5 * np.sin(0.5))
    logits = 64 * cosine
    logits[rows, label] = 64 * moved
    peak = logits.max(1)
    log_sum = peak + np.log(np.exp(logits - peak[:, None]).sum(1))
    return (log_sum - logits[rows, label]).sum() / (len(label) * 2)


@pytest.mark.parametrize("easy", [0, 1])
def test_on_target_gradient_equals_finite_differences(easy, golden):
    """Exactly on a target the loss has a tip: central differences give the mean of both sides."""
    numbers = dict(np.load(golden / "b_losses" / "ontarget.npz"))
    weight = numbers["fc7_weight"].astype(np.float64)
    label = numbers["softmax_label"].astype(int)
    data = numbers["data"].astype(np.float64)
    for row in range(9):  # in float64, too, exactly on (0-5) and opposite to (6-8) the target
        data[row] = weight[label[row]] * (0.7 if row < 6 else -0.7)
    graph = NoiseResistanceGraph(
        Identity(),
        classifier(f"t4_s64_m0.5_easy{easy}"),
        NoiseResistanceLoss(CLASSES, 1, (ROWS, 2)),
    )
    _, gradients = run(graph, numbers, data, label)
    step, rng = 1e-4, np.random.RandomState(0)
    for row in range(9):
        for _ in range(3):
            direction = rng.normal(size=EMBEDDING)
            ends = []
            for sign in (1, -1):
                moved = data.copy()
                moved[row] += sign * step * direction
                ends.append(arcface_loss_float64(moved, weight, label, easy))
            measured = (ends[0] - ends[1]) / (2 * step)
            ours = gradients["data"][row].dot(direction)
            assert abs(measured - ours) <= 1e-3 * np.abs(gradients["data"]).max(), row
