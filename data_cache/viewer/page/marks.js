// Marked tracks: what the list on disk says, and what was changed here since.
import { askFor, saveTo } from "./ask.js";

const MOST_UNSAVED = 3000; // the filter by marks sends the changes along

export class Marks {
  #saved = new Map(); // track → note
  #changes = new Map(); // track → note, or null where the mark was taken away
  #revision = "";

  constructor(onChange) {
    this.onChange = onChange;
  }

  async read() {
    this.#take(await askFor("api/marks"));
  }

  #take({ revision, marks }) {
    this.#revision = revision;
    this.#saved = new Map(marks.map(({ track, note }) => [track, note]));
    for (const [track, note] of this.#changes) {
      if ((this.#saved.get(track) ?? null) === note) this.#changes.delete(track);
    }
    this.onChange();
  }

  note(track) {
    const changed = this.#changes.get(track);
    return changed === undefined ? (this.#saved.get(track) ?? null) : changed;
  }

  has(track) {
    return this.note(track) !== null;
  }

  // A note marks, null takes the mark away.
  set(track, note) {
    if ((this.#saved.get(track) ?? null) === note) this.#changes.delete(track);
    else this.#changes.set(track, note);
    this.onChange();
  }

  get unsaved() {
    return this.#changes.size;
  }

  get count() {
    return this.#all().size;
  }

  #all() {
    const all = new Map(this.#saved);
    for (const [track, note] of this.#changes) {
      if (note === null) all.delete(track);
      else all.set(track, note);
    }
    return all;
  }

  // Rows marked and unmarked here, for the list's filter.
  changed() {
    if (this.#changes.size > MOST_UNSAVED) throw new Error("Save the marks before you filter by them.");
    const rows = (marked) => [...this.#changes].filter(([, note]) => (note !== null) === marked).map(([track]) => track);
    return { also: rows(true).join(","), without: rows(false).join(",") };
  }

  // Saves all marks; when the list was saved from elsewhere meanwhile, what was changed here is put on top of that.
  async save() {
    let merged = false;
    for (;;) {
      const sent = new Map(this.#changes);
      const marks = [...this.#all()].map(([track, note]) => ({ track, note }));
      try {
        const answer = await saveTo("api/marks", { revision: this.#revision, marks });
        for (const [track, note] of sent) if (this.#changes.get(track) === note) this.#changes.delete(track);
        this.#take(answer);
        return merged;
      } catch (error) {
        if (error.status !== 409 || merged) throw error;
        merged = true;
        await this.read();
      }
    }
  }
}
