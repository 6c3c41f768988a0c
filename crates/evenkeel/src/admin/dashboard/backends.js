// Every backend with its state, and why it is out if it is.

import { count, millis, number, rate, NONE } from "./format.js";
import { $, buttonIn, chip, element, options, setText, table } from "./dom.js";
import { spark } from "./chart.js";
import { backendOrders, buttons } from "./orders.js";
import { STATES } from "./overview.js";
import { open } from "./detail.js";

const sum = (counts) => Object.values(counts).reduce((total, many) => total + many, 0);

// Why a backend stands as it does, in words.
export function cause(backend) {
  const last = backend.checks?.last;
  switch (backend.state) {
    case "down": return last?.cause ?? "its checks failed";
    case "ejected": return `live traffic failed${words({ ...backend.connect_failures, ...errors(backend) })}`;
    case "drain": return "an order: nothing new";
    case "disabled": return "an order: nothing at all";
    case "checking": return "its first check has not ended";
  }
  if (!backend.takes_traffic) return backend.backup ? "a backup: stands by" : "weight 0, or others are preferred";
  if (!backend.checks) return "not checked";
  if (!last) return "no check has ended yet";
  return last.passed ? `check passed in ${millis(last.ms)}` : `last check failed: ${last.cause}`;
}

const errors = ({ requests }) => (requests?.errors > 0 ? { "answered 5xx": requests.errors } : {});

function words(failures) {
  const given = Object.entries(failures).sort(([, one], [, other]) => other - one);
  return given.length > 0 ? `: ${given.map(([word, many]) => `${word} ${number(many)}`).join(", ")}` : "";
}

// Whether somebody should look at it.
export const isOut = (backend) => !backend.takes_traffic && !(backend.backup && backend.state === "up");

// The orders that make sense of a backend as it stands.
export function drawOrders(cell, { backend }, more = []) {
  const shown = { drain: ["disable", "enable"], disabled: ["enable"] }[backend.state] ?? ["drain", "disable"];
  buttons(cell, [...shown, ...more], backend.addr, (it) => backendOrders(it.pool, it.backend));
}

function drawState(cell, { backend }) {
  if (!cell.firstChild) cell.append(element("span"), element("span", { class: "cause" }));
  chip(cell.children[0], backend.state);
  setText(cell.children[1], cause(backend));
  cell.children[1].title = cause(backend);
}

function drawAddress(cell, { backend }) {
  const link = buttonIn(cell, "open", (row) => open(row.pool.name, row.backend.addr));
  link.className = "link mono";
  setText(link, backend.addr);
}

function columns(app) {
  const failures = ({ backend }) => sum(backend.connect_failures);
  return [
    { title: "Backend", draw: drawAddress },
    { title: "Pool", draw: (cell, it) => setText(cell, it.pool.name) },
    { title: "State", class: "state", draw: drawState },
    { title: "Weight", end: true, draw: (cell, { backend }) => setText(cell, number(backend.weight) + (backend.backup ? " backup" : "")) },
    { title: "Open", end: true, draw: (cell, { backend }) => {
      const { open, max } = backend.sessions;
      setText(cell, max == null ? number(open) : `${number(open)} of ${number(max)}`);
    } },
    { title: "New/s", end: true, draw: (cell, { backend }) => {
      const series = `backend ${backend.pool} ${backend.addr}`;
      if (!cell.firstChild) cell.append(element("span", { class: "value" }));
      setText(cell.firstChild, rate(app.history.last(series)));
      spark(cell, app.history.points(series), { now: app.now, span: app.span, name: "one" });
    } },
    { title: "Connects failed", end: true, draw: (cell, it) => {
      setText(cell, number(failures(it)));
      cell.title = words(it.backend.connect_failures).slice(2);
      cell.classList.toggle("alarm", it.backend.connect_failures_in_row > 0);
    } },
    { title: "Connect, p50 / p99", end: true, draw: (cell, { backend }) =>
      setText(cell, backend.connect_ms.count > 0 ? `${millis(backend.connect_ms.p50)} / ${millis(backend.connect_ms.p99)}` : NONE) },
    { title: "Orders", class: "orders", draw: (cell, it) => drawOrders(cell, it) },
  ];
}

function filtered(rows, { text, pool, state }) {
  const wanted = (it) => it.backend.addr.includes(text) && (pool === "" || it.pool.name === pool)
    && (state === "" || (state === "out" ? isOut(it.backend) : it.backend.state === state));
  return rows.filter(wanted);
}

export const backendRows = (status) =>
  status.pools.flatMap((pool) => pool.backends.map((backend) => ({ pool, backend })));

export function begin(app) {
  const form = $("backend-filter");
  const draw = table($("backend-rows"), {
    label: "Backends", columns: columns(app), key: (it) => `${it.pool.name} ${it.backend.addr}`, empty: "No backend is like this.",
  });
  const update = () => {
    if (!app.status) return;
    const rows = backendRows(app.status);
    options(form.elements.pool, [["", "all"], ...app.status.pools.map((it) => [it.name, it.name])]);
    options(form.elements.state, [["", "all"], ["out", "out of traffic"], ...STATES.map((it) => [it, it])]);
    const wanted = { text: form.elements.text.value.trim(), pool: form.elements.pool.value, state: form.elements.state.value };
    const shown = filtered(rows, wanted);
    // Where not all can be drawn, what is out must be.
    if (shown.length > 200) shown.sort((one, other) => isOut(other.backend) - isOut(one.backend));
    setText($("backend-count"), shown.length === rows.length ? count(rows.length, "backend") : `${number(shown.length)} of ${count(rows.length, "backend")}`);
    draw(shown);
  };
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  return {
    update,
    show: (query) => {
      if (query.has("pool")) form.elements.pool.value = query.get("pool");
      if (query.has("state")) form.elements.state.value = query.get("state");
      update();
    },
  };
}
