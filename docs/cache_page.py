"""The page that documents the cache files, docs/cache.md, made from the schema."""

from __future__ import annotations

from data_cache.contract.schema import (
    AXIS_LABELS,
    FORMATS,
    INDEX_ARRAYS,
    ORIGIN_SINCE,
    SKELETON_ARRAYS,
    VERSION,
    describe_arrays,
    describe_format,
)

_OPENING = f"""# The cache files

<!-- Generated from data_cache/contract/schema.py; test_schema.py says how to write it anew. -->

Plain HDF5: one packed array per quantity over all frames, in the order of the data set's own files. `h5ls`,
`h5dump`, h5py, H5Web and MATLAB open the files without this project:

```python
import h5py, json

with h5py.File("artifacts/sample/keypoints/train.h5") as file:
    recipe = json.loads(file.attrs["recipe"])
    start, stop = file["/tracks/start"][3], file["/tracks/stop"][3]
    keypoints = file["/frames/keypoints"][start:stop]  # (frame, joint, xy), pixels
```

With it, `data_cache.contract.reader.open_cache(path)` checks the file against this page first.

## In every file
| root attribute | meaning |
|---|---|
| `format` | which of the kinds below |
| `version` | {VERSION}; raised with any change of layout; older ones are read, newer ones refused |
| `dataset`, `split` | the configured name of the data set; `train` or `test` |
| `recipe` | JSON text: every setting that changes the content, and the recipe of what it was made from |
| `origin` | JSON, since version {ORIGIN_SINCE}: what the file holds and was made from ([chain of origin](origin.md)) |
| `NX_class`, `default` | for NeXus viewers (H5Web, silx), as `signal` on `/frames` |

Names and attributes are UTF-8 of fixed length, padded with NUL. Numbers are little-endian; MATLAB shows the axes
in reverse order. Every dataset has the attributes `dims` (names of its axes), `description` and, for numbers,
`unit`; it is chunked along its first axis, packed with gzip and shuffle, and carries fletcher32 checksums; since
version {ORIGIN_SINCE} the format is that of HDF5 1.10 (2016), whose index of chunks and other metadata have checksums
too. A row that was never written is NaN, -1 or 255. There are no time stamps: the same input, recipe and versions
give the same bytes. A file is written as `<name>.partial` and renamed when it is whole.
"""


def describe_cache() -> str:
    """Return the whole page as Markdown."""
    sections = [
        _OPENING,
        describe_arrays(INDEX_ARRAYS + SKELETON_ARRAYS),
        *(describe_format(kind) for kind in FORMATS),
        "## Along the axes\n" + "\n".join(_describe_axis(axis) for axis in AXIS_LABELS) + "\n",
    ]
    return "\n".join(sections)


def _describe_axis(axis: str) -> str:
    labels = AXIS_LABELS[axis]
    in_words = {"other_joint": "as `joint`", "edge": "as `limb`, then every limb from its other end"}
    return f"* `{axis}` ({len(labels)}): {in_words.get(axis, ', '.join(labels))}"
