// The orders that can be given, each behind a dialog that says what it will do, and how a command would say it.

import { backendPath, order, servicePath } from "./api.js";
import { count, number } from "./format.js";
import { $, buttonIn, element, keepFocus, setText, toast } from "./dom.js";
import { guard, isFree } from "./access.js";

const UNTIL = "That holds over reloads: until another order, until the file no longer has it, or until evenkeel ends.";

// An argument as a shell takes it.
const quoted = (text) => (/^[\w.:@%+\/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

const command = (...words) => `evenkeel ${words.map(quoted).join(" ")}`;

// How many backends of a pool would be left if this one got nothing.
function remaining(pool, backend) {
  const left = pool.backends.filter((it) => it.takes_traffic && it.addr !== backend.addr).length;
  if (left > 0) return `${count(left, "backend")} of pool ${pool.name} would take its share.`;
  const services = pool.services.length > 0 ? ` New sessions of ${pool.services.join(", ")} may find none.` : "";
  return `No other backend of pool ${pool.name} takes traffic.${services}`;
}

const openOnes = (many, does) => (many === 0 ? "It has no open session." : `${sentence(many)} ${does}.`);
const sentence = (many) => (many === 1 ? "Its open session" : `Its ${number(many)} open sessions`);
const goOn = (many) => openOnes(many, many === 1 ? "goes on until it ends by itself" : "go on until they end by themselves");
const isClosed = (many) => openOnes(many, many === 1 ? "is closed within two seconds" : "are closed, one after the other, within two seconds");

export function backendOrders(pool, backend) {
  const { addr } = backend;
  const open = backend.sessions.open;
  const make = (verb, name, facts, danger) => ({
    name, verb, danger, method: "POST", path: `${backendPath(pool.name, addr)}/${name}`,
    title: `${verb} ${addr} in pool ${pool.name}?`, facts, command: command(name, pool.name, addr),
  });
  const back = backend.checks ? "It gets new sessions again as soon as its checks have it up." : "It gets new sessions again at once.";
  return {
    drain: make("Drain", "drain", ["It gets no new sessions from now on.", goOn(open), remaining(pool, backend), UNTIL], false),
    disable: make("Disable", "disable", ["It gets no new sessions from now on.", isClosed(open), remaining(pool, backend), UNTIL], true),
    enable: make("Enable", "enable", [back], false),
    weight: {
      name: "weight", verb: "Set weight", method: "PUT", path: `${backendPath(pool.name, addr)}/weight`,
      title: `Weight of ${addr} in pool ${pool.name}`, weight: backend.weight,
      facts: [`Its share of new sessions is by weight; it is ${number(backend.weight)} now. With 0 it gets none.`,
        "Open sessions stay where they are.", UNTIL],
      command: command("weight", pool.name, addr),
    },
  };
}

export function serviceOrders(service) {
  const { name, listeners } = service;
  const open = service.sessions.open;
  const closes = `It stops listening on ${listeners.join(", ") || "its addresses"}: new connections are refused.`;
  const make = (verb, word, facts, danger) => ({
    name: word, verb, danger, method: "POST", path: `${servicePath(name)}/${word}`,
    title: `${verb} service ${name}?`, facts, command: command(word, name),
  });
  return {
    drain: make("Drain", "drain", [closes, goOn(open), UNTIL], false),
    disable: make("Disable", "disable", [closes, isClosed(open), UNTIL], true),
    enable: make("Enable", "enable", ["It listens again, as its configuration says, and takes new sessions."], false),
  };
}

export function closeOne(session) {
  return {
    verb: "Close it", danger: true, method: "POST", path: "/api/v1/sessions/close", body: { id: session.id },
    title: `Close session ${session.id}?`,
    facts: [`Client ${session.client} is cut off ${session.backend ?? "before it has reached a backend"}, at once.`,
      "What is under way between the two may be lost."],
    command: command("sessions", "--close", "--id", String(session.id)),
  };
}

export function closeMatching(filter, matched) {
  const given = Object.entries(filter).filter(([, value]) => value !== "");
  const which = given.map(([name, value]) => `${name} ${value}`).join(", ");
  return {
    verb: `Close ${number(matched)}`, danger: true, method: "POST", path: "/api/v1/sessions/close",
    body: given.length > 0 ? Object.fromEntries(given) : { all: true },
    title: which ? `Close all sessions of ${which}?` : "Close every session of every service?",
    facts: [`${count(matched, "session")} matched a moment ago; also those that match by now are closed, at once.`,
      "What is under way in them may be lost."],
    command: command("sessions", "--close", ...(which ? given.flatMap(([name, value]) => [`--${name}`, value]) : ["--all"])),
  };
}

export const reload = {
  verb: "Reload", danger: false, method: "POST", path: "/api/v1/reload", title: "Load the configuration file again?",
  facts: ["All of it holds, or, if anything in it is wrong or cannot be bound, nothing changes and you are told why.",
    "Open sessions go on. Of backends that are no longer in the file, on-remove says what becomes of theirs."],
  command: "evenkeel reload",
};

export const confirm = {
  verb: "Keep it", danger: false, method: "POST", path: "/api/v1/confirm", title: "Keep the configuration that is on trial?",
  facts: ["It holds from now on and does not go back by itself.", "The file stays as it is, and counts again from the next reload or start on."],
  command: "evenkeel confirm",
};

const BUTTONS = { drain: "Drain", disable: "Disable", enable: "Enable", weight: "Weight…" };

// Buttons for the orders that are `shown`, about `name`; `ordersOf` makes them of what the row is about by then.
export function buttons(cell, shown, name, ordersOf) {
  keepFocus(cell, () => {
    for (const [order, label] of Object.entries(BUTTONS)) {
      const button = buttonIn(cell, order, (item) => isFree(button) && propose(ordersOf(item)[order]));
      button.className = "order small";
      setText(button, label);
      button.setAttribute("aria-label", `${label} ${name}`);
      button.hidden = !shown.includes(order);
      guard(button);
    }
  });
}

let done = () => {};

// Calls `then` after each order that was carried out.
export function begin(then) {
  done = then;
}

function describe(wanted) {
  setText($("confirm-request"), `${wanted.method} ${wanted.path}${wanted.body ? ` ${JSON.stringify(wanted.body)}` : ""}`);
  setText($("confirm-command"), wanted.command);
}

// Asks, and gives the order when the answer is yes.
export function propose(wanted) {
  const [dialog, button, problem] = [$("confirm"), $("confirm-do"), $("confirm-problem")];
  const form = dialog.querySelector("form");
  setText($("confirm-title"), wanted.title);
  $("confirm-facts").replaceChildren(...wanted.facts.map((fact) => element("li", {}, fact)));
  setText(button, wanted.verb);
  button.classList.toggle("danger", wanted.danger === true);
  button.disabled = false;
  problem.hidden = true;
  describe(wanted);
  const input = form.elements.weight;
  const hasWeight = wanted.weight != null;
  $("confirm-value").hidden = !hasWeight;
  input.disabled = !hasWeight;
  const full = () => (hasWeight
    ? { ...wanted, body: { weight: Number(input.value) }, command: `${wanted.command} ${Number(input.value)}` } : wanted);
  if (hasWeight) {
    input.value = wanted.weight;
    input.oninput = () => describe(full());
    describe(full());
  }
  form.onsubmit = (event) => {
    event.preventDefault();
    give(full());
  };
  dialog.showModal();
  (hasWeight ? input : dialog.querySelector("[data-close]")).focus();
}

async function give(wanted) {
  const [dialog, button, problem] = [$("confirm"), $("confirm-do"), $("confirm-problem")];
  button.disabled = true;
  try {
    const answer = await order(wanted);
    toast(answer.message ?? `${count(answer.closed, "session")} closed`);
    dialog.close();
  } catch (error) {
    setText(problem, error.status === 0 ? `It is not known whether that was done: ${error.message}` : `Not done: ${error.message}`);
    problem.hidden = false;
  }
  button.disabled = false;
  done();
}
