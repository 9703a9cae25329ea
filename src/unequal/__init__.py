"""Train face recognition on long-tailed, noisy data.

Import this package before `mxnet`: it prepares the process for MXNet, see
`unequal.support.environment`, and does nothing else.
"""

from unequal.support.environment import prepare

__version__ = "0.1.0"

prepare()
