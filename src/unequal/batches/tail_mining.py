"""Mining: from random bags of tail images to the images of confusing identities."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Callable, Collection, Iterator, NamedTuple

import numpy as np
from tqdm import tqdm

from unequal.batches.tail_bags import Bag, TailBags
from unequal.faces.decoding import ImageLoader
from unequal.method.confusing import pick_confusing
from unequal.support.pipelining import one_behind, pusher

Embed = Callable[[np.ndarray], np.ndarray]

logger = logging.getLogger(__name__)


class _Rows(NamedTuple):
    """What of a bag has a centre: record keys, images per identity, and which decoded rows."""

    keys: np.ndarray
    counts: np.ndarray
    which: np.ndarray


class _Part(NamedTuple):
    """A batch given to the network: its result, its rows that count, and the bag it completes."""

    result: object
    count: int
    bag: _Rows | None


class TailMiner:
    """Mines rows for the inter-class loss, a round of bags at a time (as the 2019 code).

    Of each bag the `identities_per_bag` most confusing identities under `embed` are taken
    (unequal.method.confusing). `embed` maps uint8 (batch_size, 3, height, width) RGB to NumPy
    (batch_size, emb); the last batch of a bag is filled up with repeated rows. Where `embed` has a
    method `push` of which np.asarray gives the result, the next batch is decoded and pushed before
    a result is waited for. Images are not augmented for this. Bad images are left out, and not
    drawn again.
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

    def mine(
        self,
        bags: int,
        rng: np.random.Generator,
        embed: Embed | None = None,
        log: Callable[[str], None] | None = None,
        bar: bool = True,
    ) -> np.ndarray:
        """Keys of `bags` x identities_per_bag x images_per_identity rows, grouped by identity.

        An identity with fewer images has them repeated in turn. A new permutation of the tail is
        begun. `embed` and `log` take the places of the miner's own; `bar` shows progress on a
        terminal. Raises InputError as the loader does, or where too few identities are left.
        """
        self._bags.reorder()
        push = pusher(self.embed if embed is None else embed)
        parts = self._parts(bags, rng, push, log or self.log, bar)
        mined, embeddings = [], []
        with closing(one_behind(parts)) as results:
            for part in results:
                if part.count:
                    embeddings.append(np.asarray(part.result)[: part.count])
                if part.bag is None:
                    continue
                if self._suffices(part.bag):
                    mined.append(self._pick(part.bag, np.concatenate(embeddings)))
                embeddings = []
        return np.concatenate(mined)

    def forget(self, bad_keys: Collection[int]) -> None:
        """Never draw these images, which cannot be decoded."""
        if bad_keys:
            self._bags.forget(bad_keys)

    def _parts(
        self,
        bags: int,
        rng: np.random.Generator,
        push: Callable[[np.ndarray], object],
        log: Callable[[str], None],
        bar: bool,
    ) -> Iterator[_Part]:
        """The batches of as many bags as it takes until `bags` of them suffice."""
        for _ in tqdm(range(bags), "mining", disable=None if bar else True, leave=False):
            while True:
                bag = self._bags.draw(rng)
                if bag.reordered:
                    log("interclass_oseq_reset")
                log(f"eval {len(bag.keys)} images.. {bag.cursor}")
                found = []
                with closing(self.loader.chunks(bag.keys, self.batch_size)) as chunks:
                    for chunk in chunks:
                        found.append(chunk.keys)
                        last = chunk.stop == len(bag.keys)
                        rows = self._usable(bag, np.concatenate(found)) if last else None
                        result = push(chunk.images) if len(chunk.keys) else None
                        yield _Part(result, len(chunk.keys), rows)
                if sum(map(len, found)) < len(bag.keys):
                    self._bags.forget(self.loader.bad_keys)
                if self._suffices(rows):
                    break

    def _usable(self, bag: Bag, decoded: np.ndarray) -> _Rows:
        good = np.isin(bag.keys, decoded)
        identity = np.repeat(np.arange(len(bag.counts)), bag.counts)[good]
        counts = np.bincount(identity, minlength=len(bag.counts))
        usable = counts >= min(self.images_per_identity, 2)
        which = usable[identity]
        return _Rows(decoded[which], counts[usable], which)

    def _suffices(self, bag: _Rows) -> bool:
        return len(bag.counts) >= self.identities_per_bag

    def _pick(self, bag: _Rows, embeddings: np.ndarray) -> np.ndarray:
        if not bag.which.all():
            embeddings = embeddings[bag.which]
        picked = pick_confusing(embeddings, bag.counts, self.identities_per_bag)
        starts = np.cumsum(bag.counts) - bag.counts
        return np.concatenate(
            [
                np.resize(bag.keys[starts[i] : starts[i] + bag.counts[i]], self.images_per_identity)
                for i in picked
            ]
        )
