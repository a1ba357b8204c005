// The list of tracks: filters, order, pages of a hundred, and the one that is open.
import { askFor } from "./ask.js";
import { byId, decimals, jointName, make, rampColour, say } from "./page_parts.js";

export class TrackList {
  #asked = 0;

  constructor(file, marks, onOpen) {
    this.file = file;
    this.marks = marks;
    this.onOpen = onOpen;
    this.form = byId("filters");
    this.offset = 0;
    this.open = null;
    this.tracks = [];
    byId("persons").append(...file.persons.map((person) => make("option", { value: person })));
    this.form.elements.camera.append(...file.cameras.map((camera) => make("option", { value: camera }, String(camera))));
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", () => this.load(0));
    byId("page-back").addEventListener("click", () => this.load(this.offset - file.page_rows));
    byId("page-on").addEventListener("click", () => this.load(this.offset + file.page_rows));
    byId("list").addEventListener("keydown", (event) => this.#move(event));
  }

  // What the filters ask for; unsaved marks count for the filter by marks.
  asked() {
    const given = Object.fromEntries(new FormData(this.form));
    given.person = given.person.trim();
    return given.marked ? { ...given, ...this.marks.changed() } : given;
  }

  async load(offset) {
    const number = (this.#asked += 1);
    try {
      const answer = await askFor("api/tracks", { ...this.asked(), offset });
      if (number === this.#asked) this.#show(answer);
    } catch (error) {
      say(error.message);
    }
  }

  // The track `back` or on from the open one, in this list's order.
  next(back) {
    return askFor("api/next", { ...this.asked(), track: this.open, back: back ? "yes" : "" });
  }

  sortBy(sort) {
    const choice = this.form.elements.sort;
    const changed = choice.value !== sort;
    choice.value = sort;
    return changed;
  }

  // Points out the open track, on the page where it is.
  point(track, offset = null) {
    this.open = track;
    if (offset !== null && offset !== this.offset) return this.load(offset);
    this.mark();
    this.#reveal();
    return Promise.resolve();
  }

  // Scrolls the list, and never the page around it.
  #reveal() {
    const list = byId("list");
    const item = list.querySelector("[aria-current]");
    if (!item) return;
    const [box, own] = [list.getBoundingClientRect(), item.getBoundingClientRect()];
    if (own.top < box.top) list.scrollTop -= box.top - own.top;
    else if (own.bottom > box.bottom) list.scrollTop += own.bottom - box.bottom;
  }

  mark() {
    const items = [...byId("list").querySelectorAll("button")];
    const open = items.find((item) => Number(item.dataset.track) === this.open);
    for (const item of items) {
      const marked = this.marks.has(Number(item.dataset.track));
      item.classList.toggle("marked", marked);
      item.querySelector(".flag").hidden = !marked;
      if (item === open) item.setAttribute("aria-current", "true");
      else item.removeAttribute("aria-current");
      item.tabIndex = item === (open ?? items[0]) ? 0 : -1;
    }
  }

  #show({ total, offset, tracks }) {
    this.offset = offset;
    this.tracks = tracks;
    byId("list").replaceChildren(...tracks.map((track) => make("li", {}, this.#item(track))));
    const all = this.file.tracks.toLocaleString("en");
    byId("list-count").textContent =
      total === this.file.tracks ? `${all} tracks` : `${total.toLocaleString("en")} of ${all} tracks`;
    const last = offset + tracks.length;
    byId("page-place").textContent = total ? `${offset + 1}–${last} of ${total.toLocaleString("en")}` : "none";
    byId("page-back").disabled = offset === 0;
    byId("page-on").disabled = last >= total;
    byId("list").scrollTop = 0;
    this.mark();
    this.#reveal();
  }

  #item(track) {
    const bar = make("span", { class: "bar" });
    bar.style.width = `${Math.round(100 * (track.mean ?? 0))}%`;
    bar.style.background = rampColour(track.mean ?? 0).fill;
    const bad = track.bad ? `, ${track.bad} without keypoints` : "";
    const all = track.worst_share === 1 ? "all joints seen throughout" : null;
    const worst = track.worst_joint === null ? "no skeleton" : all ?? `${jointName(track.worst_joint)} seen in ${Math.round(100 * track.worst_share)} %`;
    const button = make(
      "button",
      { type: "button", "data-track": track.track },
      make("span", { class: "who" }, make("b", {}, String(track.track)), ` person ${track.person} · camera ${track.camera} · ${track.modality}`),
      make("span", { class: "flag", role: "img", "aria-label": "marked", title: "marked", hidden: true }, "★"),
      make("span", { class: "score" }, make("span", { class: "track" }, bar), make("span", { class: "number" }, decimals(track.mean, 2))),
      make("span", { class: "small" }, `${track.frames} frames${bad} · ${worst}`),
    );
    button.addEventListener("click", () => this.onOpen(track.track));
    return button;
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...byId("list").querySelectorAll("button")];
    const next = items[items.indexOf(document.activeElement) + step];
    if (!next) return;
    for (const item of items) item.tabIndex = item === next ? 0 : -1;
    next.focus();
  }
}
