// Scores and places of a frame's joints as a table.
import { decimals, jointName, make, rampColour } from "./page_parts.js";

export class JointTable {
  constructor(panel, file) {
    this.panel = panel;
    this.file = file;
    this.body = make("tbody");
    const heads = ["Joint", "Score", "x", "y"].map((name) => make("th", { scope: "col" }, name));
    const caption = `Score of each joint, 0 to 1; under ${decimals(file.min_score, 2)} it counts as unseen. x and y in pixels.`;
    const table = make("table", { class: "joints" }, make("thead", {}, make("tr", {}, ...heads)), this.body);
    panel.append(make("p", { class: "small" }, caption), make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "joints, scrollable" }, table));
  }

  show(frame) {
    this.body.replaceChildren(
      ...this.file.joints.map(({ name, side }, joint) => {
        const score = frame.score[joint];
        const point = frame.keypoints[joint];
        const seen = score !== null && score >= this.file.min_score;
        const bar = make("span", { class: "bar" });
        const colour = rampColour(score ?? 0);
        bar.style.width = `${Math.round(100 * (score ?? 0))}%`;
        bar.style.background = colour.fill;
        const dot = make("span", { class: `side ${side}`, "aria-hidden": "true" });
        return make(
          "tr",
          { class: seen ? "" : "unsure", "data-joint": name },
          make("th", { scope: "row" }, dot, jointName(name)),
          make("td", {}, make("span", { class: "track" }, bar), make("span", { class: "number" }, decimals(score), seen ? "" : " unseen")),
          make("td", { class: "number" }, decimals(point ? point[0] : null, 1)),
          make("td", { class: "number" }, decimals(point ? point[1] : null, 1)),
        );
      }),
    );
  }
}
