"""`star view`: look at skeletons over their frames in a browser, and mark tracks."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.option_types import share, whole_number
from command_line.run_command import DONE, one_line
from data_cache.inspection.inspect_command import choose_min_score

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data_cache.contract.reader import CacheReader
    from data_cache.viewer.page_server import PageServer
    from data_cache.viewer.viewed_split import ViewedSplit

MARKS_FOLDER = Path("configs/exclude")


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "view",
        help="look at skeletons over their frames in a browser",
        description="Serve a page, on this machine only, that shows the tracks of a keypoints file: frames with the"
        " skeleton over them, scores, edges and graph. Tracks can be marked; the list of marks is what training leaves"
        " out with data.exclude. Nothing else is written. Ctrl-C ends it.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a keypoints file of stage one")
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="where the frames lie (default: root of ./params.yaml)"
    )
    parser.add_argument(
        "--marks",
        type=_json,
        metavar="FILE.json",
        help=f"list of marked tracks to read and save (default: {MARKS_FOLDER}/<dataset>-<split>.json)",
    )
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="port to listen on (default: any free one)")
    parser.add_argument("--min-score", type=share, metavar="S", help="score from which a joint counts as seen")
    for kind in ("edges", "graphs"):
        parser.add_argument(
            f"--{kind}", type=Path, metavar="FILE", help=f"{kind} file (default: ../{kind}/<split>.h5 beside FILE)"
        )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.set_defaults(serves=True, run=run)


def _json(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".json":
        raise argparse.ArgumentTypeError(f"expected a name that ends in .json, got {text!r}")
    return path


def _port(text: str) -> int:
    port = whole_number(text)
    if port > 65535:
        raise argparse.ArgumentTypeError(f"expected a port in 0…65535, got {text!r}")
    return port


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from data_cache.viewer.page_server import PageServer

    with ExitStack() as stack:
        split = open_split(args, stack)
        server = stack.enter_context(PageServer(split, args.port))
        sys.stdout.write(f"{_greeting(split)}\n{server.address}\nopen this address in a browser here; Ctrl-C ends\n")
        sys.stdout.flush()
        if args.open:
            stack.enter_context(_opened_page(server))
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    sys.stdout.write(f"\nstopped; {len(split.saved.marks.tracks)} marked tracks are saved in {split.saved.path}\n")
    return DONE


def open_split(args: argparse.Namespace, stack: ExitStack) -> ViewedSplit:
    """Open and check all that the options name, before anything is served; `stack` closes it.

    Raises ValueError, KeyError or OSError with a remedy for a file that cannot be shown.
    """
    from data_cache.contract.reader import open_cache
    from data_cache.viewer.frame_names import FrameNames
    from data_cache.viewer.guidance_file import open_guidance
    from data_cache.viewer.saved_marks import SavedMarks
    from data_cache.viewer.viewed_split import ViewedSplit

    reader = stack.enter_context(open_cache(args.file, "keypoints"))
    names = FrameNames(args.file, "keypoints")
    stack.callback(names.close)
    guidance = {kind: open_guidance(kind, reader, getattr(args, kind)) for kind in ("edges", "graphs")}
    saved = SavedMarks(args.marks or default_marks(reader), reader, names)
    min_score = choose_min_score(reader, args.min_score)
    split = ViewedSplit(reader, names, _choose_root(reader, args.root), min_score, guidance, saved)
    stack.callback(split.close)
    return split


def default_marks(reader: CacheReader) -> Path:
    """Return where the list of a split's marks is kept; ValueError for a data set whose name is no file's."""
    if "/" in reader.dataset or not reader.dataset.isprintable():
        raise ValueError(
            f"{reader.path}: attribute dataset: expected a name without '/', got {reader.dataset!r};"
            " name the list of marks with --marks FILE.json"
        )
    return MARKS_FOLDER / f"{reader.dataset}-{reader.split}.json"


def _choose_root(reader: CacheReader, named: Path | None) -> tuple[Path | None, str]:
    """The folder of the frames; where none is known, the sentence that is shown in their place."""
    from data_cache.files.frame_images import find_root

    try:
        return find_root(reader.dataset, named), ""
    except (ValueError, OSError) as error:
        if named is not None:
            raise
        return None, f"skeletons are shown without frames: {one_line(error)}"


def _greeting(split: ViewedSplit) -> str:
    told = split.describe()
    problems = [told["root_problem"], *told["problems"].values()]
    opening = f"{told['path']}: {told['tracks']} tracks, {told['frames']} frames"
    return "\n".join([opening, *(problem for problem in problems if problem)])


@contextmanager
def _opened_page(server: PageServer) -> Iterator[None]:
    """Open the browser on a private file that leads to the page: a program's arguments, an address too, are public.

    In a thread, as a browser for terminals goes on until it is closed, and needs the server before.
    """
    import html
    import tempfile
    import threading

    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
        address = html.escape(server.address)
        file.write(
            f'<!doctype html><meta http-equiv="refresh" content="0;url={address}"><a href="{address}">viewer</a>'
        )
        file.flush()
        threading.Thread(target=_open_browser, args=(Path(file.name).as_uri(),), daemon=True).start()
        yield


def _open_browser(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        sys.stdout.write("no browser found here; open the address by hand\n")
        sys.stdout.flush()
