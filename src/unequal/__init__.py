"""Training face recognition on long-tailed, noisy data.

Importing this package, which costs nothing else, readies the process for MXNet: see
`unequal.preload`. Import it before `mxnet`.
"""

from unequal.preload import prepare

__version__ = "0.1.0"

prepare()
