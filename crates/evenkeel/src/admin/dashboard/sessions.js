// Open sessions, as far as they are wanted.

import { get } from "./api.js";
import { bytes, count, millis, number, NONE } from "./format.js";
import { $, buttonIn, options, setText, table } from "./dom.js";
import { guard, isFree } from "./access.js";
import { closeMatching, closeOne, propose } from "./orders.js";

const FILTERS = ["service", "pool", "backend", "client"];

function drawClose(cell, session) {
  const button = buttonIn(cell, "close", (it) => isFree(button) && propose(closeOne(it)));
  button.className = "order small";
  setText(button, "Close");
  button.setAttribute("aria-label", `Close session ${session.id}`);
  guard(button);
}

const COLUMNS = [
  { title: "Id", end: true, draw: (cell, it) => setText(cell, it.id) },
  { title: "Service", draw: (cell, it) => setText(cell, it.service) },
  { title: "Client", class: "mono", draw: (cell, it) => setText(cell, it.client) },
  { title: "Backend", class: "mono", draw: (cell, it) => setText(cell, it.backend ?? "not yet") },
  { title: "Open for", end: true, draw: (cell, it) => setText(cell, millis(it.age_ms)) },
  { title: "Idle for", end: true, draw: (cell, it) => setText(cell, it.idle_ms == null ? NONE : millis(it.idle_ms)) },
  { title: "To backend", end: true, draw: (cell, it) => setText(cell, bytes(it.to_backend)) },
  { title: "To client", end: true, draw: (cell, it) => setText(cell, bytes(it.to_client)) },
  { title: "Orders", class: "orders", draw: drawClose },
];

export function begin(app) {
  const form = $("session-filter");
  const draw = table($("session-rows"), { label: "Sessions", columns: COLUMNS, key: (it) => it.id, empty: "No session is open.", rowsMax: 1000 });
  let matched = 0;
  let asked = 0;
  const filter = () => Object.fromEntries(FILTERS.map((name) => [name, form.elements[name].value.trim()]));

  const problem = (text) => {
    $("session-problem").hidden = text == null;
    setText($("session-problem"), text ?? "");
  };

  const tell = (answer) => {
    matched = answer.matched;
    draw(answer.sessions);
    const shown = answer.sessions.length;
    setText($("session-count"), shown < matched ? `${number(shown)} of ${count(matched, "session")}` : count(matched, "session"));
  };

  const update = async () => {
    if (!app.status) return;
    options(form.elements.service, [["", "all"], ...app.status.services.map((it) => [it.name, it.name])]);
    options(form.elements.pool, [["", "all"], ...app.status.pools.map((it) => [it.name, it.name])]);
    guard($("close-all"), matched === 0 ? "No session is like this" : null);
    asked += 1;
    const mine = asked;
    try {
      const answer = await get("/api/v1/sessions", { ...filter(), limit: form.elements.limit.value });
      // Another filter was set meanwhile.
      if (mine !== asked) return;
      problem(null);
      tell(answer);
    } catch (error) {
      if (mine !== asked) return;
      problem(error.message);
      // There is no such backend: those that were shown are of another one.
      if (error.status === 404) tell({ matched: 0, sessions: [] });
    }
    guard($("close-all"), matched === 0 ? "No session is like this" : null);
  };

  let soon = null;
  form.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(update, 250);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  $("close-all").addEventListener("click", (event) =>
    isFree(event.currentTarget) && propose(closeMatching(filter(), matched)));
  return {
    update,
    show: (query) => {
      FILTERS.filter((name) => query.has(name)).forEach((name) => {
        form.elements[name].value = query.get(name);
      });
      update();
    },
  };
}
