// Charts, drawn as SVG: a small one that shows a course, and a large one that can be read.

import { element, setText } from "./dom.js";
import { clock, seconds } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const round = (value) => Math.round(value * 10) / 10;

// The runs of points between gaps.
function runs(points) {
  const all = [[]];
  for (const point of points) {
    if (point.value == null) all.push([]);
    else all.at(-1).push(point);
  }
  return all.filter((run) => run.length > 0);
}

// Lines through `points`, and the areas below them, in a picture of this size that goes back by `span` and up to `top`.
function courses(points, { now, span, width, height, top, name, filled }) {
  const x = (at) => round(width - ((now - at) / span) * width);
  const y = (value) => round(height - 1 - (value / top) * (height - 3));
  // That nothing fails is no alarm.
  const tone = name === "bad" && points.every((point) => !point.value) ? "calm" : name;
  return runs(points).flatMap((run) => {
    const line = run.map((point) => `${x(point.at)},${y(point.value)}`).join("L");
    const area = `M${x(run[0].at)},${height}L${line}L${x(run.at(-1).at)},${height}Z`;
    const drawn = run.length > 1 ? [svg("path", { d: `M${line}`, class: `line ${tone}` })] : [];
    return filled ? [svg("path", { d: area, class: `area ${tone}` }), ...drawn] : drawn;
  });
}

export function spark(place, points, { now, span, name, top = 0, width = 92, height = 22 }) {
  let picture = place.querySelector("svg");
  if (!picture) {
    // The number beside it says the same.
    picture = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, preserveAspectRatio: "none", "aria-hidden": "true" });
    place.append(picture);
  }
  const highest = Math.max(top, ...points.map((point) => point.value ?? 0)) || 1;
  picture.replaceChildren(
    svg("path", { d: `M0,${height - 0.5}H${width}`, class: "base" }),
    ...courses(points.filter((point) => point.at >= now - span), { now, span, width, height, top: highest, name, filled: true }),
  );
}

// The next of 1, 2, 5 times a power of ten: what an axis can be labelled with.
function niceTop(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value);
}

const HEIGHT = 132;

// A chart of several series, `{name, label}`; returns how it is drawn.
export function chart(place, { title, series, show }) {
  const picture = svg("svg", { class: "plot", role: "img", height: HEIGHT });
  const top = element("span", { class: "top" });
  const values = series.map(() => element("b"));
  const legend = series.map((it, at) => element("span", { class: `key ${it.name}` }, `${it.label} `, values[at]));
  const from = element("span");
  const plot = element("div", { class: "frame" }, picture, top);
  place.append(
    element("figcaption", {}, element("h2", {}, title), element("span", { class: "legend" }, ...legend)),
    plot,
    element("div", { class: "axis", "aria-hidden": "true" }, from, element("span", {}, "now")),
  );
  let cursor = null;
  let redraw = () => {};
  plot.addEventListener("pointermove", (event) => {
    cursor = event.clientX - plot.getBoundingClientRect().left;
    redraw();
  });
  plot.addEventListener("pointerleave", () => {
    cursor = null;
    redraw();
  });
  new ResizeObserver(() => redraw()).observe(plot);
  return (lists, now, span) => {
    redraw = () => {
      const width = Math.max(plot.clientWidth, 50);
      const highest = Math.max(0, ...lists.flat().map((point) => point.value ?? 0));
      const limit = niceTop(highest);
      const at = cursor == null ? null : now - ((width - cursor) / width) * span;
      const shown = lists.map((points) => (at == null ? points.at(-1) : nearest(points, at)));
      const drawn = lists.map((points, index) =>
        courses(points, { now, span, width, height: HEIGHT, top: limit, name: series[index].name, filled: index === 0 }));
      const lines = [0, 0.5, 1].map((part) =>
        svg("path", { d: `M0,${round(HEIGHT - 0.5 - part * (HEIGHT - 3))}H${width}`, class: "base" }));
      const mark = at == null ? [] : [svg("path", { d: `M${round(cursor)},0V${HEIGHT}`, class: "cursor" })];
      picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
      picture.replaceChildren(...lines, ...drawn.flat(), ...mark);
      setText(top, show(limit));
      values.forEach((value, index) => setText(value, show(shown[index]?.value)));
      setText(from, at == null || !shown[0] ? `${seconds(Math.round(span / 1000))} ago` : `at ${clock(shown[0].at)}`);
      const said = series.map((it, index) => `${it.label} ${show(lists[index].at(-1)?.value)}`).join(", ");
      picture.setAttribute("aria-label", `${title}: ${said}`);
    };
    redraw();
  };
}

function nearest(points, at) {
  return points.reduce((best, point) => (!best || Math.abs(point.at - at) < Math.abs(best.at - at) ? point : best), null);
}
