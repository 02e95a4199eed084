"""The kinds of arrays, for who checks types: numpy.typing takes a tenth of a cold start, so nothing imports it to run.

``Numbers`` are whole numbers of 64 bits, ``Floats`` any floats, ``Flags`` true or false, ``Array`` anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]
Array = NDArray[Any]
