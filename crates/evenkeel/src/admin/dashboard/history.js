// What was seen lately: rates from counters, for as long as the charts show. Counters may begin anew and answers may be
// missing; both leave a gap, never a spike.

const WINDOW_MS = 300000;

// What charts show at first: five minutes of nothing would say little.
const WINDOW_FIRST_MS = 60000;

// Things that are remembered one by one; more than that nobody looks at.
const SERIES_MAX = 1500;

// Longer than this between two answers, and what happened in between is not known.
const GAP_MS = 15000;

export const sum = (values) => values.reduce((total, value) => total + value, 0);

export class History {
  #series = new Map();
  #counters = new Map();
  #at = null;
  #first = null;

  // Forgets what the counters were: another process counts now.
  restart() {
    this.#counters.clear();
    this.#at = null;
  }

  // Takes in an answer that came at `at`: `gauges` and `counters` are numbers by name.
  note(at, gauges, counters) {
    const passed = this.#at == null ? null : at - this.#at;
    this.#first ??= at;
    for (const [name, value] of gauges) this.#push(name, at, value);
    for (const [name, value] of counters) {
      const before = this.#counters.get(name);
      const is_known = before != null && value >= before && passed != null && passed > 0 && passed < GAP_MS;
      this.#push(name, at, is_known ? ((value - before) * 1000) / passed : null);
    }
    this.#counters = new Map(counters);
    this.#at = at;
    this.#forget(at);
  }

  // How far back charts go at `now`.
  span(now) {
    return Math.min(WINDOW_MS, Math.max(WINDOW_FIRST_MS, now - (this.#first ?? now)));
  }

  points(name) {
    return this.#series.get(name) ?? [];
  }

  last(name) {
    return this.points(name).at(-1)?.value ?? null;
  }

  #push(name, at, value) {
    let points = this.#series.get(name);
    if (!points) {
      if (this.#series.size >= SERIES_MAX) return;
      points = [];
      this.#series.set(name, points);
    }
    points.push({ at, value });
  }

  #forget(now) {
    for (const [name, points] of this.#series) {
      while (points.length > 0 && points[0].at < now - WINDOW_MS) points.shift();
      if (points.length === 0) this.#series.delete(name);
    }
  }
}

const requests = (of, { answers }) => [[`${of}requests`, sum(Object.values(answers))], [`${of}errors`, answers["5xx"] ?? 0]];

// The numbers of an answer to `status`.
export function measure(status) {
  const { services, pools } = status;
  const gauges = [["open", status.sessions.open]];
  const counters = [
    ["new", status.sessions.accepted],
    ["to_client", sum(services.map((it) => it.to_client))],
    ["to_backend", sum(services.map((it) => it.to_backend))],
    ["failed", sum(services.map((it) => it.sessions.failed))],
    ["retries", sum(services.map((it) => it.retries))],
  ];
  for (const it of services) {
    const of = `service ${it.name} `;
    gauges.push([`${of}open`, it.sessions.open]);
    counters.push([`${of}new`, it.sessions.accepted], [`${of}failed`, it.sessions.failed]);
    counters.push([`${of}bytes`, it.to_client + it.to_backend]);
    if (it.requests) counters.push(...requests(of, it.requests));
    for (const route of it.requests?.routes ?? []) counters.push(...requests(`route ${it.name} ${route.route} `, route));
  }
  for (const pool of pools) {
    const taking = pool.backends.filter((it) => it.takes_traffic).length;
    gauges.push([`pool ${pool.name}`, pool.backends.length > 0 ? taking / pool.backends.length : 0]);
    for (const it of pool.backends) counters.push([`backend ${it.pool} ${it.addr}`, it.sessions.connected]);
  }
  return { gauges, counters };
}
