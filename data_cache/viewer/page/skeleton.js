// A skeleton as SVG in pixels of the frame, as data_cache.sheets.skeleton_drawing draws it.
import { jointName, makeSvg } from "./page_parts.js";

// Joints that are drawn, and which of them reach the threshold.
export function seenJoints(frame, minScore) {
  return frame.keypoints.map((point, joint) => ({
    there: point !== null,
    sure: point !== null && frame.score[joint] !== null && frame.score[joint] >= minScore,
  }));
}

export function drawSkeleton(svg, frame, file, [height, width]) {
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const seen = seenJoints(frame, file.min_score);
  const thick = Math.max(height, width) / 150;
  for (const { ends, side } of file.limbs) {
    const [a, b] = ends;
    if (!seen[a].there || !seen[b].there) continue;
    const sure = seen[a].sure && seen[b].sure;
    const line = { x1: frame.keypoints[a][0], y1: frame.keypoints[a][1], x2: frame.keypoints[b][0], y2: frame.keypoints[b][1] };
    const opacity = sure ? 1 : file.colours.faded;
    const common = { ...line, "stroke-linecap": "round" };
    svg.append(
      makeSvg("line", { ...common, class: "under", stroke: file.colours.outline, "stroke-width": 1.9 * thick, opacity: 0.55 * opacity }),
      makeSvg("line", {
        ...common,
        class: sure ? "limb" : "limb unsure",
        stroke: file.colours[side],
        "stroke-width": thick,
        opacity,
        ...(sure ? {} : { "stroke-dasharray": `${1.6 * thick} ${2 * thick}` }),
      }),
    );
  }
  frame.keypoints.forEach((point, joint) => {
    if (point === null) return;
    const colour = file.colours[file.joints[joint].side];
    const sure = seen[joint].sure;
    const dot = makeSvg("circle", {
      cx: point[0],
      cy: point[1],
      r: 1.05 * thick,
      class: sure ? "joint" : "joint unsure",
      "data-joint": file.joints[joint].name,
      fill: sure ? colour : "none",
      stroke: sure ? file.colours.outline : colour,
      "stroke-width": (sure ? 0.3 : 0.45) * thick,
      opacity: sure ? 1 : file.colours.faded + 0.25,
    });
    const title = makeSvg("title");
    title.textContent = `${jointName(file.joints[joint].name)} ${frame.score[joint].toFixed(3)}`;
    dot.append(title);
    svg.append(dot);
  });
  const count = seen.filter((joint) => joint.sure).length;
  svg.setAttribute("aria-label", `Skeleton: ${count} of ${seen.length} joints seen`);
}
