// The graph of a frame: nodes, limbs, parts, and the rule that joins frames of a clip (eqs 8, 9, 12).
import { decimals, jointName, make, makeSvg, showText } from "./page_parts.js";

export class FrameGraph {
  #part = "all";
  #values = null;

  constructor(panel, file) {
    this.file = file;
    this.problem = make("p", { class: "notice", hidden: true });
    const choices = ["all", ...file.parts].map((part) => {
      const input = make("input", { type: "radio", name: "part", value: part, checked: part === "all" });
      input.addEventListener("change", () => {
        this.#part = part;
        this.#draw();
      });
      return make("label", {}, input, ` ${jointName(part)}`);
    });
    this.svg = makeSvg("svg", { class: "graph", role: "img" });
    this.count = make("p");
    this.body = make("tbody");
    const heads = ["Node", "x / height", "y / height", "Score", "Seen", "Parts"].map((name) => make("th", { scope: "col" }, name));
    this.temporal = make("p");
    this.content = make(
      "div",
      {},
      make("fieldset", { class: "controls" }, make("legend", {}, "Body part"), ...choices),
      this.svg,
      this.count,
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "nodes, scrollable" }, make("table", { class: "joints nodes" }, make("thead", {}, make("tr", {}, ...heads)), this.body)),
      make("h3", {}, "Between frames"),
      this.temporal,
    );
    panel.append(this.problem, this.content);
  }

  explain(sentence) {
    showText(this.problem, sentence);
    this.content.hidden = Boolean(sentence);
  }

  show(values) {
    this.#values = values;
    this.explain(values.usable ? "" : "No graph: this frame has no keypoints.");
    if (values.usable) this.#draw();
  }

  #inPart(joint) {
    const at = this.#values.part_names.indexOf(this.#part);
    return at < 0 || this.#values.parts[at][joint];
  }

  #draw() {
    if (!this.#values) return;
    const { nodes, seen, spatial_edges: edges, temporal } = this.#values;
    this.#drawNodes(nodes, seen, edges);
    const number = seen.filter(Boolean).length;
    const joined = edges.filter(([a, b]) => seen[a] && seen[b]).length;
    this.count.textContent =
      `${number} of ${nodes.length} nodes are seen (score from ${this.#values.min_score} on); ${joined} of ${edges.length} directed` +
      " spatial edges join two of them.";
    this.svg.setAttribute("aria-label", this.count.textContent);
    this.temporal.textContent = `${temporal[0].toUpperCase()}${temporal.slice(1)}.`;
    this.body.replaceChildren(...nodes.map((node, joint) => this.#row(node, joint)));
  }

  #drawNodes(nodes, seen, edges) {
    const points = nodes.filter((_, joint) => seen[joint]);
    const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
    const margin = 0.05;
    const low = [Math.min(...xs, 1), Math.min(...ys, 1)].map((value) => (points.length ? value - margin : 0));
    const size = [Math.max(...xs, 0), Math.max(...ys, 0)].map((value, axis) => (points.length ? value + margin - low[axis] : 1));
    this.svg.setAttribute("viewBox", `${low[0]} ${low[1]} ${size[0]} ${size[1]}`);
    this.svg.replaceChildren();
    const faint = (...joints) => (joints.every((joint) => this.#inPart(joint)) ? 1 : 0.2);
    for (const [a, b] of edges) {
      if (a > b || !seen[a] || !seen[b]) continue; // each limb is there in both directions
      const line = { x1: nodes[a][0], y1: nodes[a][1], x2: nodes[b][0], y2: nodes[b][1] };
      this.svg.append(makeSvg("line", { ...line, class: "edge", "stroke-width": 0.006, opacity: faint(a, b) }));
    }
    nodes.forEach((node, joint) => {
      if (!seen[joint]) return;
      const { name, side } = this.file.joints[joint];
      const dot = makeSvg("circle", { cx: node[0], cy: node[1], r: 0.012, class: `node ${side}`, "data-joint": name, opacity: faint(joint) });
      const title = makeSvg("title");
      title.textContent = jointName(name);
      dot.append(title);
      this.svg.append(dot);
    });
  }

  #row(node, joint) {
    const seen = this.#values.seen[joint];
    const parts = this.#values.part_names.filter((_, at) => this.#values.parts[at][joint]).map(jointName);
    const cells = node.map((value) => make("td", { class: "number" }, seen ? decimals(value) : "–"));
    return make(
      "tr",
      { class: [seen ? "" : "unsure", this.#inPart(joint) ? "" : "outside"].join(" ").trim(), "data-joint": this.file.joints[joint].name },
      make("th", { scope: "row" }, make("span", { class: `side ${this.file.joints[joint].side}`, "aria-hidden": "true" }), jointName(this.file.joints[joint].name)),
      ...cells,
      make("td", {}, seen ? "yes" : "no"),
      make("td", { class: "small" }, parts.join(", ")),
    );
  }
}
