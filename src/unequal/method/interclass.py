"""The inter-class (centre-dispersed) loss: centres of confusing identities are pushed apart."""

from __future__ import annotations

from mxnet.gluon import HybridBlock


class InterclassLoss(HybridBlock):
    """Normalised embeddings (identities * images, E) -> (loss, emb_norm, cosine_matrix).

    Rows come grouped: ``images`` rows of one identity after the other. An identity's centre is the
    normalised mean of its rows. The loss (scalar) is ``weight`` times the mean over all identity
    pairs of (cos - [same])^2, ``cosine_matrix`` (identities, identities) holds these squares, and
    ``emb_norm`` (scalar) is the norm of all centres. As the 2019 code.
    """

    def __init__(self, embedding: int, identities: int, images: int, weight: float):
        super().__init__(prefix="")
        self._shape = (embedding, identities, images)
        self._weight = weight

    def hybrid_forward(self, F, rows):
        grouped = F.transpose(F.Reshape(F.transpose(rows), shape=self._shape), axes=(2, 1, 0))
        centres = F.L2Normalization(F.mean(grouped, axis=0), mode="instance")
        cosine = F.dot(centres, F.transpose(centres))
        off = cosine - F.eye(self._shape[1])
        squares = off * off
        return F.mean(squares) * self._weight, F.norm(centres), squares
