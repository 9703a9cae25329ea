"""The four training steps as one table: data, loss, what is loaded and what is saved.

=====  ================  ======================  ==================================================
step   key               script                  trains
=====  ================  ======================  ==================================================
1      softmax           train_softmax.py        margin softmax on the head
2.1    savemodel         train_NR_savemodel.py   one step, so that step 2.2 can read the model
2.2    noise_resistance  train_NR.py             the NR loss on the head without third-type noise
3.2    unequal           train_debug_soft_gs.py  the NR loss on the head, the inter-class loss on
                                                 confusing identities of the tail
=====  ================  ======================  ==================================================

Step 3.1 trains nothing: it is ``recordio_tools.denoise``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Callable, Mapping, Sequence

import mxnet as mx
from mxnet.gluon import HybridBlock

from symbols import backbone
from unequal.batches.face_iterator import FaceIter
from unequal.method.graphs import NoiseResistanceGraph, SoftmaxGraph, UnequalGraph
from unequal.method.interclass import InterclassLoss
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss
from unequal.support.errors import InputError
from unequal.training import step_batches
from unequal.training.metrics import Accuracy, CrossEntropy, Output, composite
from unequal.training.run_shape import RunShape
from unequal.training.setting_fields import AUTO
from unequal.training.settings import RunSettings, TailBagSettings

REFERENCE_BATCH = 512  # images a step for which the 2019 steps of the rate were made
Rule = Callable[[Sequence[float], Sequence[float]], bool]
MakeBatches = Callable[
    [RunSettings, RunShape, HybridBlock, Sequence[mx.Context], Callable[[], None]], FaceIter
]


@dataclass(frozen=True)
class Step:
    """A training step: how its script differs from the others."""

    number: str  # as the README of 2019 counts
    key: str  # its name in the code
    graph: Callable[[RunSettings, RunShape], HybridBlock]  # backbone, classifier and loss
    batches: MakeBatches  # opens the sets; may end long work by its last argument
    metric: Callable[[], mx.metric.EvalMetric]  # the numbers of the log lines
    worth_saving: Rule  # (accuracies, best so far) -> numbered checkpoint?
    best_line: Callable[[Mapping[str, float]], str]  # text behind "Accuracy-Highest:"
    lr_steps: Callable[[int], Sequence[int]]  # loss type -> when the rate drops, at 512 images
    rate_due: Callable[[int], bool]  # after which steps the learning rate is printed
    speed_every: int = 20  # batches between two speed lines
    test_first_then_save: int | None = 0  # test after the first batch, then save this number
    needs_pretrained: bool = False  # refuse to start from random weights
    says_loading: bool = True  # print "loading prefix epoch"
    drops_classifier: bool = False  # fc7 of `pretrained` is not taken
    writes_noise_list: bool = False  # into the noise folder
    saves_at_end: bool = True  # -0000 at the end of the run
    network_lines: int = 1  # how often the network's lines are printed
    test_batch: int | None = None  # batch size that a test prints, where it prints one

    def drops_at(self, settings: RunSettings, shape: RunShape) -> list[int]:
        """Return the batches after which the learning rate drops: as asked for, else as in 2019."""
        if settings.optimiser.drops:
            return settings.optimiser.drops
        of_2019 = self.lr_steps(settings.margin.loss_type)
        return [int(number * REFERENCE_BATCH / shape.batch_size) for number in of_2019]


def check_start(step: Step, settings: RunSettings, shape: RunShape) -> None:
    """Say what the settings lack for a step.

    Raises:
        InputError: a step that needs a checkpoint has none.
    """
    if step.needs_pretrained and not settings.pretrained:
        raise InputError(
            "`pretrained`: name the checkpoint that train_NR_savemodel.py wrote, to find noise with"
        )
    if step is SAVEMODEL and not settings.pretrained:
        logging.warning("--pretrained is not given: what is saved is one step from random weights")
    threshold, classes = settings.noise.noise_threshold, shape.num_classes
    if threshold != AUTO and 0 < float(threshold) * classes <= 1:
        logging.warning(
            "--noise-threshold %g leaves nothing out: among %d classes the largest "
            "probability is always above %.2g",
            threshold,
            classes,
            1 / classes,
        )


def _classifier(settings: RunSettings, shape: RunShape, normalised_input: bool) -> MarginClassifier:
    margin = settings.margin
    return MarginClassifier(
        margin.loss_type,
        shape.num_classes,
        settings.network.emb_size,
        scale=margin.margin_s,
        margin=margin.margin_m,
        easy=bool(margin.easy_margin),
        a=margin.margin_a,
        b=margin.margin_b,
        normalised_input=normalised_input,
        weight_decay_mult=margin.fc7_wd_mult,
    )


def _backbone(settings: RunSettings) -> HybridBlock:
    network = settings.network
    options = {name: value for name, value in vars(network).items() if name.startswith("version")}
    try:
        return backbone(
            network.network,
            network.emb_size,
            width=network.width,
            bn_mom=network.bn_mom,
            **options,
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def softmax_graph(settings: RunSettings, shape: RunShape) -> SoftmaxGraph:
    """Return the margin softmax of step 1."""
    return SoftmaxGraph(_backbone(settings), _classifier(settings, shape, normalised_input=False))


def noise_resistance_graph(settings: RunSettings, shape: RunShape) -> NoiseResistanceGraph:
    """Return the NR loss of steps 2.1 and 2.2: the sum over the rows / (total batch) / 2."""
    loss = NoiseResistanceLoss(shape.num_classes, settings.noise.noise_beta, (shape.batch_size, 2))
    classifier = _classifier(settings, shape, normalised_input=False)
    return NoiseResistanceGraph(_backbone(settings), classifier, loss)


def unequal_graph(settings: RunSettings, shape: RunShape) -> UnequalGraph:
    """Return step 3.2: the head under the NR loss, the tail under the inter-class loss."""
    tail = settings.tail or TailBagSettings()
    head_rows, tail_rows = tail.batch_size1 // shape.ctx_num, tail.batchsize_id // shape.ctx_num
    beta = settings.noise.noise_beta if settings.noise.noise else None
    loss = NoiseResistanceLoss(shape.num_classes, beta, (max(1, tail.batch_size1 // 2),))
    apart = InterclassLoss(
        settings.network.emb_size,
        tail_rows // tail.images_per_identity,
        tail.images_per_identity,
        tail.interweight,
    )
    classifier = _classifier(settings, shape, normalised_input=True)
    return UnequalGraph(_backbone(settings), classifier, loss, apart, head_rows, tail_rows)


def softmax_metric() -> mx.metric.EvalMetric:
    """Return accuracy and cross entropy of step 1."""
    return composite(
        Accuracy("predicted"), CrossEntropy("softmaxloss", probability="label_probability")
    )


def noise_resistance_metric() -> mx.metric.EvalMetric:
    """Return accuracy and loss of steps 2.1 and 2.2."""
    return composite(Accuracy("predicted"), Output("softmaxloss2", "loss"))


def unequal_metric() -> mx.metric.EvalMetric:
    """Return accuracy and both losses of step 3.2."""
    return composite(
        Accuracy("predicted", label="head_label"),
        CrossEntropy("softmaxloss", log_probability="label_log_probability"),
        Output("interloss", "inter_loss"),
    )


def softmax_is_worth_saving(accuracies: Sequence[float], best: Sequence[float]) -> bool:
    """Tell whether a model is worth a numbered checkpoint by the 2019 rule of step 1."""
    first, last = accuracies[0], accuracies[-1]
    return (
        (first > best[0] and first >= 0.975)
        or (last >= best[-1] and first >= 0.985)
        or last >= 0.985
    )


def is_worth_saving(accuracies: Sequence[float], best: Sequence[float]) -> bool:
    """Tell the same by the 2019 rule of the other steps."""
    first, last = accuracies[0], accuracies[-1]
    return (first > best[0] and first >= 0.99) or (last >= best[-1] and first >= 0.99)


def last_best(best: Mapping[str, float]) -> str:
    """Return the best accuracy of the last target."""
    return f"{list(best.values())[-1] if best else 0.0:1.5f}"


def three_best(best: Mapping[str, float]) -> str:
    """Return the best accuracies of the targets, three numbers at least."""
    values = list(best.values())
    return " ".join(f"{value:1.5f}" for value in values + [0.0] * (3 - len(values)))


def softmax_lr_steps(loss_type: int) -> Sequence[int]:
    """Return the 2019 steps of step 1."""
    return (16000, 24000) if loss_type == 0 else (32000, 48000, 60000)


def other_lr_steps(loss_type: int) -> Sequence[int]:
    """Return the 2019 steps of the other steps."""
    return 100000, 140000, 160000


def every_thousand(step: int) -> bool:
    """Tell whether a step is a multiple of 1000."""
    return step % 1000 == 0


def first_batch(step: int) -> bool:
    """Tell whether a step is the first."""
    return step == 1


SAVEMODEL = Step(
    number="2.1",
    key="savemodel",
    graph=noise_resistance_graph,
    batches=step_batches.head_batches,
    metric=noise_resistance_metric,
    worth_saving=is_worth_saving,
    best_line=last_best,
    lr_steps=other_lr_steps,
    rate_due=every_thousand,
    saves_at_end=False,  # its checkpoint is the model after one step: nothing may replace it
)
SOFTMAX = replace(
    SAVEMODEL,
    number="1",
    key="softmax",
    graph=softmax_graph,
    metric=softmax_metric,
    worth_saving=softmax_is_worth_saving,
    lr_steps=softmax_lr_steps,
    test_first_then_save=None,
    saves_at_end=True,
)
NOISE_RESISTANCE = replace(
    SAVEMODEL,
    number="2.2",
    key="noise_resistance",
    batches=step_batches.head_without_noise,
    needs_pretrained=True,
    drops_classifier=True,
    writes_noise_list=True,
    saves_at_end=True,
)
UNEQUAL = replace(
    SAVEMODEL,
    number="3.2",
    key="unequal",
    graph=unequal_graph,
    batches=step_batches.head_and_tail,
    metric=unequal_metric,
    best_line=three_best,
    rate_due=first_batch,
    speed_every=2,
    test_first_then_save=1000,
    says_loading=False,
    saves_at_end=True,
    network_lines=2,
    test_batch=10,
)
STEPS = {step.key: step for step in (SOFTMAX, SAVEMODEL, NOISE_RESISTANCE, UNEQUAL)}
