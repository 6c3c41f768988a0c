// Numbers, times and sizes as people read them.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const NONE = "–";

export function number(value) {
  return value == null ? NONE : grouped.format(value);
}

// A rate: small ones with a decimal, since 0.4 a second is not none.
export function rate(value) {
  if (value == null) return NONE;
  return value > 0 && value < 10 ? value.toFixed(1) : grouped.format(value);
}

// As the commands write them.
export function bytes(value) {
  if (value == null) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let at = 0;
  // From here on, rounding to a whole number would show four figures.
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

export function bytesPerSecond(value) {
  return value == null ? NONE : `${bytes(value)}/s`;
}

// 0.2 ms, 41 ms, 1.5 s, 3 min 2 s, 2 d 4 h: two parts at most.
export function millis(value) {
  if (value == null) return NONE;
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 60000) return `${(value / 1000).toFixed(1)} s`;
  return seconds(value / 1000);
}

export function seconds(value) {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = parts.findIndex(([, size]) => value >= size);
  if (first < 0) return "0 s";
  const shown = [];
  for (const [unit, size] of parts.slice(first, first + 2)) {
    const count = Math.floor(value / size);
    if (count > 0) shown.push(`${count} ${unit}`);
    value -= count * size;
  }
  return shown.join(" ");
}

// The time of day here; of another day, with its date.
export function clock(time) {
  const at = new Date(time);
  const two = (part) => String(part).padStart(2, "0");
  const day = at.toDateString() === new Date().toDateString()
    ? "" : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
  return day + [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
}

export function count(many, word) {
  return `${number(many)} ${word}${many === 1 ? "" : "s"}`;
}
