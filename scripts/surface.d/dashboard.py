"""The dashboard in Chromium, as somebody uses it who has a backend that fails."""

import contextlib
import json
import pathlib
import socket

import kit
import parts
from axe_playwright_python.sync_playwright import Axe
from browser import Page, chromium

VIEWS = ["overview", "backends", "sessions", "events"]

# A configuration that is refused with words that a careless page would take for markup.
MARKUP = "\n[tcp.x]\nlisten = \"<img src=x onerror=document.title='owned'>\"\nto = []\n"


def run(checks):
    with chromium() as browser:
        with kit.running(3) as (evenkeel, backends):
            page = Page(browser, color_scheme="light")
            with checks.check("it asks for the token, says when it is wrong, and keeps it in the tab alone"):
                log_in(page, evenkeel)
            with checks.check("it sees a backend go down, with the cause, and come up"):
                down_and_up(page, evenkeel, backends[1])
            with checks.check("it drains a backend behind a dialog that says what will happen, and enables it again"):
                drain(page, evenkeel, backends[0])
            with checks.check("it filters sessions, closes one, and drains and enables a service"):
                sessions_and_services(page, evenkeel, backends)
            with checks.check("counters that begin anew leave a gap in its rates, and no spike"):
                gaps(page)
            with checks.check("it is used by keyboard alone: views, dialogs that hold the focus, Esc"):
                keyboard(page, evenkeel)
            with checks.check("in light and dark, wide and on a phone, nothing sticks out, and axe finds nothing"):
                looks(page)
            with checks.check("what evenkeel says is text, not markup"):
                markup(page, evenkeel)
            with checks.check("it keeps a configuration that is on trial"):
                trial(page, evenkeel)
            with checks.check("it says when evenkeel is away, and goes on when it is back"):
                away(page, evenkeel)
            with checks.check("it asked nobody else, and nothing went wrong in it"):
                foreign = [it for it in page.asked if not it.startswith(f"http://{evenkeel.host}/")]
                assert not foreign and not page.errors(), f"{foreign} {page.errors()}"
        with checks.check("without a token it shows all, and orders with the reason why not"):
            look_only(browser)
        with checks.check("of thousands of backends it draws some, those that are out first, and says so"):
            many(browser)


def log_in(page, evenkeel):
    page.goto(f"http://{evenkeel.host}/")
    page.fill("#ask input", "this-is-not-the-token")
    page.keyboard.press("Enter")
    page.wait_for_selector("#ask-problem:not([hidden])")
    page.fill("#ask input", kit.TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector("#services tbody tr")
    kept = page.evaluate("[JSON.stringify(localStorage), document.cookie, JSON.stringify(sessionStorage)]")
    assert kit.TOKEN not in kept[0] + kept[1] and kit.TOKEN in kept[2], kept
    assert "evenkeel" in page.title()


def row(backend):
    return f'#backend-rows tr[data-key$=" {backend.addr}"]'


def down_and_up(page, evenkeel, backend):
    page.view("backends")
    page.wait_for_selector(f'{row(backend)} [data-state="up"]')
    backend.stop()
    page.wait_for_selector(f'{row(backend)} [data-state="down"]')
    assert "connection refused" in page.inner_text(row(backend))
    assert "1 out" in page.inner_text("#count-backends")
    page.select_option('#backend-filter [name="state"]', "out")
    assert page.locator("#backend-rows tbody tr").count() == 1
    backend.start()
    kit.until("the API has it up", lambda: evenkeel.state(backend.addr) == "up")
    page.select_option('#backend-filter [name="state"]', "")
    page.wait_for_selector(f'{row(backend)} [data-state="up"]')
    page.view("events")
    page.wait_for_selector(f'#event-rows tr:has-text("{backend.addr}"):has-text("is down")')


def drain(page, evenkeel, backend):
    page.view("backends")
    page.click(f'{row(backend)} [data-name="drain"]')
    said = page.inner_text("#confirm")
    for part in (backend.addr, "no new sessions", "POST /api/v1/pools/web/backends/", f"evenkeel drain web {backend.addr}"):
        assert part in said, f"{part} in {said}"
    page.keyboard.press("Escape")
    assert evenkeel.state(backend.addr) == "up", "Esc is a no"
    page.click(f'{row(backend)} [data-name="drain"]')
    page.click("#confirm-do")
    page.wait_for_selector(f'{row(backend)} [data-state="drain"]')
    assert evenkeel.state(backend.addr) == "drain"
    page.click(f'{row(backend)} [data-name="enable"]')
    page.click("#confirm-do")
    page.wait_for_selector(f'{row(backend)} [data-state="up"]')
    assert evenkeel.state(backend.addr) == "up"
    weigh(page, evenkeel, backend)


def weigh(page, evenkeel, backend):
    page.click(f'{row(backend)} [data-name="open"]')
    page.click('#detail [data-name="weight"]')
    page.fill('#confirm [name="weight"]', "1001")
    page.click("#confirm-do")
    assert page.is_visible("#confirm"), "more than there may be is not sent"
    page.fill('#confirm [name="weight"]', "7")
    page.click("#confirm-do")
    kit.until("it has its weight", lambda: evenkeel.backend(backend.addr)["weight"] == 7)
    page.wait_for_selector("#confirm", state="hidden")
    page.click("#detail [data-close]")


def sessions_and_services(page, evenkeel, backends):
    with socket.create_connection(("127.0.0.1", evenkeel.web)) as one, socket.create_connection(("127.0.0.1", evenkeel.other)):
        page.view("sessions")
        page.wait_for_selector("#session-rows tbody tr >> nth=1")
        page.fill('#session-filter [name="client"]', "nobody")
        page.wait_for_selector("#session-problem:has-text('not an IP address')")
        page.fill('#session-filter [name="client"]', "127.0.0.1")
        page.select_option('#session-filter [name="service"]', "web")
        page.wait_for_selector("#session-count:has-text('1 session')")
        page.click("#close-all")
        assert "1 session matched" in page.inner_text("#confirm")
        page.keyboard.press("Escape")
        page.click('#session-rows [data-name="close"]')
        page.click("#confirm-do")
        one.settimeout(kit.PATIENCE)
        with contextlib.suppress(ConnectionError):
            assert one.recv(1) == b""
        kit.until("only the other is left", lambda: evenkeel.look("/api/v1/sessions")["matched"] == 1)
    page.view("overview")
    order = lambda name: page.click(f'#services tr[data-key="other"] [data-name="{name}"]') or page.click("#confirm-do")
    order("drain")
    kit.until("it listens no more", lambda: evenkeel.look("/api/v1/services/other")["duty"] == "drain")
    page.wait_for_selector('#services tr[data-key="other"] [data-state="drain"]')
    order("enable")
    kit.until("it listens again", lambda: kit.echoes(evenkeel.other))


GAPS = """import("/dashboard/history.js").then(({ History }) => {
  const history = new History();
  const see = (at, count) => history.note(at, [], [["n", count]]);
  see(0, 100); see(2000, 120); see(4000, 5); see(6000, 9); see(60000, 1e9); see(62000, 1e9 + 2);
  history.restart();
  see(64000, 7); see(66000, 9); see(66000, 11);
  return history.points("n").map((it) => it.value);
})"""


def gaps(page):
    rates = page.evaluate(GAPS)
    assert rates == [None, 10, None, 2, None, 1, None, 1, None], rates


def focus(page):
    return page.evaluate("(e => e.id || e.dataset.name || e.getAttribute('href') || e.tagName)(document.activeElement)")


def keyboard(page, evenkeel):
    page.view("backends")
    page.reload()
    page.wait_for_selector("#backend-rows tbody tr")
    first = page.inner_text('#backend-rows [data-name="open"] >> nth=0')
    seen = []
    while "drain" not in seen:
        page.keyboard.press("Tab")
        seen.append(focus(page))
        assert len(seen) < 40, seen
    assert "#main" in seen and "#sessions" in seen, seen
    page.keyboard.press("Enter")
    page.wait_for_selector("#confirm[open]")
    inside = "document.activeElement === document.body || !!document.activeElement.closest('#confirm')"
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(inside), "the focus has left the dialog"
    page.keyboard.press("Escape")
    assert not page.is_visible("#confirm") and focus(page) == "drain", "the focus is back where it was"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "where the focus is can be seen"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector('#backend-rows tbody tr:first-child [data-name="drain"]', state="hidden")
    assert evenkeel.state(first) == "drain"
    assert focus(page) == "disable", f"what is left of the orders has the focus, not {focus(page)}"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    kit.until("it is enabled again", lambda: evenkeel.state(first) == "up")


def looks(page):
    shots = parts.ROOT / "target/surface"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name, size in {"wide": (1440, 900), "tablet": (800, 1000), "phone": (360, 740)}.items():
            page.set_viewport_size({"width": size[0], "height": size[1]})
            for view in VIEWS:
                page.view(view)
                assert page.wide() <= 0, f"{view} on a {name}: {page.wide()} px too wide"
                page.screenshot(path=shots / f"{view}-{scheme}-{name}.png")
                accessible(page, f"{view}, {scheme}, {name}")
            page.view("backends")
            page.click('#backend-rows [data-name="open"] >> nth=0')
            accessible(page, f"a backend, {scheme}, {name}")
            assert page.wide() <= 0
            page.click('#detail [data-name="drain"]')
            accessible(page, f"a dialog, {scheme}, {name}")
            page.keyboard.press("Escape")
            page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1440, "height": 900})


def accessible(page, where):
    # Between wide and a phone there is nothing that is not on one of them; axe takes its time.
    if where.endswith("tablet"):
        return
    answer = Axe().run(page.page).response
    found = answer["violations"]
    assert any(it["id"] == "color-contrast" for it in answer["passes"] + found), "axe has not looked at colours"
    assert not found, f"{where}: " + "; ".join(f"{it['id']}: {it['nodes'][0]['html']} {it['nodes'][0]['failureSummary']}" for it in found)


def markup(page, evenkeel):
    file = pathlib.Path(evenkeel.folder.name, "evenkeel.toml")
    text = file.read_text()
    file.write_text(text + MARKUP)
    page.view("overview")
    page.click("#reload")
    page.click("#confirm-do")
    page.wait_for_selector("#confirm-problem:not([hidden])")
    page.keyboard.press("Escape")
    page.wait_for_selector('#banner[data-kind="warning"]')
    file.write_text(text)
    page.click("#reload")
    page.click("#confirm-do")
    page.wait_for_selector("#banner", state="hidden")
    assert page.title() != "owned" and page.locator("main img").count() == 0


def trial(page, evenkeel):
    text = pathlib.Path(evenkeel.folder.name, "evenkeel.toml").read_text().replace("[tcp.web]", "[tcp.web]\nbalance = 'first'")
    status, _, said = evenkeel.ask("POST", "/api/v1/apply", json.dumps({"text": text, "confirm": "600s"}))
    assert status == 200, said
    page.wait_for_selector('#banner:has-text("on trial")')
    page.click("#banner-do")
    assert "evenkeel confirm" in page.inner_text("#confirm")
    page.click("#confirm-do")
    page.wait_for_selector("#banner", state="hidden")
    assert evenkeel.look("/api/v1/status")["config"]["trial_s"] is None


def away(page, evenkeel):
    page.view("overview")
    evenkeel.stop()
    page.wait_for_selector('#banner[data-kind="lost"]')
    assert page.inner_text("#phase") == "away"
    evenkeel.start()
    page.wait_for_selector('#banner:has-text("started again")')
    page.wait_for_selector('#phase[data-state="up"]')
    page.view("events")
    page.wait_for_selector('#event-rows tr:has-text("ready in")')


def look_only(browser):
    with kit.running(2, guarded=False) as (evenkeel, backends):
        page = Page(browser, color_scheme="dark")
        page.goto(f"http://{evenkeel.host}/#backends")
        button = f'{row(backends[0])} [data-name="drain"]'
        page.wait_for_selector(button)
        assert page.inner_text("#access").strip() == "look only"
        assert page.get_attribute(button, "aria-disabled") == "true"
        assert "admin.token-file" in page.get_attribute(button, "title")
        page.click(button, force=True)
        assert not page.is_visible("#confirm")
        page.wait_for_selector("#toasts p:has-text('admin.token-file')")
        assert not page.errors(), page.errors()
        page.context.close()


def many(browser):
    addresses = ", ".join(f'"127.1.{it // 250}.{it % 250}:1"' for it in range(3000))
    more = f'[tcp.big]\nlisten = "127.0.0.1:{kit.free_port()}"\nto = [{addresses}]\nhealth = {{ interval = "1h" }}'
    with kit.running(2, guarded=False, more=more) as (evenkeel, _):
        page = Page(browser)
        page.goto(f"http://{evenkeel.host}/")
        page.wait_for_selector("#services tbody tr")
        page.view("backends")
        page.select_option('#backend-filter [name="pool"]', "big")
        page.wait_for_selector("#backend-rows .note:has-text('are drawn')")
        drawn = page.locator("#backend-rows tbody tr").count()
        assert drawn == 200 and "3,000" in page.inner_text("#backend-count"), (drawn, page.inner_text("#backend-count"))
        page.fill('#backend-filter [name="text"]', "127.1.11.7:")
        assert page.locator("#backend-rows tbody tr").count() == 1
        assert not page.errors(), page.errors()
        page.context.close()
