// Looks at evenkeel every now and then, and has what it said drawn.

import { get, token } from "./api.js";
import { clock, number, seconds } from "./format.js";
import { $, setText } from "./dom.js";
import { History, measure } from "./history.js";
import * as access from "./access.js";
import * as backends from "./backends.js";
import * as detail from "./detail.js";
import * as events from "./events.js";
import * as orders from "./orders.js";
import * as overview from "./overview.js";
import * as sessions from "./sessions.js";
import * as theme from "./theme.js";

const PERIOD_MS = 2000;

// An answer that takes long is asked for less often: looking must not be what keeps it busy.
const SHARE = 10;

const app = { status: null, now: Date.now(), span: 0, history: new History(), seen: null, trialEnd: null };
const views = {};
let view = "overview";
let timer = null;
let isAsking = false;

// Says `text` above everything; `act` is a button beside it, `{label, use}`.
function banner(kind, text, act) {
  $("banner").hidden = kind == null;
  if (kind == null) return;
  $("banner").dataset.kind = kind;
  setText($("banner-text"), text);
  $("banner-do").hidden = act == null;
  if (act == null) return;
  setText($("banner-do"), act.label);
  $("banner-do").onclick = act.use;
}

// Another process than the one before: its counters begin anew, and its events have numbers of their own.
const identity = (status) => `${status.pid} ${status.started}`;

async function look() {
  if (isAsking) return;
  isAsking = true;
  clearTimeout(timer);
  const began = performance.now();
  let goOn = true;
  try {
    await take(await get("/api/v1/status"));
  } catch (error) {
    goOn = miss(error);
  }
  isAsking = false;
  const took = performance.now() - began;
  if (goOn && !document.hidden) timer = setTimeout(look, Math.max(PERIOD_MS, SHARE * took));
}

async function take(status) {
  const isOther = app.status == null || identity(status) !== identity(app.status);
  const wasAway = app.seen?.missed === true;
  app.now = Date.now();
  if (isOther) {
    app.history.restart();
    await access.learn();
  }
  const isAgain = app.status != null && isOther;
  app.status = status;
  const { gauges, counters } = measure(status);
  app.history.note(app.now, gauges, counters);
  app.span = app.history.span(app.now);
  app.seen = { at: app.now, missed: false, again: isAgain ? app.now : app.seen?.again };
  if (isOther || wasAway || !views.events.runs()) views.events.start(isOther);
  tell(status);
  draw();
}

// What stands above everything: nothing, unless there is something to know.
function tell(status) {
  const again = app.seen.again;
  if (status.phase !== "running") banner("warning", `It is stopping (${status.phase}): ${number(status.sessions.open)} sessions are open.`);
  else if (status.config.trial_s != null) onTrial(status.config.trial_s);
  else if (status.config.problem) banner("warning", `The last reload was refused: ${status.config.problem}`);
  else if (again && app.now - again < 15000) banner("note", "Another process answers now: evenkeel was started again or upgraded.");
  else banner(null);
}

function onTrial(left_s) {
  const end = app.now + left_s * 1000;
  // Only full seconds are told. A moment that jumps to and fro would be read aloud every time.
  if (app.trialEnd == null || Math.abs(app.trialEnd - end) > 3000) app.trialEnd = end;
  const confirm = { label: "Keep it", use: (event) => access.isFree(event.currentTarget) && orders.propose(orders.confirm) };
  banner("warning", `A configuration is on trial: it goes back at ${clock(app.trialEnd)} unless it is confirmed.`, confirm);
  access.guard($("banner-do"));
}

// Whether to ask again: without the token there is nothing to be had.
function miss(error) {
  if (error.status === 401) {
    const ask = () => access.ask(token.get() == null ? null : "That is not the token.", look);
    banner("warning", "It is guarded by a token.", { label: "Give the token", use: ask });
    $("banner-do").removeAttribute("aria-disabled");
    ask();
    return false;
  }
  if (app.seen) app.seen.missed = true;
  setText($("phase"), "away");
  $("phase").dataset.state = "down";
  const since = app.seen ? ` What is shown is of ${clock(app.seen.at)}.` : "";
  banner("lost", error.status === 0 ? `evenkeel does not answer (${error.message}); it is asked again and again.${since}` : `evenkeel refuses: ${error.message}.${since}`);
  document.body.classList.add("stale");
  return true;
}

function draw() {
  const { status } = app;
  document.body.classList.remove("stale");
  $("phase").dataset.state = status.phase === "running" ? "up" : "drain";
  setText($("phase"), status.phase);
  setText($("about"), `${status.version} · up ${seconds(status.up_s)} · ${status.workers} workers · pid ${status.pid} · file of ${clock(status.config.since)}`);
  const out = backends.backendRows(status).filter((it) => backends.isOut(it.backend)).length;
  setText($("count-backends"), out > 0 ? `${number(out)} out` : "");
  setText($("count-sessions"), number(status.sessions.open));
  access.guard($("reload"));
  if (view === "overview") views.overview();
  if (view === "backends") views.backends.update();
  if (view === "sessions") views.sessions.update();
  if ($("detail").open) detail.draw();
}

// The view in the address, with what is to be filtered for.
function route() {
  const [name, query] = location.hash.slice(1).split("?");
  const known = [...document.querySelectorAll("[data-view]")].map((it) => it.dataset.view);
  if (name && !known.includes(name)) return;
  view = name || "overview";
  for (const section of document.querySelectorAll("[data-view]")) section.hidden = section.dataset.view !== view;
  for (const link of document.querySelectorAll(".views a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = view === "overview" ? "evenkeel" : `${view} – evenkeel`;
  if (!app.status) return;
  draw();
  views[view].show?.(new URLSearchParams(query ?? ""));
}

// A page that nobody sees asks nothing.
function attend() {
  if (document.hidden) {
    clearTimeout(timer);
    views.events.stop();
  } else {
    look();
  }
}

function begin() {
  theme.begin();
  detail.begin(app);
  views.overview = overview.begin(app);
  views.backends = backends.begin(app);
  views.sessions = sessions.begin(app);
  views.events = events.begin(app);
  orders.begin(look);
  access.begin(() => {
    app.status = null;
    views.events.stop();
    look();
  });
  $("detail").addEventListener("close", detail.forget);
  $("reload").addEventListener("click", (event) => access.isFree(event.currentTarget) && orders.propose(orders.reload));
  window.addEventListener("hashchange", route);
  document.addEventListener("visibilitychange", attend);
  route();
  look();
}

begin();
