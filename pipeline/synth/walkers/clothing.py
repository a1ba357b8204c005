"""What a person wears: one cut, and for every material a visible colour and an infrared reflectance.

Dyes that are dark to the eye are often bright in the near infrared: drawn apart, nothing of a colour foretells a
reflectance. On real footage something does carry over; with `luminance` the reflectance follows the colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from data_cache.contract.records import Modality
from pipeline.synth.walkers.draws import Purpose, keyed_generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.synth.settings import Infrared

Pattern = Literal["plain", "stripes", "block", "sleeves"]
Upper = Literal["short", "long", "coat"]
Lower = Literal["trousers", "shorts", "skirt"]

MATERIALS = ("upper", "accent", "lower", "shoes", "hair", "skin")

# Blue, green, red; few enough that persons share them.
CLOTH_COLOURS = (
    (0.10, 0.10, 0.10),
    (0.88, 0.88, 0.86),
    (0.48, 0.47, 0.47),
    (0.42, 0.20, 0.12),
    (0.16, 0.14, 0.72),
    (0.24, 0.46, 0.18),
    (0.52, 0.70, 0.80),
    (0.78, 0.52, 0.24),
)
HAIR_COLOURS = ((0.07, 0.07, 0.08), (0.12, 0.19, 0.30), (0.36, 0.58, 0.72), (0.60, 0.60, 0.60))
SKIN_COLOURS = ((0.62, 0.72, 0.88), (0.48, 0.60, 0.80), (0.32, 0.44, 0.64), (0.18, 0.26, 0.40))
CLOTH_REFLECTANCES = (0.12, 0.34, 0.58, 0.84)
HAIR_REFLECTANCES = (0.15, 0.40, 0.65)
SKIN_REFLECTANCE = 0.72  # of every tone alike, in the near infrared
COLOUR_SPREAD = 0.03
# Where reflectances follow luminance: Rec. 601's weights (blue, green, red), and how far they stray (0…1), half of
# the step between neighbouring cloths (median 0.11), so that a colour narrows persons down and does not name them.
LUMINANCE = (0.114, 0.587, 0.299)
LUMINANCE_SPREAD = 0.06


@dataclass(frozen=True, eq=False)
class Clothing:
    """Cut and materials of a person's clothes.

    visible:  (material, [blue, green, red]) float64, 0…1, rows as `MATERIALS`
    infrared: (material,) float64, reflectance 0…1
    """

    upper: Upper
    lower: Lower
    pattern: Pattern
    visible: NDArray[np.float64]
    infrared: NDArray[np.float64]

    def colours(self, modality: Modality) -> dict[str, NDArray[np.float64]]:
        """Material → (blue, green, red) as a camera of `modality` sees it; grey for infrared."""
        grey = np.repeat(self.infrared[:, None], 3, axis=1)
        return dict(zip(MATERIALS, self.visible if modality == Modality.VISIBLE else grey, strict=True))


def draw_clothing(seed: int, person: int, infrared: Infrared = "drawn") -> Clothing:
    """The clothes of `person`; cut, visible colours and infrared reflectances come from three generators.

    infrared: reflectances that are drawn, or those that follow the colours' luminance
    """
    cut = keyed_generator(seed, Purpose.CUT, person)
    uppers: tuple[Upper, ...] = ("short", "long", "long", "coat")
    lowers: tuple[Lower, ...] = ("trousers", "trousers", "trousers", "shorts", "skirt")
    patterns: tuple[Pattern, ...] = ("plain", "plain", "stripes", "block", "sleeves")
    visible = _draw_colours(keyed_generator(seed, Purpose.VISIBLE_CLOTHING, person))
    random = keyed_generator(seed, Purpose.INFRARED_CLOTHING, person)
    return Clothing(
        uppers[cut.integers(len(uppers))],
        lowers[cut.integers(len(lowers))],
        patterns[cut.integers(len(patterns))],
        visible,
        _draw_reflectances(random) if infrared == "drawn" else _follow_luminance(visible, random),
    )


def _follow_luminance(colours: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    rows: NDArray[np.float64] = colours @ np.array(LUMINANCE)
    rows = rows + random.normal(0.0, LUMINANCE_SPREAD, len(MATERIALS))
    return np.clip(rows, 0.03, 0.97, out=rows)


def _draw_colours(random: np.random.Generator) -> NDArray[np.float64]:
    cloth, hair, skin = np.array(CLOTH_COLOURS), np.array(HAIR_COLOURS), np.array(SKIN_COLOURS)
    upper, accent = random.choice(len(cloth), 2, replace=False)
    lower, shoes = random.integers(len(cloth), size=2)
    rows = [cloth[upper], cloth[accent], cloth[lower], cloth[shoes]]
    rows += [hair[random.integers(len(hair))], skin[random.integers(len(skin))]]
    colours: NDArray[np.float64] = np.stack(rows) + random.normal(0.0, COLOUR_SPREAD, (len(MATERIALS), 3))
    return np.clip(colours, 0.03, 0.97, out=colours)


def _draw_reflectances(random: np.random.Generator) -> NDArray[np.float64]:
    upper, accent, lower, shoes = random.choice(CLOTH_REFLECTANCES, 4)
    if random.random() < 0.5:  # the print of half of the fabrics is gone in the infrared
        accent = upper
    rows: NDArray[np.float64] = np.array(
        [upper, accent, lower, shoes, random.choice(HAIR_REFLECTANCES), SKIN_REFLECTANCE]
    )
    spread = random.normal(0.0, COLOUR_SPREAD, len(rows))
    spread[1] = spread[0] if accent == upper else spread[1]
    rows += spread
    return np.clip(rows, 0.03, 0.97, out=rows)
