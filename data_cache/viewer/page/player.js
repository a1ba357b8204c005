// Frames of one track with the skeleton over them: stepping, playing, and what to show where there is no picture.
import { pictureAddress, whyNoPicture } from "./ask.js";
import { byId, showText } from "./page_parts.js";
import { drawSkeleton } from "./skeleton.js";

const AHEAD = 12; // pictures fetched before they are needed
const KEPT = 240; // pictures of one track that stay in memory

export class Player {
  #pictures = new Map();
  #timer = 0;
  #run = 0; // counts starts and stops, so that an old step cannot go on

  constructor(file, onFrame) {
    this.file = file;
    this.onFrame = onFrame;
    this.track = null;
    this.place = 0;
    byId("slider").addEventListener("input", (event) => this.go(Number(event.target.value)));
    byId("play").addEventListener("click", () => this.toggle());
    byId("step-back").addEventListener("click", () => this.step(-1));
    byId("step-on").addEventListener("click", () => this.step(1));
    for (const part of ["skeleton", "picture"]) {
      byId(`show-${part}`).addEventListener("change", () => this.track && this.#draw());
    }
  }

  get frame() {
    return this.track?.list[this.place];
  }

  get playing() {
    return this.#timer !== 0;
  }

  open(track, place) {
    this.pause();
    this.#pictures.clear();
    this.track = track;
    // As wide as the widest frame, so that nothing jumps while it plays.
    const ratios = track.list.filter((frame) => frame.size[0] > 0).map((frame) => frame.size[1] / frame.size[0]);
    byId("stage").style.setProperty("--ratio", Math.min(Math.max(...ratios, 0.25), 3));
    const slider = byId("slider");
    slider.max = track.list.length - 1;
    slider.disabled = track.list.length < 2;
    byId("track-title").textContent =
      `Track ${track.track}: person ${track.person}, camera ${track.camera}, ${track.modality}` +
      (track.role === "both" ? "" : `, ${track.role}`);
    this.go(place);
  }

  go(place) {
    if (!this.track) return;
    this.place = Math.min(Math.max(place, 0), this.track.list.length - 1);
    this.#draw();
    for (let ahead = 1; ahead <= AHEAD; ahead += 1) this.#picture((this.place + ahead) % this.track.list.length);
    this.onFrame(this.frame);
  }

  // By hand a step stops at the ends and ends playing.
  step(by) {
    this.pause();
    this.go(this.place + by);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (!this.track || this.track.list.length < 2) return;
    this.#run += 1;
    this.#label(true);
    this.#next(this.#run);
  }

  pause() {
    this.#run += 1;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#label(false);
  }

  #label(playing) {
    byId("play").textContent = playing ? "Pause" : "Play";
  }

  #next(run) {
    const wait = 1000 / Number(byId("speed").value);
    this.#timer = setTimeout(async () => {
      const place = (this.place + 1) % this.track.list.length;
      await this.#picture(place)?.ready; // slow disks slow the film down instead of leaving frames out
      if (run !== this.#run) return;
      this.go(place);
      this.#next(run);
    }, wait);
  }

  // The picture of a frame and a promise that ends when it is there or known to be none; null where none is expected.
  #picture(place) {
    const frame = this.track.list[place];
    if (frame.problem) return null;
    const known = this.#pictures.get(frame.row);
    if (known) return known;
    if (this.#pictures.size >= KEPT) this.#pictures.delete(this.#pictures.keys().next().value);
    const image = new Image();
    image.alt = `frame ${place} of track ${this.track.track}`;
    image.draggable = false;
    const held = { image, failed: "" };
    image.src = pictureAddress(frame.row);
    held.ready = image.decode().then(
      () => {},
      async () => {
        held.failed = await whyNoPicture(frame);
      },
    );
    this.#pictures.set(frame.row, held);
    return held;
  }

  #draw() {
    const frame = this.frame;
    const stage = byId("stage");
    const held = byId("show-picture").checked ? this.#picture(this.place) : null;
    stage.querySelector("img")?.remove();
    stage.classList.toggle("empty", !held || held.failed);
    if (held && !held.failed) stage.prepend(held.image);
    held?.ready.then(() => frame === this.frame && this.#explain(frame, held));
    this.#explain(frame, held);
    const size = frame.size[0] > 0 ? frame.size : [256, 128];
    const svg = byId("skeleton");
    drawSkeleton(svg, byId("show-skeleton").checked ? frame : { ...frame, keypoints: frame.keypoints.map(() => null) }, this.file, size);
    byId("slider").value = this.place;
    byId("slider").setAttribute("aria-valuetext", `frame ${this.place} of ${this.track.list.length}`);
    byId("frame-place").textContent = `${this.place} of 0…${this.track.list.length - 1}`;
    byId("frame-line").textContent = `row ${frame.row}: ${frame.path}`;
  }

  // Says why a picture or skeleton is not there, or that they are of different frames.
  #explain(frame, held) {
    const stage = byId("stage");
    let text = "";
    if (frame.problem) text = frame.problem;
    else if (held?.failed) text = held.failed;
    if (held?.failed) {
      held.image.remove();
      stage.classList.add("empty");
    }
    showText(byId("stage-text"), byId("show-picture").checked ? text : "");
    let note = frame.status === "ok" ? "" : `No skeleton: this frame was ${frame.status} when keypoints were estimated.`;
    const image = held?.image;
    if (frame.status === "ok" && image?.naturalWidth) {
      const [height, width] = frame.size;
      if (image.naturalWidth !== width || image.naturalHeight !== height) {
        note =
          `This picture is ${image.naturalWidth} × ${image.naturalHeight} pixels, the keypoints are for ${width} × ${height}:` +
          " is --root the folder they were made from?";
      }
    }
    showText(byId("stage-note"), note);
  }
}
