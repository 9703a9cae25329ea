"""The paper, an idea a file: Zhong et al., Unequal-Training for Deep Face Recognition, CVPR 2019.

The head holds the identities of many images, the tail those of few. ``margin`` is the loss of
step 1. ``third_type_noise`` finds images of the head that show none of its identities, and
``noise_resistance`` is its loss from then on. ``confusing`` finds the identities of the tail that
are worth separating, and ``interclass`` pushes them apart. ``graphs`` puts a network and its losses
together for each step. How the 2019 graph writes this: ``symbols.class_scores``.
"""
