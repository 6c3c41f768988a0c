"""A page of another site, in the browser of somebody who may everything: it changes nothing, and learns nothing.

The worst case is `ssh -L` to the Unix socket: whoever reaches that port needs no token. A tunnel as ssh makes it stands for it.
"""

import contextlib
import functools
import http.server
import pathlib
import socket
import tempfile
import threading

import kit
from browser import Page, chromium
from refusals import fingerprint

# Everything that a page can send to another site, at a target that is put in. What came back is noted.
ATTACK = """
<!doctype html><title>evil</title><body><script>
const target = "http://TARGET", noted = [];
const orders = ["/api/v1/reload", "/api/v1/sessions/close", "/api/v1/pools/web/backends/BACKEND/drain", "/api/v1/services/web/disable"];
const note = (what) => (it) => noted.push(`${what}: ${it}`);
async function attack() {
  for (const path of orders) {
    for (const mode of ["cors", "no-cors"]) {
      for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
        await fetch(target + path, { method: "POST", mode, body: '{"all": true}', headers: { "content-type": type } })
          .then((it) => note("answered")(`${mode} ${path} ${it.type} ${it.status}`)).catch(() => {});
      }
    }
    await fetch(target + path, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })
      .then(note("answered")).catch(() => {});
    navigator.sendBeacon(target + path, '{"all": true}');
  }
  for (const path of ["/api/v1/status", "/metrics", "/livez", "/"]) {
    await fetch(target + path).then((it) => it.text()).then(note("read")).catch(() => {});
  }
  const tag = (name, source) => new Promise((done) => {
    const made = document.createElement(name);
    made.onload = () => { note("loaded")(`${name} ${source}`); done(); };
    made.onerror = done;
    made.src = target + source;
    document.body.append(made);
    setTimeout(done, 1500);
  });
  await tag("script", "/dashboard/main.js");
  await tag("img", "/dashboard/icon.svg");
  await new Promise((done) => {
    const events = new EventSource(target + "/api/v1/events?follow");
    events.onmessage = note("event");
    events.onerror = () => { events.close(); done(); };
  });
  await new Promise((done) => {
    const pipe = new WebSocket(target.replace("http", "ws") + "/api/v1/reload");
    pipe.onopen = note("websocket");
    pipe.onclose = done;
  });
  return noted;
}
function submit(path) {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: target + path, enctype: "text/plain" });
  const field = document.createElement("input");
  Object.assign(field, { name: '{"all": true, "x": "', value: '"}' });
  form.append(field);
  document.body.append(form);
  form.submit();
}
</script>
"""

FRAME = '<!doctype html><iframe src="http://TARGET/" width="900" height="700"></iframe>'


@contextlib.contextmanager
def tunnel(path):
    """A TCP port that leads to a Unix socket."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept():
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextlib.contextmanager
def site(**pages):
    """A web server of another origin with these pages."""
    with tempfile.TemporaryDirectory(prefix="evenkeel-surface-") as folder:
        for name, text in pages.items():
            pathlib.Path(folder, f"{name}.html").write_text(text)
        handler = functools.partial(Quiet, directory=folder)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_address[1]
            server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *_):
        pass


def run(checks):
    with kit.running(3) as (evenkeel, backends), tunnel(f"{evenkeel.folder.name}/control.sock") as port:
        rebound = "--host-resolver-rules=MAP rebound.example 127.0.0.1"
        with chromium(rebound) as browser:
            kit.until("all are up", lambda: all(evenkeel.state(it.addr) == "up" for it in backends))
            for name, target in (("the tunnel to the socket", f"127.0.0.1:{port}"), ("the same as localhost", f"localhost:{port}"), ("the TCP listener", evenkeel.host)):
                with checks.check(f"a page of another site changes nothing and learns nothing: {name}"):
                    attacked(browser, evenkeel, backends[0], target)
            with checks.check("a name that is made to point at the tunnel gets nothing"):
                rebind(browser, evenkeel, port)
            with checks.check("through the tunnel the dashboard itself gives orders, without a token"):
                own(browser, evenkeel, backends[0], port)


def attacked(browser, evenkeel, backend, target):
    before = fingerprint(evenkeel)
    fill = lambda text: text.replace("TARGET", target).replace("BACKEND", backend.addr)
    with site(attack=fill(ATTACK), frame=fill(FRAME)) as port:
        page = Page(browser)
        page.goto(f"http://127.0.0.1:{port}/attack.html")
        noted = page.evaluate("attack()")
        # An opaque answer is one that the page cannot read.
        learned = [it for it in noted if "opaque" not in it]
        assert not learned, learned
        for path in ("/api/v1/reload", "/api/v1/sessions/close", "/api/v1/services/web/disable"):
            page.goto(f"http://127.0.0.1:{port}/attack.html")
            with page.page.expect_navigation():
                page.evaluate(f"submit('{path}')")
            assert "another site" in page.inner_text("body"), page.inner_text("body")
        page.goto(f"http://127.0.0.1:{port}/frame.html")
        frame = page.page.frames[1]
        assert frame.locator("#main").count() == 0, "it is in a frame"
        page.context.close()
    assert fingerprint(evenkeel) == before, f"{before}\n{fingerprint(evenkeel)}"


def rebind(browser, evenkeel, port):
    before = fingerprint(evenkeel)
    page = Page(browser)
    page.goto(f"http://rebound.example:{port}/")
    for method, path in (("GET", "/api/v1/status"), ("POST", "/api/v1/reload"), ("GET", "/metrics")):
        status = page.evaluate("([method, path]) => fetch(path, { method }).then((it) => it.status)", [method, path])
        assert status == 403, f"{method} {path}: {status}"
    page.context.close()
    assert fingerprint(evenkeel) == before


def own(browser, evenkeel, backend, port):
    page = Page(browser)
    page.goto(f"http://localhost:{port}/#backends")
    row = f'#backend-rows tr[data-key$=" {backend.addr}"]'
    page.click(f'{row} [data-name="disable"]')
    page.click("#confirm-do")
    kit.until("it is disabled", lambda: evenkeel.state(backend.addr) == "disabled")
    page.click(f'{row} [data-name="enable"]')
    page.click("#confirm-do")
    kit.until("it is up again", lambda: evenkeel.state(backend.addr) == "up")
    assert not page.errors(), page.errors()
    page.context.close()
