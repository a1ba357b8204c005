// Puts the page together: the list opens tracks in the player, the player's frame fills the details.
import { askFor } from "./ask.js";
import { EdgeMatrix } from "./edge_matrix.js";
import { FrameGraph } from "./frame_graph.js";
import { JointTable } from "./joint_table.js";
import { Marks } from "./marks.js";
import { byId, say, showText } from "./page_parts.js";
import { Player } from "./player.js";
import { bindShortcuts } from "./shortcuts.js";
import { bindTabs } from "./tabs.js";
import { bindTheme } from "./theme.js";
import { TrackList } from "./track_list.js";

const NOTING = 400; // ms: browsers refuse to note more than a few addresses a second

bindTheme();
start().catch((error) => showText(byId("notice"), error.message));

async function start() {
  const file = await askFor("api/file");
  describe(file);
  const marks = new Marks(() => showMarks());
  const player = new Player(file, (frame) => showFrame(frame));
  const list = new TrackList(file, marks, openListed);
  const joints = new JointTable(byId("panel-joints"), file);
  const guidance = {
    edges: new EdgeMatrix(byId("panel-edges"), file),
    graphs: new FrameGraph(byId("panel-graph"), file),
  };
  let shown = "joints";
  let opening = 0;
  let noting = 0;

  async function open(number, place, offset = null) {
    const asked = (opening += 1);
    try {
      const track = await askFor(`api/tracks/${number}`);
      if (asked !== opening) return;
      player.open(track, place);
      showMarks();
      await list.point(number, offset);
    } catch (error) {
      say(error.message);
    }
  }

  // On a phone the player is below the list.
  async function openListed(number) {
    await open(number, 0);
    if (matchMedia("(max-width: 720px)").matches) byId("player").scrollIntoView();
  }

  function showFrame(frame) {
    joints.show(frame);
    showGuidance(frame);
    if (!noting) noting = setTimeout(noteAddress, NOTING);
  }

  function noteAddress() {
    noting = 0;
    history.replaceState(null, "", `#track=${player.track.track}&frame=${player.place}`);
  }

  async function showGuidance(frame) {
    const kind = { edges: "edges", graph: "graphs" }[shown];
    if (!kind) return;
    if (file.problems[kind]) {
      guidance[kind].explain(file.problems[kind]);
      return;
    }
    if (!frame) return;
    try {
      const values = await askFor(`api/frames/${frame.row}/${kind}`);
      if (player.frame === frame) guidance[kind].show(values);
    } catch (error) {
      if (player.frame === frame) guidance[kind].explain(error.message);
    }
  }

  async function go(back) {
    try {
      const next = await list.next(back);
      if (next.track === null) say(next.total ? `This is the ${back ? "first" : "last"} track of the list.` : "No track fits the filters.");
      else await open(next.track, 0, next.offset);
    } catch (error) {
      say(error.message);
    }
  }

  // The first time the worst of the list, then on from there.
  async function worst() {
    try {
      if (list.sortBy("mean")) {
        list.open = null;
        await list.load(0);
      }
      const next = await list.next(false);
      if (next.track === null) say(next.total ? "This is the last track of the list, the one with the best scores." : "No track fits the filters.");
      else await open(next.track, next.worst_frame ?? 0, next.offset);
    } catch (error) {
      say(error.message);
    }
  }

  function showMarks() {
    const [count, unsaved] = [marks.count, marks.unsaved];
    byId("marks-count").textContent = `${count ? `${count} marked` : "no marks"}${unsaved ? `, ${unsaved} not saved` : ""}`;
    byId("save").disabled = unsaved === 0;
    const number = player.track?.track;
    const note = number === undefined ? null : marks.note(number);
    const button = byId("mark");
    button.disabled = number === undefined;
    button.setAttribute("aria-pressed", String(note !== null));
    button.textContent = note === null ? "Mark this track" : "★ Marked: unmark";
    const field = byId("note");
    field.disabled = note === null;
    if (document.activeElement !== field || note === null) field.value = note ?? "";
    list.mark();
  }

  function toggleMark() {
    const number = player.track?.track;
    if (number === undefined) return;
    marks.set(number, marks.has(number) ? null : "");
    say(marks.has(number) ? `Track ${number} is marked.` : `Track ${number} is not marked any more.`);
  }

  async function save() {
    try {
      const merged = await marks.save();
      const also = merged ? " What was saved from elsewhere meanwhile is kept." : "";
      say(`${marks.count} marked tracks are saved in ${file.marks_file}.${also}`);
    } catch (error) {
      say(`Not saved: ${error.message}`);
    }
  }

  function followAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    const [track, place] = ["track", "frame"].map((name) => (/^\d+$/.test(given.get(name) ?? "") ? Number(given.get(name)) : null));
    if (track !== null && (track !== player.track?.track || place !== player.place)) return open(track, place ?? 0);
    return null;
  }

  byId("track-back").addEventListener("click", () => go(true));
  byId("track-on").addEventListener("click", () => go(false));
  byId("worst").addEventListener("click", worst);
  byId("mark").addEventListener("click", toggleMark);
  byId("note").addEventListener("input", (event) => marks.set(player.track.track, event.target.value.replace(/[\p{C}\p{Z}]/gu, " ")));
  byId("save").addEventListener("click", save);
  byId("skip").addEventListener("click", () => byId("player").focus());
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  byId("help-close").addEventListener("click", () => byId("help").close());
  addEventListener("hashchange", followAddress);
  addEventListener("beforeunload", (event) => marks.unsaved && event.preventDefault());
  bindTabs(["joints", "edges", "graph"], (name) => {
    shown = name;
    showGuidance(player.frame);
  });
  bindShortcuts([
    ["space", [" "], "play or pause", () => player.toggle()],
    ["←", ["ArrowLeft"], "one frame back", () => player.step(-1)],
    ["→", ["ArrowRight"], "one frame on", () => player.step(1)],
    ["n", ["n"], "next track of the list", () => go(false)],
    ["p", ["p"], "previous track of the list", () => go(true)],
    ["w", ["w"], "next worst-scored track, at its worst frame", worst],
    ["m", ["m"], "mark or unmark the track", toggleMark],
    ["s", ["s"], "save the marks", save],
    ["?", ["?"], "this help", () => byId("help").showModal()],
  ]);
  await Promise.all([marks.read(), list.load(0)]);
  if (!followAddress() && list.tracks.length) await open(list.tracks[0].track, 0);
}

function describe(file) {
  byId("split").textContent = `${file.dataset} ${file.split}`;
  document.title = `Skeletons of ${file.dataset} ${file.split}`;
  const bad = file.bad_frames ? `, ${file.bad_frames} without keypoints` : "";
  byId("file").textContent = `${file.path}: ${file.tracks.toLocaleString("en")} tracks, ${file.frames.toLocaleString("en")} frames${bad}`;
  byId("marks-file").textContent = file.marks_file;
  showText(byId("notice"), file.root_problem);
  for (const side of ["left", "right", "middle"]) document.documentElement.style.setProperty(`--${side}`, file.colours[side]);
}
