"""The parts a report is put together from, against loops and against plotly's own checks."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from numpy.typing import NDArray
from PIL import Image

from data_cache.contract.records import Modality, Role
from data_cache.contract.skeleton import LIMBS, PARTS, joint_index
from model.network.losses import LOSS_TERMS
from model.report.charts import Axes, Grid, Line, Table, heat_chart, line_chart
from model.report.curves.training_curves import TITLES, read_curve
from model.report.galleries.ranked_galleries import best_and_worst, first_of_gallery, query_precisions, spread
from model.report.galleries.track_pictures import FramePictures, shrink
from model.report.heat.explained_clips import (
    drawn_joints,
    drawn_limbs,
    heat_address,
    heat_layers,
    mask_layers,
    warmest_place,
)
from model.report.heat.explanations import ClipExplanation
from model.report.heat.part_curves import part_section
from model.report.page import coded, embedded_json, security_policy
from model.retrieval.metrics import HitRanks
from model.retrieval.ranking import TrackFeatures, rank_matches
from tests.model.report.report_runs import unit_rows

JOINTS, FRAMES, EXPONENTS = 17, 3, (0.5, 1.0, 2.0, 3.0, 7.0)


def random_features(count: int, seed: int) -> TrackFeatures:
    """Tracks of few persons and cameras, with every role; some have the very same feature."""
    random = np.random.default_rng(seed)
    features = unit_rows(random.normal(size=(count, 7)))
    features[count // 2] = features[count // 3]
    return TrackFeatures(
        features,
        random.integers(0, 5, count),
        random.integers(0, 3, count),
        random.permutation(10 * count)[:count],
        random.choice([int(role) for role in Role], count),
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_head_of_a_ranking_is_that_of_a_loop_and_of_the_metrics(seed: int) -> None:
    query, gallery = random_features(23, seed).queries(), random_features(41, 100 + seed).gallery()
    hits = rank_matches(query, gallery)
    dropped_some = False
    for row in range(len(query)):
        wanted, dropped = [], 0
        for place in range(len(gallery)):
            if gallery.person[place] == query.person[row] and gallery.camera[place] == query.camera[row]:
                dropped += 1
                continue
            similarity = np.float32(np.dot(gallery.features[place], query.features[row]))
            wanted.append((-similarity, int(gallery.track[place]), place))
        dropped_some |= dropped > 0
        rows, similarity, found_dropped = first_of_gallery(row, query, gallery)
        assert rows.tolist() == [place for *_, place in sorted(wanted)[:10]]
        assert similarity == pytest.approx(-np.array([one for one, *_ in sorted(wanted)[:10]]), abs=1e-6)
        assert found_dropped == dropped
        start = int(hits.count[:row].sum())
        ranks = [rank for rank in hits.rank[start : start + int(hits.count[row])].tolist() if rank <= 10]
        assert [1 + n for n, place in enumerate(rows) if gallery.person[place] == query.person[row]] == ranks
    assert dropped_some


def test_best_and_worst_leave_out_queries_without_a_match() -> None:
    hits = HitRanks(np.array([1, 0, 2, 1, 1]), np.array([2, 1, 3, 1, 2]))
    precision = query_precisions(hits)
    assert precision == pytest.approx([1 / 2, np.nan, (1 + 2 / 3) / 2, 1, 1 / 2], nan_ok=True)
    track = np.array([9, 1, 5, 7, 3])
    assert best_and_worst(precision, track, 1) == ([3], [4])  # of the two halves the lower track
    assert best_and_worst(precision, track, 2) == ([3, 2], [4, 0])
    assert best_and_worst(precision, track, 50) == ([3, 2], [4, 0])
    assert best_and_worst(precision, track, 0) == ([], [])


def test_values_are_spread_from_first_to_last() -> None:
    assert spread([2, 3, 5], 3) == [2, 3, 5]
    assert spread([2, 3, 5, 7, 11], 3) == [2, 5, 11]
    assert spread([2, 3, 5, 7, 11], 1) == [2]


def test_plotly_knows_every_property_of_the_figures() -> None:
    lines = [Line("this run", (1.0, 2.0), (0.5, float("nan"))), Line("baseline", (2.0, 3.0), (0.25, 0.125), other=True)]
    chart = line_chart("a", "title", lines, Axes("x", "y", "x", ".0%", (0.0, 1.0)), "said", digits=2)
    assert chart.table.rows == (("1", "0.50", "-"), ("2", "-", "0.25"), ("3", "-", "0.12"))
    values = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])
    grid = heat_chart("b", "title", Grid(("p", "q"), ("r", "s", "t"), values, "rows", "columns", "unit"), "said")
    assert grid.table.rows == (("p", "1.00", "-", "3.00"), ("q", "4.00", "5.00", "6.00"))
    for one in (chart, grid):
        drawn = go.Figure(one.figure).to_plotly_json()
        assert json.loads(json.dumps(one.figure, allow_nan=False)).keys() == drawn.keys()
    assert chart.figure["data"][0]["y"] == [0.5, None]
    assert grid.figure["data"][0]["z"][0] == [1.0, None, 3.0]


def test_a_table_refuses_rows_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="expected rows of 2 cells, got 1"):
        Table("caption", ("a", "b"), (("only",),))
    with pytest.raises(ValueError, match="expected groups over 2 columns"):
        Table("caption", ("a", "b"), (), groups=(("both", 3),))


def explanation(seed: int = 0, contributions: bool = True, masks: bool = False) -> ClipExplanation:
    random = np.random.default_rng(seed)
    alpha = random.random((FRAMES, len(PARTS), len(EXPONENTS)))
    alpha /= alpha.sum((1, 2) if masks else 2, keepdims=True)
    cells = random.random((FRAMES, len(PARTS), 5, 3))
    return ClipExplanation(
        number=29,
        modality=Modality.INFRARED,
        person=13,
        camera=2,
        rows=np.arange(FRAMES),
        images=np.repeat(random.integers(0, 256, (FRAMES, 1, 3)), 23 * 11, 1)
        .reshape(FRAMES, 23, 11, 3)
        .astype(np.uint8),
        joints=random.uniform(0, 11, (FRAMES, JOINTS, 2)).astype(np.float32),
        heat=random.random((FRAMES, 23, 11)).astype(np.float32),
        contributions=alpha.astype(np.float32) if contributions else None,
        masks=(cells / cells.sum((2, 3), keepdims=True)).astype(np.float32) if masks else None,
        exponents=EXPONENTS,
        similarity=0.625,
    )


def test_part_curves_are_the_contributions() -> None:
    clip = explanation()
    section = part_section([clip], "")
    assert [chart.title for chart in section.charts] == [name.replace("_", " ").capitalize() for name in PARTS]
    assert clip.contributions is not None
    for number, chart in enumerate(section.charts):
        for place, trace in enumerate(chart.figure["data"]):
            assert trace["name"] == f"p = {EXPONENTS[place]:g}"
            assert trace["x"] == [1, 2, 3]
            assert trace["y"] == pytest.approx(clip.contributions[:, number, place].tolist())
        top = clip.contributions[:, number].mean(axis=0).argmax()
        assert f"p = {EXPONENTS[top]:g} counts most" in chart.summary
    assert "The exponents of a part add up to 1" in section.intro and section.groups[0].layers is None
    assert "without sequence guidance" in part_section([explanation(contributions=False)], "").remarks[0]
    assert part_section([], "because").remarks == ("because",)


def test_the_shares_of_parts_that_pool_their_own_cells_come_first() -> None:
    clip = explanation(masks=True)
    section = part_section([clip], "")
    first, *others = section.charts
    assert "adds up to 1 over all parts and exponents together" in section.intro
    assert len(others) == len(PARTS)
    shares = np.zeros((FRAMES, len(PARTS)))
    assert clip.contributions is not None
    for t, number, place in np.ndindex(clip.contributions.shape):
        shares[t, number] += clip.contributions[t, number, place]
    assert shares.sum(axis=1) == pytest.approx(1)
    for number, (part, trace) in enumerate(zip(PARTS, first.figure["data"], strict=True)):
        assert trace["name"] == part.replace("_", " ").capitalize()
        assert trace["y"] == pytest.approx(shares[:, number].tolist())
    most = list(PARTS)[shares.mean(axis=0).argmax()].replace("_", " ")
    assert f"the {most} counts most, {shares.mean(axis=0).max():.3f}" in first.summary


def test_masks_are_the_cells_of_each_part_and_clear_where_no_joint_is_seen() -> None:
    clip = explanation(3, masks=True)
    gone = list(PARTS)[2]
    clip.joints[1, [joint_index(joint) for joint in PARTS[gone]]] = np.nan
    assert clip.masks is not None and clip.contributions is not None
    layers = mask_layers(clip)
    assert layers is not None and [row.title.lower().replace(" ", "_") for row in layers.rows] == list(PARTS)
    for number, row in enumerate(layers.rows):
        for t, (address, caption) in enumerate(zip(row.overlays, row.captions, strict=True)):
            alpha, mask = decoded(address)[..., 3], clip.masks[t, number]
            assert alpha.shape == (23, 11)
            assert caption.startswith(f"share {clip.contributions[t, number].sum():.3f}")
            assert caption.endswith("no joint seen") == ((t, number) == (1, 2))
            for y, x in np.ndindex(alpha.shape):
                cell = mask[y * 5 // 23, x * 3 // 11] / mask.max()
                assert alpha[y, x] == pytest.approx(0 if (t, number) == (1, 2) else 225 * cell, abs=4)
    assert mask_layers(explanation()) is None


def decoded(address: str) -> NDArray[np.uint8]:
    """The picture behind a data: address."""
    data = base64.b64decode(address.partition("base64,")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def test_heat_is_clear_where_cold_and_opaque_where_warm() -> None:
    heat = np.linspace(0, 1, 7 * 5, dtype=np.float32).reshape(7, 5)
    picture = decoded(heat_address(heat))
    assert picture.shape == (7, 5, 4)
    alpha = picture[..., 3].ravel().astype(int)
    assert (np.diff(alpha) >= 0).all() and alpha[0] == 0 and alpha[-1] == 225
    warm, cool = picture[-1, -1].astype(int), picture[1, 1].astype(int)
    assert warm[0] > warm[2] and cool[2] > cool[0]  # red, and blue


def test_layers_are_the_frames_heat_and_joints_of_both_runs() -> None:
    first, second = explanation(1), explanation(2)
    ((clip),) = heat_layers(["plain", "full"], [[first], [second]])
    assert clip.label == "person 13, camera 2, infrared, track 29"
    assert [(row.title, row.note) for row in clip.rows] == [("plain", "cosine 0.625"), ("full", "cosine 0.625")]
    for t, frame in enumerate(clip.frames):
        assert (frame.width, frame.height) == (11, 23)
        assert decoded(frame.image)[..., :3].astype(int) == pytest.approx(first.images[t].astype(int), abs=4)
        for run, row in zip((first, second), clip.rows, strict=True):
            assert decoded(row.overlays[t])[..., 3] == pytest.approx(225 * run.heat[t], abs=4)
        assert len(frame.joints) == JOINTS and len(frame.limbs) == len(LIMBS)


def test_only_seen_joints_are_drawn_half_a_pixel_in() -> None:
    joints = np.full((JOINTS, 2), np.nan, np.float32)
    joints[joint_index("left_knee")], joints[joint_index("left_ankle")] = (3, 5), (7, 11)
    joints[joint_index("nose")] = (1, 2)
    ((limb),) = drawn_limbs(joints)
    assert {(limb.x1, limb.y1), (limb.x2, limb.y2)} == {(3.5, 5.5), (7.5, 11.5)}
    assert limb.side == "left"
    assert [(one.x, one.y, one.side) for one in drawn_joints(joints)] == [
        (1.5, 2.5, "middle"),
        (3.5, 5.5, "left"),
        (7.5, 11.5, "left"),
    ]


def test_the_warmest_place_is_the_nearest_joint() -> None:
    joints = np.full((JOINTS, 2), np.nan, np.float32)
    joints[joint_index("left_knee")], joints[joint_index("right_wrist")] = (3, 13), (10, 2)
    heat = np.zeros((23, 11), np.float32)
    assert warmest_place(heat, joints) == "cold everywhere"
    heat[12, 4] = 1
    assert warmest_place(heat, joints) == "warmest near the left knee"
    heat[4, 9] = 2
    assert warmest_place(heat, joints) == "warmest near the right wrist"
    for row, column, joint in ((12, 2, "left knee"), (14, 4, "left knee"), (1, 9, "right wrist")):
        heat[row, column] = heat.max() + 1
        assert warmest_place(heat, joints) == f"warmest beside the body, nearest the {joint}"
    heat[4, 9] = heat.max() + 1
    assert warmest_place(heat, np.full_like(joints, np.nan)) == "warmest in the upper half"


def test_pictures_are_small_and_in_proportion(tmp_path: Path) -> None:
    assert shrink(np.zeros((300, 150, 3), np.uint8)).shape == (112, 56, 3)
    assert shrink(np.zeros((40, 17, 3), np.uint8)).shape == (40, 17, 3)
    assert shrink(np.zeros((40, 4000, 3), np.uint8)).shape == (40, 336, 3)
    pictures = FramePictures(tmp_path, ("../outside.jpg", "gone.jpg"))
    with pytest.raises(ValueError, match="expected a frame inside"):
        pictures.address(0)
    with pytest.raises(FileNotFoundError, match="set root to the data set's folder"):
        pictures.address(1)


def test_every_loss_has_a_title() -> None:
    assert set(TITLES) == {"loss/total", "learning_rate", *(f"loss/{name}" for name in LOSS_TERMS)}


def test_a_table_too_large_to_be_of_a_training_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "kl.tsv"
    with path.open("wb") as file:
        file.truncate((1 << 24) + 1)
    with pytest.raises(ValueError, match="expected at most 16777216 bytes"):
        read_curve(path)


def test_json_cannot_end_the_element_that_holds_it() -> None:
    value = {"a": "</script><!-- & \u2028"}
    text = embedded_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028") & set(text)


def test_code_in_a_sentence_is_marked_and_markup_is_text() -> None:
    assert coded("run `a <b>` & wait") == "run <code>a &lt;b&gt;</code> &amp; wait"


def test_the_policy_changes_with_a_script() -> None:
    assert security_policy(["a"]) != security_policy(["b"])


def test_a_run_s_name_is_no_markup_for_plotly() -> None:
    line = Line("<a href='x'>full</a> & co", (1.0, 2.0), (0.25, 0.5))
    assert line.figure(0)["name"] == "&lt;a href='x'&gt;full&lt;/a&gt; &amp; co"
    chart = line_chart("n", "t", [line], Axes("x", "y", "x"), "s")
    assert chart.table.head == ("x", "<a href='x'>full</a> & co")  # the template escapes it
