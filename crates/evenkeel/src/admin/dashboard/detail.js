// One backend from near: what is counted, and its last checks, failures and changes.

import { backendPath, get } from "./api.js";
import { bytes, clock, millis, number, NONE } from "./format.js";
import { $, chip, element, setText, table } from "./dom.js";
import { cause, drawOrders } from "./backends.js";

let app = null;
let about = null;
let parts = null;

// An evenkeel that does not tell why is not asked again.
let isTold = true;

const facts = (it) => [
  ["Sessions", `${number(it.sessions.open)} open, ${number(it.sessions.connecting)} connecting, ${number(it.sessions.connected)} so far`],
  ["At most", it.sessions.max == null ? "no limit" : number(it.sessions.max)],
  ["Weight", number(it.weight) + (it.backup ? ", a backup" : "")],
  ["Connects", `${millis(it.connect_ms.p50)} p50, ${millis(it.connect_ms.p90)} p90, ${millis(it.connect_ms.p99)} p99`],
  ["Connects failed", Object.entries(it.connect_failures).map(([word, many]) => `${word} ${number(many)}`).join(", ") || "none"],
  ["Requests", it.requests?.sent > 0 ? `${number(it.requests.sent)} sent, ${number(it.requests.errors)} answered 5xx` : "none"],
  ["Carried", `${bytes(it.to_backend)} to it, ${bytes(it.to_client)} from it`],
  ["Checks", it.checks ? `${number(it.checks.passed)} passed, ${number(it.checks.failed)} failed` : "not checked"],
  ["Ejected", it.ejections === 1 ? "once" : `${number(it.ejections)} times`],
];

const ago = (cell, it) => {
  setText(cell, `${millis(it.ago_ms)} ago`);
  cell.title = it.at;
};
const when = (cell, it) => {
  setText(cell, clock(it.at));
  cell.title = it.at;
};

function sections() {
  const outcome = (cell, it) => chip(cell.firstChild ?? cell.appendChild(element("span")), it.passed ? "up" : "down", it.passed ? "passed" : "failed");
  const why = (it) => [it.cause ?? it.failure, it.errno == null ? null : `errno ${it.errno}`].filter(Boolean).join(", ");
  const took = { title: "Took", end: true, draw: (cell, it) => setText(cell, millis(it.took_ms)) };
  const cause = { title: "Cause", draw: (cell, it) => setText(cell, why(it) || NONE) };
  return [
    ["checks", "Last checks", [{ title: "When", draw: ago }, { title: "Outcome", draw: outcome }, cause, took]],
    ["failures", "Last failures of live traffic", [{ title: "When", draw: ago }, cause, took]],
    ["changes", "Last changes", [{ title: "When", draw: when },
      { title: "To", draw: (cell, it) => chip(cell.firstChild ?? cell.appendChild(element("span")), it.to) },
      { title: "Because", draw: (cell, it) => setText(cell, it.because ?? NONE) }]],
  ];
}

function build() {
  const [head, list, orders] = [element("p", { class: "standing" }), element("dl", { class: "facts" }), element("p", { class: "orders" })];
  const sessions = element("a", { class: "button", href: "#sessions", onclick: () => $("detail").close() }, "Its sessions");
  const tables = sections().map(([name, title, columns]) => {
    const place = element("section", { hidden: true }, element("h3", {}, title));
    const draw = table(place, { label: title, columns, key: (it) => `${it.at} ${it.took_ms ?? it.to}`, empty: "None." });
    return { name, place, draw };
  });
  head.append(element("span"), element("span", { class: "cause" }));
  $("detail-body").replaceChildren(head, orders, list, ...tables.map((it) => it.place));
  return { head, list, orders, sessions, tables };
}

export function open(pool, addr) {
  about = { pool, addr };
  parts = build();
  parts.sessions.href = `#sessions?${new URLSearchParams({ pool, backend: addr })}`;
  setText($("detail-title"), addr);
  draw();
  $("detail").showModal();
}

export function begin(given) {
  app = given;
}

// Draws it anew, if it is open.
export function draw() {
  if (!about || !parts) return;
  const pool = app.status.pools.find((it) => it.name === about.pool);
  const backend = pool?.backends.find((it) => it.addr === about.addr);
  if (!backend) {
    parts.orders.replaceChildren();
    chip(parts.head.children[0], "disabled", "gone");
    setText(parts.head.children[1], `it is no longer in pool ${about.pool}`);
    return;
  }
  chip(parts.head.children[0], backend.state);
  setText(parts.head.children[1], `in pool ${about.pool}: ${cause(backend)}`);
  parts.orders.dataset.key = about.addr;
  parts.orders.item = { pool, backend };
  drawOrders(parts.orders, parts.orders.item, ["weight"]);
  parts.orders.append(parts.sessions);
  parts.list.replaceChildren(...facts(backend).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  look(about);
}

// What is known beyond the counters.
async function look(wanted) {
  if (!isTold) return;
  const known = await get(`${backendPath(wanted.pool, wanted.addr)}/why`).catch((error) => {
    isTold = error.status !== 404;
    return {};
  });
  if (wanted !== about) return;
  for (const { name, place, draw } of parts.tables) {
    place.hidden = !Array.isArray(known[name]);
    if (!place.hidden) draw([...known[name]].sort((one, other) => one.ago_ms - other.ago_ms));
  }
}

export function forget() {
  about = null;
}
