"""The settings of a run of the recipe: what the flags of ``train_unequal.py`` become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence


@dataclass(frozen=True)
class RecipeSettings:
    """What a run of the recipe was asked for. :func:`unequal.recipe.flags.parse` makes it."""

    head: str  # folder of the head, with its verification sets
    tail: str  # folder of the tail
    output: str  # folder for all that is made
    fresh: bool  # remove what an earlier run left in ``output``
    seed: int  # of all random choices
    target: str  # names of the verification sets, separated by commas
    identify: str  # people who are in no training set: a face set or a folder; '' for none
    distractors: str  # people among whom those are searched for, too; '' for none
    patience: int  # tests without a better mean until the rate drops or a stage ends
    test_every: int  # batches between two tests of steps 1 and 2.2; 0: an epoch of the head
    again: bool  # train step 1 again, on the cleaned head
    interweights: Sequence[float]  # weights of the inter-class loss, in the order of trial
    noise_threshold: float | str  # images of a lower largest probability are noise, or 'auto'
    label_below: float  # images whose label has a lower probability leave the head; 0: not used
    per_batch_size: int  # head images a device in steps 1 and 2.2; 0: the scripts' own number
    batch_size1: int  # head images in a batch of step 3.2
    batchsize_id: int  # tail images in a batch of step 3.2
    batch_size2: int  # tail images that are embedded at once
    bag_size: int  # tail images that a batch is mined from
    images_per_identity: int  # tail images that make a centre
    words: Mapping[str, Sequence[str]]  # by the key of a step: flags that its script is given
    flags: Mapping[str, Any]  # all flags by name, as recipe.json keeps them
