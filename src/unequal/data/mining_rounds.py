"""Mining: from random bags of tail images to the images of confusing identities."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Callable

import numpy as np
from tqdm import tqdm

from unequal.data.decode import ImageLoader
from unequal.data.tail_bags import Bag, TailBags
from unequal.mining.confusing import pick_confusing

Embed = Callable[[np.ndarray], np.ndarray]

logger = logging.getLogger(__name__)


class TailMiner:
    """Mines rows for the inter-class loss, a round of bags at a time (as the 2019 code).

    Of each bag the `identities_per_bag` most confusing identities under `embed` are taken
    (unequal.mining.confusing). `embed` maps uint8 (batch_size, 3, height, width) RGB to NumPy
    (batch_size, emb); the last batch of a bag is filled up with repeated rows. Images are not
    augmented for this. Bad images are left out, and not drawn again.
    """

    def __init__(
        self,
        loader: ImageLoader,
        bag_size: int,
        images_per_identity: int,
        identities_per_bag: int,
        embed: Embed,
        batch_size: int,
        log: Callable[[str], None] = print,
    ) -> None:
        self.loader = loader
        self.images_per_identity = images_per_identity
        self.identities_per_bag = identities_per_bag
        self.embed = embed
        self.batch_size = batch_size
        self.log = log
        records = loader.records
        self._bags = TailBags(
            records.groups, bag_size, images_per_identity, identities_per_bag, records.path
        )
        if self._bags.unused:
            logger.info(
                "%s: %d identities with fewer than 2 images are not used",
                records.path,
                self._bags.unused,
            )

    def mine(self, bags: int, rng: np.random.Generator) -> np.ndarray:
        """Keys of `bags` x identities_per_bag x images_per_identity rows, grouped by identity.

        An identity with fewer images has them repeated in turn. A new permutation of the tail is
        begun. Raises InputError as the loader does, or where too few identities are left.
        """
        self._bags.reorder()
        return np.concatenate(
            [self._mine_bag(rng) for _ in tqdm(range(bags), "mining", disable=None, leave=False)]
        )

    def _mine_bag(self, rng: np.random.Generator) -> np.ndarray:
        while True:
            bag = self._bags.draw(rng)
            if bag.reordered:
                self.log("interclass_oseq_reset")
            self.log(f"eval {len(bag.keys)} images.. {bag.cursor}")
            keys, counts, embeddings = self._embed(bag)
            if len(keys) < len(bag.keys):
                self._bags.forget(self.loader.bad_keys)
            if len(counts) >= self.identities_per_bag:
                break
        picked = pick_confusing(embeddings, counts, self.identities_per_bag)
        starts = np.concatenate([[0], np.cumsum(counts)])
        return np.concatenate(
            [np.resize(keys[starts[i] : starts[i + 1]], self.images_per_identity) for i in picked]
        )

    def _embed(self, bag: Bag) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keys, images per identity and embeddings of what could be decoded and has a centre."""
        found, parts = [], []
        with closing(self.loader.chunks(bag.keys, self.batch_size)) as chunks:
            for chunk in chunks:
                if len(chunk.keys):
                    found.append(chunk.keys)
                    parts.append(np.asarray(self.embed(chunk.images))[: len(chunk.keys)])
        keys = np.concatenate(found) if found else np.empty(0, np.int64)
        good = np.isin(bag.keys, keys)
        identity = np.repeat(np.arange(len(bag.counts)), bag.counts)[good]
        counts = np.bincount(identity, minlength=len(bag.counts))
        usable = counts >= min(self.images_per_identity, 2)
        rows = usable[identity]
        embeddings = np.concatenate(parts)[rows] if parts else np.empty((0, 1))
        return keys[rows], counts[usable], embeddings
