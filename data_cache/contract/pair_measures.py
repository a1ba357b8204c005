"""Distance and angle of a pair of joints (STAR, equations 1 and 2): what the values of an edges file mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# `sincos` stores arctan's angle; what reads it takes sin 2θ and cos 2θ, in which a line has no first or last direction.
ANGLES = ("arctan", "atan2", "sincos")


def pair_measures(
    dx: NDArray[np.float64], dy: NDArray[np.float64], angle: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """√(dx² + dy²) in the unit of dx, and the angle in radians; both of any one shape, 0 where dx = dy = 0.

    angle: `arctan` is equation 2, in [−π/2, π/2]: dx = 0 gives π/2 with the sign of dy; so is `sincos`; `atan2` is the
        full angle, in (−π, π]. Raises ValueError for another.
    """
    if angle not in ANGLES:
        raise ValueError(f"angle: expected one of {', '.join(ANGLES)}, got {angle!r}")
    distance = np.sqrt(dx * dx + dy * dy)
    dx, dy = dx + 0.0, dy + 0.0  # -0.0 becomes 0.0: arctan2 looks at the sign of zeros
    if angle == "atan2":
        return distance, np.arctan2(dy, dx)
    # arctan(dy / dx) is atan2 of the vector turned into the right half plane; nothing is divided by zero.
    return distance, np.arctan2(np.where(dx < 0, -dy, dy), np.abs(dx)) + 0.0
