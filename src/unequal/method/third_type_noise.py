"""Third-type noise: images of the training set that belong to none of its identities.

    image x is noise  if  max over the classes j of P_j(x) < threshold

P are the probabilities of a model that was trained on that set. The paper's threshold is 0.007
for the 100,765 identities of its head; that of the 2019 code is 0, so that nothing is noise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unequal.faces.noise_list import NoiseRow
from unequal.faces.noise_scores import Scores


class NoiseResult(NamedTuple):
    """The scores of all images that could be decoded, and the threshold below which is noise."""

    scores: Scores
    threshold: float

    @property
    def noisy(self) -> np.ndarray:
        """Which images are noise, bool (images,)."""
        return self.scores.largest < self.threshold

    @property
    def kept(self) -> np.ndarray:
        """The keys of the records to train on, int64, in the order looked at."""
        return self.scores.keys[~self.noisy]

    @property
    def flagged(self) -> list[NoiseRow]:
        """The rows of the noise list."""
        return list(self.scores.rows(self.noisy))
