// The first view: how it does as a whole, by service and by pool.

import { bytesPerSecond, bytes, count, millis, number, rate, NONE } from "./format.js";
import { $, chip, element, reconcile, setText, table } from "./dom.js";
import { chart, spark } from "./chart.js";
import { buttons, serviceOrders } from "./orders.js";

// Pools that are drawn: each takes more room than a row.
const POOLS_MAX = 60;

export const STATES = ["up", "checking", "down", "ejected", "drain", "disabled"];

const TILES = [
  { name: "open", label: "Open sessions", show: number, more: (app) => `of at most ${number(app.status.sessions.max)}` },
  { name: "new", label: "New sessions/s", show: rate, more: (app) => `${number(app.status.sessions.accepted)} since the start` },
  { name: "to_client", label: "To clients", show: bytesPerSecond, more: (app) => `${bytes(all(app, "to_client"))} in all` },
  { name: "to_backend", label: "To backends", show: bytesPerSecond, more: (app) => `${bytes(all(app, "to_backend"))} in all` },
  { name: "failed", label: "Failed sessions/s", show: rate, more: (app) => `${number(allFailed(app))} since the start` },
  { name: "retries", label: "Connects retried/s", show: rate, more: (app) => `${number(all(app, "retries"))} since the start` },
];

const all = (app, name) => app.status.services.reduce((total, it) => total + it[name], 0);
const allFailed = (app) => app.status.services.reduce((total, it) => total + it.sessions.failed, 0);

const course = (app, cell, series, name, top) => spark(cell, app.history.points(series), { now: app.now, span: app.span, name, top });

function withSpark(app, cell, text, series, name) {
  if (!cell.firstChild) cell.append(element("span", { class: "value" }));
  setText(cell.firstChild, text);
  course(app, cell, series, name);
}

function endsShown(service) {
  const ends = Object.entries(service.ends).sort(([, one], [, other]) => other - one);
  return ends.map(([word, many]) => `${word} ${number(many)}`).join(", ");
}

function orders(cell, service) {
  const shown = { enabled: ["drain", "disable"], drain: ["disable", "enable"], disabled: ["enable"] }[service.duty] ?? [];
  buttons(cell, shown, `service ${service.name}`, serviceOrders);
}

function serviceColumns(app) {
  const of = (it, what) => `service ${it.name} ${what}`;
  return [
    { title: "Service", class: "strong", draw: (cell, it) => setText(cell, it.name) },
    { title: "State", draw: (cell, it) => chip(cell.firstChild ?? cell.appendChild(element("span")), it.duty === "enabled" ? "up" : it.duty, it.duty) },
    { title: "Listens on", class: "mono", draw: (cell, it) => setText(cell, it.listeners.join(", ") || "nowhere") },
    { title: "Pool", draw: (cell, it) => setText(cell, it.pool ?? NONE) },
    { title: "Open", end: true, draw: (cell, it) => setText(cell, number(it.sessions.open)) },
    { title: "New/s", end: true, draw: (cell, it) => withSpark(app, cell, rate(app.history.last(of(it, "new"))), of(it, "new"), "one") },
    { title: "Bytes/s", end: true, draw: (cell, it) => withSpark(app, cell, bytesPerSecond(app.history.last(of(it, "bytes"))), of(it, "bytes"), "two") },
    { title: "Failed/s", end: true, draw: (cell, it) => withSpark(app, cell, rate(app.history.last(of(it, "failed"))), of(it, "failed"), "bad") },
    { title: "Ended, p50 / p99", end: true, draw: (cell, it) => {
      setText(cell, `${millis(it.duration_ms.p50)} / ${millis(it.duration_ms.p99)}`);
      cell.title = endsShown(it);
    } },
    { title: "Orders", class: "orders", draw: orders },
  ];
}

const classes = (answers) => Object.entries(answers).map(([word, many]) => `${word} ${number(many)}`).join(", ") || NONE;

// Beside the classes: how calls of gRPC have ended, to which HTTP says 200 whatever happens.
const calls = (ends) => (Object.keys(ends ?? {}).length > 0 ? `; calls ${classes(ends)}` : "");

// Services that balance requests, each with its routes behind it.
function requestRows(services) {
  return services.filter((it) => it.requests).flatMap((it) => [
    { name: it.name, route: "", requests: it.requests },
    ...it.requests.routes.map((route) => ({ name: it.name, route: route.route, requests: route })),
  ]);
}

function requestColumns(app) {
  const of = (it, what) => (it.route ? `route ${it.name} ${it.route} ${what}` : `service ${it.name} ${what}`);
  const times = (it) => (it?.count > 0 ? `${millis(it.p50)} / ${millis(it.p99)}` : NONE);
  return [
    { title: "Service", class: "strong", draw: (cell, it) => setText(cell, it.route ? "" : it.name) },
    { title: "Route", class: "mono", draw: (cell, it) => setText(cell, it.route || "all") },
    { title: "Requests/s", end: true, draw: (cell, it) => withSpark(app, cell, rate(app.history.last(of(it, "requests"))), of(it, "requests"), "one") },
    { title: "5xx/s", end: true, draw: (cell, it) => withSpark(app, cell, rate(app.history.last(of(it, "errors"))), of(it, "errors"), "bad") },
    { title: "Answers", end: true, draw: (cell, it) => setText(cell, classes(it.requests.answers) + calls(it.requests.calls)) },
    { title: "Took, p50 / p99", end: true, draw: (cell, it) => setText(cell, times(it.requests.duration_ms)) },
  ];
}

function makeTile(tile) {
  return element("div", { class: "tile" },
    element("dt", {}, tile.label), element("dd", { class: "big" }), element("dd", { class: "more" }), element("dd", { class: "course" }));
}

function drawTiles(app) {
  reconcile($("tiles"), TILES, (tile) => tile.name, makeTile, (node, tile) => {
    const [, big, more, place] = node.children;
    const value = app.history.last(tile.name);
    setText(big, tile.show(value));
    big.classList.toggle("alarm", tile.name === "failed" && value > 0);
    setText(more, tile.more(app));
    spark(place, app.history.points(tile.name), { now: app.now, span: app.span, name: tile.name === "failed" ? "bad" : "one", width: 160, height: 26 });
  });
}

function makePool(pool) {
  return element("li", {},
    element("a", { href: `#backends?pool=${encodeURIComponent(pool.name)}` }),
    element("span", { class: "states" }), element("span", { class: "bar-of" }), element("span", { class: "course" }));
}

function drawPool(app, node, pool) {
  const [link, states, bar, place] = node.children;
  setText(link, pool.name);
  const counts = STATES.map((state) => [state, pool.backends.filter((it) => it.state === state).length]).filter(([, many]) => many > 0);
  const taking = pool.backends.filter((it) => it.takes_traffic).length;
  const waiting = pool.waiting > 0 ? `, ${number(pool.waiting)} waiting` : "";
  setText(states, `${taking} of ${count(pool.backends.length, "backend")} take${taking === 1 ? "s" : ""} traffic${waiting}`);
  node.classList.toggle("alarm", taking === 0);
  reconcile(bar, counts, ([state]) => state, () => element("i"), (part, [state, many]) => {
    part.dataset.state = state;
    part.style.flexGrow = many;
    part.title = `${many} ${state}`;
    setText(part, `${many} ${state}`);
  });
  course(app, place, `pool ${pool.name}`, "good", 1);
}

export function begin(app) {
  const sessions = [{ name: "one", label: "new" }, { name: "bad", label: "failed" }];
  const carried = [{ name: "one", label: "to clients" }, { name: "two", label: "to backends" }];
  const drawSessions = chart($("chart-sessions"), { title: "Sessions per second", series: sessions, show: rate });
  const drawBytes = chart($("chart-bytes"), { title: "Throughput", series: carried, show: bytesPerSecond });
  const drawServices = table($("services"), { label: "Services", columns: serviceColumns(app), key: (it) => it.name, empty: "No service." });
  const drawRequests = table($("requests"), {
    label: "Requests", columns: requestColumns(app), key: (it) => `${it.name} ${it.route}`, empty: "No service balances requests.",
  });
  return () => {
    const points = (...names) => names.map((name) => app.history.points(name));
    drawTiles(app);
    drawSessions(points("new", "failed"), app.now, app.span);
    drawBytes(points("to_client", "to_backend"), app.now, app.span);
    drawServices(app.status.services);
    const requests = requestRows(app.status.services);
    $("requests-panel").hidden = requests.length === 0;
    drawRequests(requests);
    reconcile($("pools"), app.status.pools.slice(0, POOLS_MAX), (it) => it.name, makePool, (node, it) => drawPool(app, node, it));
    $("pools").dataset.more = app.status.pools.length > POOLS_MAX ? `${POOLS_MAX} of ${app.status.pools.length} are drawn.` : "";
  };
}
