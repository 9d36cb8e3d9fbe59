"""What the projection's arrays are called in signatures."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from goals.decisions.policies.base import Floats as Floats

Indices: TypeAlias = NDArray[np.intp]
Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = Sequence[float] | Floats
