"""Licence and citation: the texts are whole, the package says the same, and what is not ours is named."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Of https://www.apache.org/licenses/LICENSE-2.0.txt
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")
# Asked of git, as a user's own data sets lie there too.
LIST = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "data/*/README.md"]
DATA = [Path(line) for line in subprocess.check_output(LIST, cwd=ROOT, text=True).splitlines()]


def test_the_licence_is_apache_2_word_for_word_and_the_package_says_so() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    assert (PROJECT["license"], PROJECT["license-files"]) == ("Apache-2.0", ["LICENSE", "NOTICE"])


def test_the_notice_names_all_material_of_others_by_a_path_that_is_there() -> None:
    named = set(re.findall(r"^([a-z]+/\S+) - ", NOTICE, re.MULTILINE))
    assert [path for path in named if not (ROOT / path).exists()] == []
    data = {f"data/{file.parts[1]}/" for file in DATA}
    weights = {file.relative_to(ROOT).as_posix() for file in (ROOT / "configs").rglob("*.safetensors")}
    assert len(data) >= 2 and len(weights) >= 1
    assert data | weights <= named


def test_the_notice_repeats_what_the_data_says_of_its_origin() -> None:
    notice = " ".join(NOTICE.split())
    for readme in DATA:
        said = " ".join((ROOT / readme).read_text(encoding="utf-8").split())
        for words in ("Apache-2.0 / BSD-3-Clause", "opencv-doc", "4.6.0+dfsg-12", "PETS 2009 (scene S2.L1, view 1)"):
            assert words in said and words in notice, f"{readme}: {words}"
