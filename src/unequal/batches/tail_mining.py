"""Mining: from random bags of tail images to the images of confusing identities."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any, Callable, Collection, Generator, NamedTuple

import numpy as np
from tqdm import tqdm

from unequal.batches.tail_bags import Bag, TailBags
from unequal.faces.decoding import ImageLoader
from unequal.method.confusing import pick_confusing
from unequal.support.pipelining import one_behind, pusher

if TYPE_CHECKING:
    from unequal.checkpoints.embedder import Embed

Log = Callable[[str], None]

logger = logging.getLogger(__name__)


class _Rows(NamedTuple):
    """What of a bag has a centre: record keys, images per identity, and which decoded rows."""

    keys: np.ndarray
    counts: np.ndarray
    which: np.ndarray


class _Part(NamedTuple):
    """A batch given to the network: its result, its rows that count, and the bag it completes."""

    result: object
    rows: int
    bag: _Rows | None


class TailMiner:
    """Mines rows for the inter-class loss, a round of bags at a time (as the 2019 code).

    Images are not augmented. Bad images are left out, and not drawn again.

    Args:
        loader: decodes the images of the tail.
        bag_size: how many images a bag has, at most.
        images_per_identity: how many images of an identity a bag has, and how many rows it gets.
        identities_per_bag: how many identities, the most confusing ones, are taken of each bag.
        embed: uint8 (batch_size, 3, height, width) RGB -> NumPy (batch_size, E). If it has a
            method `push`, the next batch is decoded and pushed before a result of that is read.
        batch_size: images at a time. Repeated rows fill up the last batch of a bag.
        log: gets the lines of the 2019 code.
    """

    def __init__(
        self,
        loader: ImageLoader,
        bag_size: int,
        images_per_identity: int,
        identities_per_bag: int,
        embed: Embed,
        batch_size: int,
        log: Log = print,
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
        log: Log | None = None,
        bar: bool = True,
    ) -> np.ndarray:
        """Begin a new permutation of the tail and mine a round.

        Args:
            bags: how many bags to take identities of.
            rng: draws the bags.
            embed: in place of the miner's own.
            log: in place of the miner's own.
            bar: whether to show progress on a terminal.

        Returns:
            Keys of `bags` x identities_per_bag x images_per_identity rows, grouped by identity. An
            identity with fewer images has them repeated in turn.

        Raises:
            InputError: as the loader does, or because too few identities are left.
        """
        self._bags.reorder()
        push = pusher(self.embed if embed is None else embed)
        parts = self._parts(bags, rng, push, log or self.log, bar)
        mined: list[np.ndarray] = []
        embeddings: list[np.ndarray] = []
        with closing(one_behind(parts)) as results:
            for part in results:
                if part.rows:
                    embeddings.append(np.asarray(part.result)[: part.rows])
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
        self, bags: int, rng: np.random.Generator, push: Embed, log: Log, bar: bool
    ) -> Generator[_Part, None, None]:
        """Draw bags until `bags` of them suffice, and give their batches to the network."""
        for _ in tqdm(range(bags), "mining", disable=None if bar else True, leave=False):
            suffices = False
            while not suffices:
                bag = self._bags.draw(rng)
                if bag.reordered:
                    log("interclass_oseq_reset")
                log(f"eval {len(bag.keys)} images.. {bag.cursor}")
                found: list[np.ndarray] = []
                with closing(self.loader.chunks(bag.keys, self.batch_size)) as chunks:
                    for chunk in chunks:
                        found.append(chunk.keys)
                        result = push(chunk.images) if len(chunk.keys) else None
                        rows = None
                        if chunk.stop == len(bag.keys):
                            rows = self._usable(bag, np.concatenate(found))
                            suffices = self._suffices(rows)
                        yield _Part(result, len(chunk.keys), rows)
                if sum(map(len, found)) < len(bag.keys):
                    self._bags.forget(self.loader.bad_keys)

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
        of_identity = np.split(bag.keys, np.cumsum(bag.counts)[:-1])
        return np.concatenate([np.resize(of_identity[i], self.images_per_identity) for i in picked])


class _Stopped(Exception):
    """Ends the thread early."""


class MiningAhead:
    """A round of mining for the next epoch, begun at once in a thread while this one trains.

    The miner is the thread's until `take` or `stop` returns.

    Args:
        miner: mines the round.
        bags: how many bags.
        rng: draws them; nobody else may use it.
        embed: belongs to the thread from here on: its weights must not change any more.
    """

    def __init__(self, miner: TailMiner, bags: int, rng: np.random.Generator, embed: Embed) -> None:
        self._lines: list[str] = []
        self._keys = np.empty(0, np.int64)
        self._error: BaseException | None = None
        self._stopped = False
        push = pusher(embed)

        def push_until_stopped(images: np.ndarray) -> Any:
            if self._stopped:
                raise _Stopped
            return push(images)

        def work() -> None:
            try:
                self._keys = miner.mine(bags, rng, push_until_stopped, self._lines.append, False)
            except BaseException as error:  # whatever it is, it belongs to the thread that takes
                self._error = error

        self._thread = threading.Thread(target=work, name="mining", daemon=True)
        self._thread.start()

    def take(self, log: Log) -> np.ndarray:
        """Wait for the round and return its keys.

        `log` gets the lines of the round. What stopped the thread is raised here.
        """
        self._thread.join()
        for line in self._lines:
            log(line)
        if self._error is not None:
            raise self._error
        return self._keys

    def stop(self) -> None:
        """End the thread after the batch that it embeds, and wait for that."""
        self._stopped = True
        self._thread.join()
