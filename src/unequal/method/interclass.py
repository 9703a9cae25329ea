"""The inter-class loss (the paper's centre-dispersed loss): confusing identities are pushed apart.

    c_i = unit vector along the mean of the normalised embeddings of identity i
    L = weight * mean over all pairs (i, j) of (c_i . c_j - [i = j])^2

It needs no classifier, so that it can train on identities with a few images each.
"""

from __future__ import annotations

from mxnet.gluon import HybridBlock

from symbols.lineage_2019 import Ops, Tensor


class InterclassLoss(HybridBlock):
    """Normalised embeddings (identities * images, E), those of one identity after the other.

    ``embedding`` is E. As the 2019 code.
    """

    def __init__(self, embedding: int, identities: int, images: int, weight: float):
        super().__init__(prefix="")
        self._shape = (embedding, identities, images)
        self._weight = weight

    def hybrid_forward(self, F: Ops, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return L (1,), the norm of all centres (1,), the squares (identities, identities)."""
        grouped = F.transpose(F.Reshape(F.transpose(rows), shape=self._shape), axes=(2, 1, 0))
        centres = F.L2Normalization(F.mean(grouped, axis=0), mode="instance")
        cosine = F.dot(centres, F.transpose(centres))
        off = cosine - F.eye(self._shape[1])
        squares = off * off
        return F.mean(squares) * self._weight, F.norm(centres), squares
