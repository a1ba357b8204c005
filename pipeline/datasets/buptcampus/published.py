"""Published numbers of BUPTCampus, to hold an unpacked tree against.

Sources: Du et al., "Video-based Visible-Infrared Person Re-Identification with Auxiliary Samples", IEEE TIFS 2023, and
its code for identities and cameras (3,080 identities together with the auxiliary set, which is not read here); the rest
as a public loader of the lists counted it on the real files (M3-ReID, IEEE TIFS 2025). How many test tracks and frames
there are in all is not published, as a track may be query and gallery.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.datasets.counts import Counts

TITLE = "BUPTCampus"

# Quantities that only a data set with lists of queries and gallery has.
QUERIES, GALLERY = "queries", "tracks in gallery"
QUERY_FRAMES, GALLERY_FRAMES = "frames of queries", "frames in gallery"

PUBLISHED: Mapping[str, Counts] = MappingProxyType(
    {
        "train": {
            ("persons", "together"): 1_074,
            ("tracks", "infrared"): 3_574,
            ("tracks", "visible"): 3_574,
            ("tracks", "together"): 7_148,
            ("frames in tracks", "infrared"): 398_069,
            ("frames in tracks", "visible"): 398_069,
            ("frames in tracks", "together"): 796_138,
            ("cameras", "together"): "1-6",
        },
        "test": {
            ("persons", "together"): 1_076,
            ("cameras", "together"): "1-6",
            (QUERIES, "infrared"): 536,
            (QUERIES, "visible"): 540,
            (QUERIES, "together"): 1_076,
            (QUERY_FRAMES, "infrared"): 53_417,
            (QUERY_FRAMES, "visible"): 48_521,
            (QUERY_FRAMES, "together"): 101_938,
            (GALLERY, "infrared"): 2_422,
            (GALLERY, "visible"): 2_422,
            (GALLERY, "together"): 4_844,
            (GALLERY_FRAMES, "infrared"): 298_771,
            (GALLERY_FRAMES, "visible"): 298_771,
            (GALLERY_FRAMES, "together"): 597_542,
        },
    }
)
