"""What differs between the four scripts, as one table: data, loss, what is loaded and saved."""

from __future__ import annotations

import argparse

import mxnet as mx
from easydict import EasyDict
from mxnet.gluon import HybridBlock

from symbols import backbone
from unequal.method.graphs import NoiseResistanceGraph, SoftmaxGraph, UnequalGraph
from unequal.method.interclass import InterclassLoss
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss
from unequal.support.errors import InputError
from unequal.training import hooks
from unequal.training import step_batches as batches
from unequal.training.metrics import Accuracy, CrossEntropy, Output, composite


def every_thousand(step: int) -> bool:
    """When stages one and two print the learning rate."""
    return step % 1000 == 0


def first_batch(step: int) -> bool:
    """When stage three does."""
    return step == 1


def _classifier(args: argparse.Namespace, normalised_input: bool) -> MarginClassifier:
    return MarginClassifier(
        args.loss_type,
        args.num_classes,
        args.emb_size,
        scale=args.margin_s,
        margin=args.margin_m,
        easy=bool(args.easy_margin),
        a=args.margin_a,
        b=args.margin_b,
        normalised_input=normalised_input,
        weight_decay_mult=args.fc7_wd_mult,
    )


def _backbone(args: argparse.Namespace) -> HybridBlock:
    try:
        return backbone(
            args.network,
            args.emb_size,
            width=args.width,
            bn_mom=args.bn_mom,
            version_se=args.version_se,
            version_input=args.version_input,
            version_output=args.version_output,
            version_unit=args.version_unit,
            version_act=args.version_act,
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def softmax_graph(args: argparse.Namespace) -> HybridBlock:
    """Stage one: margin softmax."""
    return SoftmaxGraph(_backbone(args), _classifier(args, normalised_input=False))


def noise_resistance_graph(args: argparse.Namespace) -> HybridBlock:
    """Stages 2a and 2b: the noise-resistance loss, sum / (total batch) / 2 on each device."""
    loss = NoiseResistanceLoss(args.num_classes, args.noise_beta, (args.batch_size, 2))
    return NoiseResistanceGraph(_backbone(args), _classifier(args, normalised_input=False), loss)


def unequal_graph(args: argparse.Namespace) -> HybridBlock:
    """Stage three: head under the noise-resistance loss, tail under the inter-class loss."""
    head, tail = args.batch_size1 // args.ctx_num, args.batchsize_id // args.ctx_num
    beta = args.noise_beta if args.noise else None
    loss = NoiseResistanceLoss(args.num_classes, beta, (max(1, args.batch_size1 // 2),))
    apart = InterclassLoss(
        args.emb_size, tail // args.images_per_identity, args.images_per_identity, args.interweight
    )
    return UnequalGraph(
        _backbone(args), _classifier(args, normalised_input=True), loss, apart, head, tail
    )


def _noise_resistance_metric() -> mx.metric.EvalMetric:
    return composite(Accuracy("predicted"), Output("softmaxloss2", "loss"))


_STAGE_TWO = EasyDict(
    batches=batches.head_batches,
    graph=noise_resistance_graph,
    metric=_noise_resistance_metric,
    worth_saving=hooks.saves_noise_resistance,
    best_line=hooks.last_best,
    test_first_then_save=0,
    speed_every=20,
    rate_due=every_thousand,
    says_loading=True,
    drops_classifier=False,
    writes_noise_list=False,
    saves_at_end=True,
    network_lines=1,
    test_batch=None,
)

STAGES = EasyDict(
    softmax=EasyDict(
        _STAGE_TWO,
        graph=softmax_graph,
        metric=lambda: composite(
            Accuracy("predicted"), CrossEntropy("softmaxloss", probability="label_probability")
        ),
        worth_saving=hooks.saves_softmax,
        test_first_then_save=None,
    ),
    # its checkpoint is the model after one step; what comes later must not replace it
    savemodel=EasyDict(_STAGE_TWO, saves_at_end=False),
    noise_resistance=EasyDict(
        _STAGE_TWO,
        batches=batches.head_without_noise,
        drops_classifier=True,
        writes_noise_list=True,
    ),
    unequal=EasyDict(
        _STAGE_TWO,
        graph=unequal_graph,
        metric=lambda: composite(
            Accuracy("predicted", label="head_label"),
            CrossEntropy("softmaxloss", log_probability="label_log_probability"),
            Output("interloss", "inter_loss"),
        ),
        best_line=hooks.three_best,
        test_first_then_save=1000,
        speed_every=2,
        rate_due=first_batch,
        says_loading=False,
        batches=batches.head_and_tail,
        network_lines=2,
        test_batch=10,
    ),
)
