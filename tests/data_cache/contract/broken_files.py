"""Ways to break a cache file, each with what its reader has to say about it."""

from __future__ import annotations

import h5py
import numpy as np

FRAMES = 43  # of the file that is broken
AGAIN = "make it again with `dvc repro`"
TEXT = h5py.string_dtype("utf-8", 5)


def set_attribute(name, value, dtype=None, node="/"):
    def change(file: h5py.File) -> None:
        del file[node].attrs[name]
        file[node].attrs.create(name, value, dtype=dtype)

    return change


def drop_attribute(name, node="/"):
    return lambda file: file[node].attrs.__delitem__(name)


def replace(name, **plan):
    """Replace a dataset by one made with other settings, its attributes kept."""

    def change(file: h5py.File) -> None:
        old = file[name]
        attributes, data = dict(old.attrs), old[...]
        del file[name]
        new = file.create_dataset(name, **({"data": data} | plan))
        for key, value in attributes.items():
            if isinstance(value, bytes):
                new.attrs.create(key, value, dtype=h5py.string_dtype("utf-8", len(value)))
            else:
                new.attrs.create(key, value, dtype=h5py.string_dtype("utf-8", value.dtype.itemsize))

    return change


def link(name, target):
    def change(file: h5py.File) -> None:
        file.move(name, "/elsewhere")
        file[name] = target

    return change


def make_virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(file["/frames/score"].shape, np.float32)
    layout[...] = h5py.VirtualSource("/etc/other.h5", "x", shape=layout.shape)
    del file["/frames/score"]
    file.create_virtual_dataset("/frames/score", layout)


SCORE, PATH = "/frames/score", "/frames/path"
NAMES = "star-reid.keypoints, star-reid.edges, star-reid.graphs"
CASES = {
    "foreign": (drop_attribute("format"), f"attribute format: expected one of {NAMES}, found no such attribute"),
    "other format": (
        set_attribute("format", b"nwb", TEXT),
        f"format: expected one of {NAMES}, found 'nwb'; name a file",
    ),
    "format a number": (
        set_attribute("format", 5),
        "attribute format: expected one text of fixed length, found type 0",
    ),
    "no version": (drop_attribute("version"), "attribute version: expected the attribute version, found none"),
    "newer": (
        set_attribute("version", 4),
        f"attribute version: expected version 1 to 3, found the newer version 4; update this program, or {AGAIN}",
    ),
    "older": (set_attribute("version", 0), f"version: expected version 1 to 3, found the older version 0; {AGAIN}"),
    "roles but no such array": (
        lambda file: file.__delitem__("/tracks/role"),
        "/tracks/role: expected a dataset, found none",
    ),
    "roles no enumeration": (
        replace("/tracks/role", dtype="u1"),
        "/tracks/role: expected the enumeration both 0, query 1, gallery 2, found none;",
    ),
    "version text": (set_attribute("version", b"1", TEXT), "attribute version: expected one integer, found type 3"),
    "versions": (set_attribute("version", [1, 1]), r"expected one integer, found type 0 of shape (2,)"),
    "split": (set_attribute("split", b"val", TEXT), "attribute split: expected train or test, found 'val'"),
    "recipe no JSON": (set_attribute("recipe", b"{'a':", TEXT), "attribute recipe: expected JSON, found \"{'a':\" ("),
    "recipe a list": (set_attribute("recipe", b"[1,2]", TEXT), "recipe: expected a JSON object, found '[1,2]'"),
    "recipe no UTF-8": (set_attribute("recipe", b"\xff\xfe", TEXT), "recipe: expected intact HDF5, found damage ("),
    "recipe of any length": (set_attribute("recipe", "{}"), "attribute recipe: expected one text of fixed length"),
    "recipe deep": (
        set_attribute("recipe", b"[" * 60_000, h5py.string_dtype("utf-8", 60_000)),
        "attribute recipe: expected JSON, found '[[[[",
    ),
    "recipe huge": (
        set_attribute("recipe", b"{}", h5py.string_dtype("utf-8", (1 << 20) + 1)),
        "attribute recipe: expected at most 1048576 bytes, found 1048577",
    ),
    "missing": (lambda file: file.__delitem__(SCORE), f"{SCORE}: expected a dataset, found none; {AGAIN}"),
    "missing group": (lambda file: file.__delitem__("tracks"), "/tracks/person: expected a dataset, found none"),
    "group": (
        lambda file: (file.__delitem__(SCORE), file.create_group(SCORE)),
        f"{SCORE}: expected a dataset, found a group or type",
    ),
    "dataset for group": (
        lambda file: (file.__delitem__("tracks"), file.create_dataset("tracks", data=[1])),
        "/tracks/person: expected a dataset, found none",
    ),
    "dtype": (replace(SCORE, dtype="<f8"), f"{SCORE}: expected dtype float32, found float64; {AGAIN}"),
    "byte order": (replace(SCORE, dtype=">f4"), f"{SCORE}: expected dtype float32, found >f4"),
    "enumeration": (
        replace("/frames/status", dtype=h5py.enum_dtype({"ok": 0, "bad": 1, "missing": 2}, "u1")),
        "/frames/status: expected the enumeration ok 0, unreadable 1, missing 2, found ok 0, bad 1, missing 2;",
    ),
    "no enumeration": (
        replace("/tracks/modality", dtype="u1"),
        "expected the enumeration infrared 1, visible 2, found none;",
    ),
    "names of any length": (
        replace(PATH, data=["a"] * FRAMES, dtype=h5py.string_dtype()),
        f"{PATH}: expected text of fixed length up to 4096, found object",
    ),
    "names huge": (
        replace(PATH, data=[b""] * FRAMES, dtype="S5000"),
        "expected text of fixed length up to 4096, found |S5000",
    ),
    "rank": (
        replace(SCORE, data=np.zeros(FRAMES, np.float32)),
        f"{SCORE}: expected shape ({FRAMES}, 17), axes (frame, joint), found",
    ),
    "axes swapped": (replace(SCORE, data=np.zeros((17, FRAMES), np.float32)), "axes (frame, joint), found (17, 43)"),
    "shorter": (
        replace(SCORE, data=np.zeros((41, 17), np.float32)),
        f"expected shape ({FRAMES}, 17), axes (frame, joint), found (41",
    ),
    "tracks differ": (
        replace("/tracks/stop", data=np.zeros(5, np.int64)),
        "/tracks/stop: expected shape (7,), axes (track)",
    ),
    "no extent": (
        replace(SCORE, data=h5py.Empty("<f4")),
        f"{SCORE}: expected shape ({FRAMES}, 17), axes (frame, joint), found None",
    ),
    "dims": (
        set_attribute("dims", [b"joint", b"frame"], TEXT, SCORE),
        f"{SCORE}: expected dims frame, joint, found joint, frame; {AGAIN}",
    ),
    "dims fewer": (
        set_attribute("dims", [b"frame"], TEXT, SCORE),
        "expected dims frame, joint, found an attribute dims of",
    ),
    "dims numbers": (set_attribute("dims", [0, 1], None, SCORE), "joint, found an attribute dims of another type"),
    "no dims": (drop_attribute("dims", SCORE), f"{SCORE}: expected the attribute dims, found none"),
    "external link": (
        link(SCORE, h5py.ExternalLink("/etc/other.h5", "/x")),
        f"{SCORE}: expected a dataset in this file, found an external link",
    ),
    "soft link": (
        link(SCORE, h5py.SoftLink("/elsewhere")),
        f"{SCORE}: expected a dataset in this file, found a soft link",
    ),
    "group link": (
        link("/tracks", h5py.ExternalLink("/etc/other.h5", "/x")),
        "/tracks/person: expected a dataset in this file, found an external link",
    ),
    "external storage": (
        replace(SCORE, external=[("/etc/hostname", 0, FRAMES * 17 * 4)], data=None, shape=(FRAMES, 17), dtype="<f4"),
        f"{SCORE}: expected data in this file, found external storage",
    ),
    "virtual": (make_virtual, f"{SCORE}: expected data in this file, found a virtual dataset"),
    "filter": (
        replace(SCORE, compression="lzf", chunks=(FRAMES, 17)),
        f"{SCORE}: expected only the filters gzip, shuffle, fletcher32, found filter 32000",
    ),
    "absurd shape": (
        replace(PATH, data=None, shape=(10**15,), dtype="S25", chunks=(1000,)),
        f"{PATH}: expected its data in the file, found 25000000000000000 bytes claimed, 0 stored",
    ),
    "missing chunk": (
        replace(SCORE, data=None, shape=(FRAMES, 17), dtype="<f4", chunks=(25, 17), fillvalue=0),
        f"{SCORE}: expected its data in the file, found 2924 bytes claimed, 0 stored",
    ),
    "other joints": (
        replace("/skeleton/joints", data=[b"a"] * 17, dtype="S14"),
        "joints of COCO, in its order, found another",
    ),
    "other limbs": (
        replace("/skeleton/limbs", data=np.ones((19, 2), np.int32)),
        "/skeleton/limbs: expected the 17 joints of",
    ),
}
