"""Write what `dvc dag` says of the stages into docs/stages.md: `python -m docs.stage_graph`.

Splits and runs are folded: `edges@train` and `edges@test` are `edges`. A stage of another folder's dvc.yaml has that
folder before its name.
"""

from __future__ import annotations

import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path(__file__).resolve().parent / "stages.md"
BLOCK = re.compile(r"(?<=<!-- dvc dag -->\n\n```text\n).+?(?=```)", re.DOTALL)


def stage_graph() -> str:
    """A line a stage, in an order in which they can run: the stage, and those that read what it makes."""
    command = [sys.executable, "-m", "dvc", "dag", "--mermaid"]
    drawn = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {
        node: name.partition("@")[0].replace("/dvc.yaml:", "/")
        for node, name in re.findall(r'(node\d+)\["([^"]+)"\]', drawn)
    }
    arrows = {(names[a], names[b]) for a, b in re.findall(r"(node\d+)-->(node\d+)", drawn)}
    before = {name: sorted(a for a, b in arrows if b == name) for name in sorted(set(names.values()))}
    order = sorted(TopologicalSorter(before).static_order(), key=lambda name: "/" in name)  # ours first; a stable sort
    width = max(map(len, order))
    readers = {name: [b for b in order if (name, b) in arrows] for name in order}
    return "".join(f"{name:{width}} → {', '.join(found)}".rstrip(" →") + "\n" for name, found in readers.items())


def main() -> int:
    """Write the page."""
    PAGE.write_text(BLOCK.sub(stage_graph(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
