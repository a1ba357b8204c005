"""Frames whose metadata say how they are to be turned: Chromium shows each as it was decoded for its keypoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.files.decoded_frame import decode_picture
from tests.browser import browser, watched_page
from tests.data_cache.files.oriented_pictures import JPEGS, PNGS
from tests.data_cache.viewer.viewed_files import make_split, served

SENT = dict([*JPEGS.items()][::3]) | dict([*PNGS.items()][::3])
# Width, height and the strongest channel in each corner of a picture as the browser shows it.
SHOWN = """async (address) => {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  const [width, height] = [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const colours = [[1, 1], [width - 2, 1], [1, height - 2], [width - 2, height - 2]].map(([x, y]) =>
    [...context.getImageData(x, y, 1, 1).data.slice(0, 3)]);
  return [width, height, ...colours.map((colour) => colour.indexOf(Math.max(60, ...colour)))];
}"""


def test_the_browser_shows_frames_as_the_decoder_turns_them(tmp_path: Path) -> None:
    path, root = make_split(tmp_path, tracks=3)
    with open_cache(path) as reader:
        row = int(np.flatnonzero(reader.status == Status.OK)[0])
        frame = root / reader.paths[row]
    expected, shown = {}, {}
    with (
        served(path, root, tmp_path / "marks.json") as server,
        browser() as chromium,
        watched_page(chromium, width=800, height=600, allowed=server.address) as watched,
    ):
        watched.page.goto(server.address)
        for name, (data, _) in SENT.items():
            frame.write_bytes(data)
            expected[name] = corners(data)
            shown[name] = watched.page.evaluate(SHOWN, f"api/frames/{row}/picture?_={len(shown)}")
        assert watched.errors == []
    assert shown == expected


def corners(data: bytes) -> list[int]:
    """What `SHOWN` finds in the decoded frame."""
    image = decode_picture(data)
    assert image is not None
    colours = [image[y, x, ::-1].tolist() for y in (1, -2) for x in (1, -2)]
    strongest = [colour.index(max(colour)) if max(colour) > 60 else -1 for colour in colours]
    return [image.shape[1], image.shape[0], *strongest]
