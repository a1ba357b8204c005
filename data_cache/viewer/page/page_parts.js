// Small pieces that every part of the page is made of.

export const byId = (id) => document.getElementById(id);

// An element with attributes and children; text is always text, never markup.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export function makeSvg(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// Said to screen readers and shown at the bottom for a while.
let fading = 0;
export function say(sentence) {
  const live = byId("live");
  live.textContent = sentence;
  live.classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => live.classList.remove("shown"), 6000);
}

export function showText(element, sentence) {
  element.textContent = sentence;
  element.hidden = !sentence;
}

export const jointName = (joint) => joint.replaceAll("_", " ");
export const decimals = (value, places = 3) => (value === null ? "–" : value.toFixed(places));

// Seven stops of viridis (matplotlib), dark to bright: it keeps its order for every kind of colour blindness.
const RAMP = ["#440154", "#443983", "#31688e", "#21918c", "#35b779", "#90d743", "#fde725"];
const channels = (colour) => [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));

// The colour of a share of 0…1, and the text colour that reads on it.
export function rampColour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const below = Math.min(Math.floor(place), RAMP.length - 2);
  const [from, to] = [channels(RAMP[below]), channels(RAMP[below + 1])];
  const mixed = from.map((value, at) => Math.round(value + (to[at] - value) * (place - below)));
  const bright = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2];
  return { fill: `rgb(${mixed.join(", ")})`, text: bright > 130 ? "#10151c" : "#ffffff" };
}
