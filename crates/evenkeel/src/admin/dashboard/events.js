// What was told lately, and what is told from now on.

import { follow, get } from "./api.js";
import { clock, count, number } from "./format.js";
import { $, chip, element, setText, table } from "./dom.js";

// Events that are kept here; evenkeel keeps about as many.
const KEPT = 600;

// Until it is tried again after the stream has ended.
const REST_MS = 3000;

const LATEST = 9;

const TIME = { title: "Time", class: "mono time", draw: (cell, it) => {
  setText(cell, clock(it.ts));
  cell.title = it.ts;
} };
const LEVEL = { title: "Level", draw: (cell, it) => chip(cell.firstChild ?? cell.appendChild(element("span")), it.level) };
const WORD = { title: "Event", class: "mono word", draw: (cell, it) => setText(cell, it.event) };
const WHAT = { title: "What", class: "what", draw: (cell, it) => setText(cell, said(it)) };
const MARKED = { title: "What", class: "what", draw: (cell, it) => {
  cell.dataset.level = it.level;
  setText(cell, said(it));
} };

const said = (it) => [it.service ?? it.pool, it.backend, it.message].filter(Boolean).join("  ");

export function begin(app) {
  let list = [];
  let running = null;
  const form = $("event-filter");
  const key = (it) => it.id;
  const drawAll = table($("event-rows"), { label: "Events", columns: [TIME, LEVEL, WORD, WHAT], key, empty: "Nothing like this was told." });
  const drawLatest = table($("latest"), { label: "Latest events", columns: [TIME, MARKED], key, empty: "Nothing yet.", rowsMax: LATEST });

  const update = () => {
    const text = form.elements.text.value.trim().toLowerCase();
    const level = form.elements.level.value;
    const matches = (it) => (level === "" || it.level === level) && `${it.event} ${said(it)}`.toLowerCase().includes(text);
    const newest = list.toReversed();
    const shown = newest.filter(matches);
    drawAll(shown);
    drawLatest(newest.slice(0, LATEST));
    setText($("event-count"), shown.length === list.length ? count(list.length, "event") : `${number(shown.length)} of ${count(list.length, "event")}`);
  };

  const take = (events) => {
    const last = list.at(-1)?.id ?? 0;
    list = [...list, ...events.filter((it) => it.id > last)].slice(-KEPT);
  };

  let isDrawn = true;
  const drawSoon = () => {
    if (!isDrawn) return;
    isDrawn = false;
    requestAnimationFrame(() => {
      isDrawn = true;
      update();
    });
  };

  const run = async (signal) => {
    while (!signal.aborted) {
      try {
        for await (const event of follow(list.at(-1)?.id ?? 0, signal)) {
          take([event]);
          drawSoon();
        }
      } catch (error) {
        // Too many follow already: then now and then.
        if (error.status === 503) await get("/api/v1/events", { after: list.at(-1)?.id ?? 0 }).then((it) => take(it.events)).catch(() => {});
        drawSoon();
      }
      await new Promise((wake) => setTimeout(wake, REST_MS));
    }
  };

  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  return {
    update,
    // Follows them; what is known goes on, unless another process tells them now.
    start: (isNew) => {
      running?.abort();
      running = new AbortController();
      if (isNew) list = [];
      run(running.signal);
    },
    stop: () => {
      running?.abort();
      running = null;
    },
    runs: () => running != null,
  };
}
