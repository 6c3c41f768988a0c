// Elements and tables. What comes from the API becomes text, never markup.

// Rows that a table draws: a browser stays quick, and what is left out is said.
export const ROWS_MAX = 200;

export const $ = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value != null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

// Touches the page only when something changed: what is selected or focused stays so.
export function setText(target, text) {
  const wanted = String(text);
  if (target.textContent !== wanted) target.textContent = wanted;
}

export function setAttribute(target, name, value) {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

export function chip(target, state, text = state) {
  target.classList.add("chip");
  setAttribute(target, "data-state", state);
  setText(target, text);
}

// Makes the children of `parent` those of `items`, in this order; one with a known key is kept and drawn anew.
export function reconcile(parent, items, key, make, draw) {
  const left = new Set(parent.children);
  const known = new Map([...left].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = known.get(name);
    if (!left.delete(child)) {
      child = make(item);
      child.dataset.key = name;
    }
    child.item = item;
    draw(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of left) child.remove();
}

// A table whose columns are `{title, draw(cell, item)}`, with `end: true` for numbers. Roles are spelled out because a
// narrow screen shows rows as blocks, which takes them away.
export function table(place, { label, columns, key, empty, rowsMax = ROWS_MAX }) {
  const body = element("tbody", { role: "rowgroup" });
  const heads = columns.map((column) =>
    element("th", { scope: "col", role: "columnheader", class: column.end && "end" }, column.title));
  const note = element("p", { class: "note" });
  place.append(
    element("table", { "aria-label": label, role: "table" },
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)), body),
    note,
  );
  const make = () => element("tr", { role: "row" }, ...columns.map((column) =>
    element("td", { role: "cell", class: column.class ?? (column.end && "end"), "data-label": column.title })));
  const draw = (row, item) => columns.forEach((column, at) => column.draw(row.children[at], item));
  return (items) => {
    reconcile(body, items.slice(0, rowsMax), key, make, draw);
    const left = items.length - rowsMax;
    note.hidden = items.length > 0 && left <= 0;
    setText(note, left > 0 ? `${items.length - left} of ${items.length} are drawn. Filter to see the others.` : empty);
  };
}

// A button that is made once in a cell, and asks its row what it is about when it is used.
export function buttonIn(cell, name, use) {
  let button = cell.querySelector(`[data-name="${name}"]`);
  if (!button) {
    button = element("button", { type: "button", "data-name": name, onclick: () => use(button.closest("[data-key]").item) });
    cell.append(button);
  }
  return button;
}

// Changes a cell's buttons. If the one that had the focus is hidden by that, another one of them has it.
export function keepFocus(cell, change) {
  const had = document.activeElement;
  change();
  if (cell.contains(had) && had.hidden) cell.querySelector("button:not([hidden])")?.focus();
}

// Fills a `select`, and keeps what was chosen if it is still there.
export function options(select, pairs) {
  const wanted = JSON.stringify(pairs);
  if (select.dataset.options === wanted) return;
  const chosen = select.value;
  select.dataset.options = wanted;
  select.replaceChildren(...pairs.map(([value, text]) => element("option", { value }, text)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}

export function toast(text, kind = "done") {
  const shown = element("p", { "data-kind": kind }, text);
  $("toasts").append(shown);
  setTimeout(() => shown.remove(), 6000);
}

// Buttons with `data-close` close the dialog that they are in.
document.addEventListener("click", (event) => {
  event.target.closest?.("[data-close]")?.closest("dialog").close();
});
