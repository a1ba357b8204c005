// Distance or angle of every pair of joints of a frame (eqs 1, 2), as a table in colours.
import { decimals, jointName, make, rampColour, showText } from "./page_parts.js";

const short = (joint) => joint.replace("left_", "L ").replace("right_", "R ");

export class EdgeMatrix {
  #measure = "distance";
  #values = null;
  #place = [0, 1]; // the cell that Tab reaches

  constructor(panel, file) {
    this.file = file;
    this.problem = make("p", { class: "notice", hidden: true });
    const choices = ["distance", "angle"].map((measure) => {
      const input = make("input", { type: "radio", name: "measure", value: measure, checked: measure === this.#measure });
      input.addEventListener("change", () => {
        this.#measure = measure;
        this.#draw();
      });
      return make("label", {}, input, ` ${measure}`);
    });
    this.reading = make("p", { id: "edge-reading" }, "Point at a cell, or move through them with the arrow keys.");
    this.body = make("tbody");
    const heads = file.joints.map(({ name }) => make("th", { scope: "col", title: jointName(name) }, make("span", {}, short(name))));
    this.table = make(
      "table",
      { class: "matrix", role: "grid", "aria-label": "Distance or angle between two joints" },
      make("thead", {}, make("tr", {}, make("td"), ...heads)),
      this.body,
    );
    this.content = make("div", {}, make("div", { class: "controls" }, ...choices), this.reading, make("div", { class: "scroll" }, this.table));
    panel.append(this.problem, this.content);
    this.table.addEventListener("keydown", (event) => this.#move(event));
    for (const kind of ["focusin", "pointerover"]) {
      this.table.addEventListener(kind, (event) => {
        const cell = event.target.closest?.("[role=gridcell]");
        if (cell) this.reading.textContent = cell.getAttribute("aria-label");
      });
    }
  }

  explain(sentence) {
    showText(this.problem, sentence);
    this.content.hidden = Boolean(sentence);
  }

  show(values) {
    this.#values = values;
    this.explain(values.usable ? "" : "No edges: this frame has no keypoints.");
    if (values.usable) this.#draw();
  }

  #draw() {
    if (!this.#values) return;
    const focused = document.activeElement?.closest?.(".matrix [role=gridcell]") !== null;
    const numbers = this.#values[this.#measure];
    const largest = Math.max(...this.#values.distance.flat(), 1e-9);
    this.body.replaceChildren(
      ...this.file.joints.map(({ name }, row) =>
        make("tr", {}, make("th", { scope: "row" }, short(name)), ...numbers[row].map((value, column) => this.#cell(value, row, column, largest))),
      ),
    );
    if (focused) this.#at(...this.#place).focus();
  }

  #cell(value, row, column, largest) {
    const unit = this.#measure === "distance" ? this.#values.unit : "radians";
    const [a, b] = [row, column].map((joint) => jointName(this.file.joints[joint].name));
    // Unseen pairs have distance 0, as a joint has to itself.
    const there = this.#values.distance[row][column] > 0;
    const text = there ? `${decimals(value)} ${unit}` : row === column ? "the same joint" : "one of them is unseen";
    const here = row === this.#place[0] && column === this.#place[1];
    const cell = make("td", {
      role: "gridcell",
      tabindex: here ? 0 : -1,
      class: there ? "" : "absent",
      "aria-label": `${a} – ${b}: ${this.#measure} ${text}`,
      "data-value": value,
    });
    if (there) cell.style.background = rampColour(this.#measure === "distance" ? value / largest : (value + Math.PI) / (2 * Math.PI)).fill;
    cell.addEventListener("click", () => this.#focus(row, column));
    return cell;
  }

  #at(row, column) {
    return this.body.rows[row].cells[column + 1];
  }

  #focus(row, column) {
    this.#at(...this.#place).tabIndex = -1;
    this.#place = [row, column];
    const cell = this.#at(row, column);
    cell.tabIndex = 0;
    cell.focus();
  }

  #move(event) {
    const steps = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const last = this.file.joints.length - 1;
    const [row, column] = this.#place.map((place, at) => Math.min(Math.max(place + step[at], 0), last));
    this.#focus(row, column);
  }
}
