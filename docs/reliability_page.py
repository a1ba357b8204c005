"""The page of what was tried to break STAR, docs/reliability.md: `python -m docs.reliability_page` writes it.

Its figures are those that the campaign keeps in benchmarks/campaign/figures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.campaign.figures_file import FOLDER
from benchmarks.campaign.guarded_reading import MEMORY, OUTCOMES, SECONDS, SOUND

PAGE = Path(__file__).resolve().parent / "reliability.md"
PARTS = ("mutations", "kills", "starved")
_COMMAND = "python -m benchmarks.campaign"
_OPENING = """# What was tried to break it

<!-- Generated from benchmarks/campaign/figures; write it anew with: python -m docs.reliability_page -->

```console
make campaign
```

Some half an hour on two cores. Everything is drawn from a seed, so that each figure below can be had again; each part
can be run alone, and goes on where it was stopped. Times, and so the moments of kills, and the memory at which
libraries give up differ from machine to machine; damaged inputs do not. The figures are those of one run, which ends
where its time does: what it did not come to is not counted.

What is broken is a project of generated walkers with a network of seconds, made by `dvc repro`: small, so that a
hundred kills take minutes. It says nothing of other file systems, of GPUs, Ascend or a cluster's schedulers.
"""
_MUTATIONS = """## Damaged inputs
```console
{command}
```

{tried:,} of {planned:,} damaged files (seed {seed}), each a copy of a whole one with one thing done to it: bits
flipped, bytes or blocks overwritten, zeroed, removed, repeated, put elsewhere, the end cut off; in texts also numbers
swapped for extreme ones and lines for each other. One place in three lies among the first 2,048 bytes, one in three
among the last. Each is read by the reader that the commands use, in a process that may die; {seconds} s are a hang,
{memory} GiB more memory than before are too much.

{meanings}

*Refused*, *harmless* and *other input* are sound. **Other values in a kind of file without a checksum are not
noticed**: a reader cannot tell another label, score or pixel from the one that was meant.

{table}

{findings}
"""
_KILLS = """## Kills
```console
{command}
```

{count} of {planned} kills (seed {seed}): SIGKILL for all processes of a command at a random moment of its run; then
the same command again. *Left damaged*: kills after which a file under its final name was not the one of an
undisturbed run. *Same*: second runs that ended well in the same bytes (for checkpoints: in the same tensors and
facts). The moments are shares of the seconds that the command took, undisturbed, on the machine of this run, start of
Python included.

{table}

{findings}
"""
_STARVED = """## Too little of something
```console
{command}
```

A command with less and less: **room** on a small file system (tmpfs, filled up to a share of the bytes that the results
take), **file size** (`ulimit -f`, a share of the largest result), **file descriptors** (`ulimit -n`), **memory**
(`ulimit -v`). *Done* is done with the same results, *one line* an error in one line. Then the command runs again with
enough, where the first run left anything behind; *same* counts those that end in the same bytes, or had left nothing.

{table}

{findings}
"""


def read_part(folder: Path, name: str) -> dict[str, Any]:
    """The figures of a part. Raises FileNotFoundError where it was not run."""
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found


def describe_campaign(folder: Path = FOLDER) -> str:
    """The whole page as Markdown."""
    mutations, kills, starved = (read_part(folder, name) for name in PARTS)
    return "\n".join([_OPENING, _describe_mutations(mutations), _describe_kills(kills), _describe_starved(starved)])


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _number(count: int) -> str:
    return f"{count:,}" if count else "·"


def _describe_mutations(figures: dict[str, Any]) -> str:
    steps = figures["steps"]
    totals: Counter[str] = Counter()
    for step in steps:
        totals.update(step["outcomes"])
    seen = [name for name in OUTCOMES if totals[name] or name in SOUND]
    rows = [
        [
            f"{step['of']}{' ✓' if step['checksum'] else ''}",
            f"{step['tried']:,}",
            *(_number(step["outcomes"].get(name, 0)) for name in seen),
        ]
        for step in steps
    ]
    tried = sum(step["tried"] for step in steps)
    last = ["**all**", f"{tried:,}", *(_number(totals[name]) for name in seen)]
    meanings = "\n".join(f"* **{name}**: {meaning}; {totals[name]:,}" for name, meaning in OUTCOMES.items())
    found = [
        f"`--kind '{step['of']}' --only {finding['number']}` ({finding['way']}): {finding['outcome']}, "
        f"{finding['words']}"
        for step in steps
        for finding in step["findings"]
    ]
    return _MUTATIONS.format(
        command=f"{_COMMAND}.mutations",
        tried=tried,
        planned=sum(figures["settings"]["tried"].values()),
        seed=figures["settings"]["seed"],
        seconds=SECONDS,
        memory=MEMORY >> 30,
        meanings=meanings,
        table=_table(("kind of file (✓: with a checksum)", "tried", *seen), [*rows, last]),
        findings=_findings(found, "No reading ended in anything but those."),
    )


def _describe_kills(figures: dict[str, Any]) -> str:
    steps = figures["steps"]
    rows = []
    for name in dict.fromkeys(step["of"] for step in steps):
        own = [step for step in steps if step["of"] == name]
        rows.append([name, f"{own[0]['seconds']:.1f}", *_kill_counts(own)])
    found = [
        f"`--command '{step['of']}' --only {step['number']}` at {step['share']:.3f}: then {step['ending']}"
        f"{_listed(', left damaged', step['left'])}{_listed(', other in the end', step['differing'])} {step['words']}"
        for step in steps
        if step["left"] or not _same(step)
    ]
    return _KILLS.format(
        command=f"{_COMMAND}.kills",
        count=len(steps),
        planned=sum(figures["settings"]["kills"].values()),
        seed=figures["settings"]["seed"],
        table=_table(
            ("command", "s undisturbed", "kills", "left damaged", "same"),
            [*rows, ["**all**", "", *_kill_counts(steps)]],
        ),
        findings=_findings(found, "Every one ended in the same bytes, with nothing damaged on the way."),
    )


def _same(step: dict[str, Any]) -> bool:
    return step["ending"] == "done" and not step["differing"]


def _kill_counts(steps: Sequence[dict[str, Any]]) -> list[str]:
    damaged, same = sum(bool(step["left"]) for step in steps), sum(map(_same, steps))
    return [str(len(steps)), _number(damaged), str(same)]


def _describe_starved(figures: dict[str, Any]) -> str:
    steps = figures["steps"]
    endings = ["done", "one line", *sorted({step["ending"] for step in steps} - {"done", "one line"})]
    rows = []
    for of in dict.fromkeys(step["of"] for step in steps):
        own = [step for step in steps if step["of"] == of]
        resource, _, command = of.partition(": ")
        counts = Counter(step["ending"] for step in own)
        amounts = [step["amount"] for step in own]
        rows.append(
            [
                resource,
                command,
                f"{amounts[0]:g}…{amounts[-1]:g}",
                *(_number(counts[ending]) for ending in endings),
                _number(sum(bool(step["left"]) for step in own)),
                f"{sum(step['again'] in ('', 'done') and not step['differing'] for step in own)} of {len(own)}",
            ]
        )
    found = [
        f"{step['of']}, {step['amount']:g}: {step['ending']}{_listed(', left damaged', step['left'])}"
        f"{_listed(', other in the end', step['differing'])} {step.get('words', '')}"
        for step in steps
        if step["ending"] not in ("done", "one line") or step["left"] or step["differing"]
    ]
    return _STARVED.format(
        command=f"{_COMMAND}.starved",
        table=_table(("what", "command", "amounts", *endings, "left damaged", "same"), rows),
        findings=_findings(found, "No run ended in anything else."),
    )


def _listed(words: str, names: Sequence[str]) -> str:
    return f"{words}: {', '.join(names)}" if names else ""


def _findings(found: Sequence[str], none: str) -> str:
    lines = [" ".join(line.split()).replace("|", "\\|") for line in found]
    return "\n".join(["What did not go well:", "", *(f"* {line}" for line in lines)]) if lines else none


if __name__ == "__main__":
    PAGE.write_text(describe_campaign(), encoding="utf-8")
