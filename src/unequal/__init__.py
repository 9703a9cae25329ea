"""Training face recognition on long-tailed, noisy data.

Importing this package, which costs nothing else, readies the process for MXNet: see
`unequal.support.environment`. Import it before `mxnet`.
"""

from unequal.support.environment import prepare

__version__ = "0.1.0"

prepare()
