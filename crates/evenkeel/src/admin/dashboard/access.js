// Who may do what: the token is asked for when it is wanted, and orders that would be refused say so beforehand.

import { get, token } from "./api.js";
import { $, setAttribute, setText, toast } from "./dom.js";

let access = { change: false, why: "it is not known yet who asks" };

export const may = () => access;

// Asks what may be done, after the token or the process have changed.
export async function learn() {
  access = await get("/api/v1/access");
  $("access").hidden = false;
  setAttribute($("access"), "data-may", access.change ? "change" : "look");
  setText($("access"), access.change ? "may change" : "look only");
  $("access").title = access.change ? "Orders are carried out" : `No orders: ${access.why}`;
  $("forget").hidden = token.get() == null;
}

// Lets a button be used or not; one that may not stays in the way of the Tab key, and tells why.
export function guard(button, reason = null) {
  const why = access.change ? reason : `Only looking is allowed here: ${access.why}`;
  setAttribute(button, "aria-disabled", String(why != null));
  button.title = why ?? button.dataset.title ?? "";
  button.dataset.why = why ?? "";
}

// Whether a button may be used now; if not, that is said.
export function isFree(button) {
  if (button.getAttribute("aria-disabled") !== "true") return true;
  toast(button.dataset.why, "no");
  return false;
}

// Opens the dialog for the token; `then` is called when there is one.
export function ask(problem, then) {
  const dialog = $("ask");
  const form = dialog.querySelector("form");
  $("ask-problem").hidden = !problem;
  setText($("ask-problem"), problem ?? "");
  form.onsubmit = () => {
    token.set(form.elements.token.value.trim());
    form.reset();
    then();
  };
  if (!dialog.open) dialog.showModal();
}

export function begin(then) {
  $("forget").addEventListener("click", () => {
    token.forget();
    then();
  });
}
