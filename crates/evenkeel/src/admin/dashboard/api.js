// Asks the listener that this page came from. The token is in this tab's memory of the session and goes nowhere else.

const PATIENCE_MS = 15000;

// A reload looks names up.
const ORDER_PATIENCE_MS = 120000;

const TOKEN = "evenkeel-token";

export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (text) => sessionStorage.setItem(TOKEN, text),
  forget: () => sessionStorage.removeItem(TOKEN),
};

// An answer that says no; `status` is 0 when there was no answer.
export class Refused extends Error {
  constructor(status, what) {
    super(what);
    this.status = status;
  }
}

async function send(method, path, body, signal) {
  const headers = {};
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  if (body) headers["content-type"] = "application/json";
  const options = { method, headers, signal, cache: "no-store", credentials: "omit", redirect: "error" };
  const answer = await fetch(path, { ...options, body: body && JSON.stringify(body) }).catch((error) => {
    throw new Refused(0, error.name === "TimeoutError" ? "no answer in time" : "no answer");
  });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, said.error ?? `status ${answer.status}`);
}

async function json(answer) {
  return answer.json().catch(() => {
    throw new Refused(0, "the answer was cut");
  });
}

export async function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const search = given.length > 0 ? `?${new URLSearchParams(given)}` : "";
  return json(await send("GET", path + search, null, AbortSignal.timeout(PATIENCE_MS)));
}

export async function order({ method, path, body }) {
  return json(await send(method, path, body, AbortSignal.timeout(ORDER_PATIENCE_MS)));
}

// Server-sent events, one object after the other. `EventSource` could not send the token.
export async function* follow(after, signal) {
  const answer = await send("GET", `/api/v1/events?follow&after=${after}`, null, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

// A part of a path; a colon may stay, and is easier to read.
const part = (text) => encodeURIComponent(text).replaceAll("%3A", ":");

export const backendPath = (pool, addr) => `/api/v1/pools/${part(pool)}/backends/${part(addr)}`;

export const servicePath = (name) => `/api/v1/services/${part(name)}`;
