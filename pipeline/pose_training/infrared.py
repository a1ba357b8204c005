"""Simulate near infrared from a colour crop, in the order data/sample/README.md describes for the embedded sample."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLE_MIX = (0.65, 0.25, 0.10)
"""Weights of red, green and blue in the sample's single channel."""


@dataclass(frozen=True)
class InfraredParameters:
    """What one simulated infrared camera does to a crop; the stages run in the order of the fields.

    mix: weights of red, green, blue, summing to 1.
    inverted: the single channel is turned to 1 - value (clothes that are dark in colour, bright in infrared).
    gamma, contrast (about 0.5), offset: value' = (value ** gamma - 0.5) * contrast + 0.5 + offset, value in [0, 1].
    blur: sigma of the Gaussian blur in pixels, 0 for none.
    noise: (a, b) of the noise variance a ** 2 + b * value.
    """

    mix: tuple[float, float, float]
    inverted: bool
    gamma: float
    contrast: float
    offset: float
    blur: float
    noise: tuple[float, float]

    def __post_init__(self) -> None:
        if len(self.mix) != 3 or min(self.mix) < 0 or abs(sum(self.mix) - 1) > 1e-6:
            raise ValueError(f"mix: expected three weights >= 0 that sum to 1, got {self.mix}")
        if self.gamma <= 0 or self.contrast <= 0 or self.blur < 0 or min(self.noise) < 0:
            raise ValueError(f"infrared parameters: expected gamma, contrast > 0, blur, noise >= 0, got {self}")


def simulate_infrared(
    image: NDArray[np.uint8], parameters: InfraredParameters, normal: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """One-channel infrared look of a colour crop, copied to three channels.

    image: (y, x, bgr) uint8. normal: (y, x) float32, standard normal draws, so that the result is a pure function.
    Returns (y, x, bgr) uint8 with three equal channels.
    """
    if image.ndim != 3 or image.shape[2] != 3 or normal.shape != image.shape[:2]:
        raise ValueError(
            f"image, normal: expected (y, x, 3) and (y, x), got {image.shape} and {normal.shape}; pass a BGR crop"
        )
    red, green, blue = parameters.mix
    value: NDArray[np.float32] = (image @ np.array([blue, green, red], np.float32)) / np.float32(255)
    if parameters.inverted:
        value = 1 - value
    value = np.clip(value, 0, 1) ** np.float32(parameters.gamma)
    value = (value - 0.5) * np.float32(parameters.contrast) + np.float32(0.5 + parameters.offset)
    if parameters.blur > 0:
        value = np.asarray(cv2.GaussianBlur(value, (0, 0), parameters.blur), np.float32)
    a, b = parameters.noise
    value = value + normal * np.sqrt(np.float32(a * a) + np.float32(b) * np.clip(value, 0, 1))
    grey = np.rint(np.clip(value, 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def draw_sample_parameters(rng: np.random.Generator) -> InfraredParameters:
    """Draw a camera from the ranges of the embedded sample (once per tracklet there)."""
    return InfraredParameters(
        mix=SAMPLE_MIX,
        inverted=False,
        gamma=rng.uniform(0.60, 0.85),
        contrast=rng.uniform(0.75, 0.95),
        offset=rng.uniform(-0.02, 0.08),
        blur=0.7,
        noise=(0.012, 0.0006),
    )


def draw_wide_parameters(rng: np.random.Generator) -> InfraredParameters:
    """Draw a camera from ranges wider than the sample's on every side, for augmentation."""
    mix = SAMPLE_MIX
    if rng.random() < 0.5:
        red, green, _ = rng.dirichlet((1.0, 1.0, 1.0))
        mix = (red, green, 1.0 - red - green)
    return InfraredParameters(
        mix=mix,
        inverted=bool(rng.random() < 0.15),
        gamma=float(np.exp(rng.uniform(np.log(0.45), np.log(1.6)))),
        contrast=rng.uniform(0.5, 1.1),
        offset=rng.uniform(-0.12, 0.15),
        blur=rng.uniform(0.2, 1.3) if rng.random() < 0.6 else 0.0,
        noise=(rng.uniform(0.0, 0.03), rng.uniform(0.0, 0.0015)),
    )
