"""Programs in the middle, all configured alike, and a word for each check that is carried out with each of them."""

import contextlib
import pathlib
import socket
import subprocess
import tempfile
import time

from parts import BINARY, PATIENCE, end, free_port, until

JUDGED = "evenkeel"

# Of what is told of one failure, in characters.
LONGEST = 600

EVENKEEL = """
workers = 1
drain = "1s"
[http.web]
listen = "127.0.0.1:{port}"
to = [{backends}]
balance = "round-robin"
{checks}
{tls}
{onward}
timeout = {{ head = "{patience}s", keep-alive = "{patience}s", response = "{patience}s", body = "{patience}s" }}
"""

NGINX = """
daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/log warn;
events {{ worker_connections 4000; }}
http {{
    access_log {access}; client_max_body_size 0; keepalive_timeout {patience}s;
    client_header_timeout {patience}s; client_body_timeout {patience}s; send_timeout {patience}s;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $http_upgrade $onward {{ default upgrade; '' ''; }}
    upstream web {{ keepalive 64; {backends} }}
    server {{
        listen 127.0.0.1:{port}{listen}; {tls}
        location / {{
            {passing}; grpc_read_timeout {patience}s;
            proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;
            proxy_set_header Host $http_host; proxy_set_header Connection $onward;
            proxy_set_header Upgrade $http_upgrade; proxy_read_timeout {patience}s; proxy_send_timeout {patience}s;
        }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 4000
defaults
    mode http
    option redispatch
    retries 2
    timeout connect 1500ms
    timeout http-request {patience}s
    timeout http-keep-alive {patience}s
    timeout client {patience}s
    timeout server {patience}s
    timeout tunnel 60s
listen web
    bind 127.0.0.1:{port}{listen}
    balance roundrobin
{backends}
"""


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True


def secret(home):
    """A file with a key and the certificate of a.test and 127.0.0.1, made once."""
    path = home / "secret.pem"
    if not path.exists():
        # It is no authority: some take none for the certificate of a server.
        more = ["-addext", "subjectAltName=DNS:a.test,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "-", "-out", "-"]
        words = ["openssl", "req", "-x509", *key, "-days", "3650", "-subj", "/CN=a.test", *more]
        path.write_bytes(subprocess.run(words, capture_output=True, check=True).stdout)
    return path


class Front:
    """A program in front of backends at these ports; it gives clients and backends `patience` seconds. The others have to be told
    that clients speak HTTP/2; with `rpc` so do backends. With a `secret`, a file with a key and a certificate, both sides speak TLS,
    or clients alone if there are `plain_backends`.
    With `access` it writes a log of requests there, in the combined format; HAProxy cannot. With `tunnels` the backends are proxies."""

    def __init__(self, name, ports, patience=60, checked=False, h2=False, secret=None, access=None, rpc=False, plain_backends=False, tunnels=False):
        self.tunnels = tunnels
        self.rpc, self.onward = rpc, None if plain_backends else secret
        self.name, self.port, self.scheme = name, free_port(), "https" if secret else "http"
        self.folder = tempfile.TemporaryDirectory(prefix=f"http-{name}-")
        folder = pathlib.Path(self.folder.name)
        self.access = access and folder / "access.log"
        config, words, gaps = getattr(self, f"_{name}")(ports, folder, checked, h2, secret)
        config = config.format(port=self.port, folder=folder, patience=patience, scheme=self.scheme, **gaps)
        (folder / "config.toml").write_text(config)
        self.log = folder / "log"
        with open(folder / "said", "wb") as said:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            until(f"{name} listens", lambda: self.process.poll() is not None or listens(self.port))
            assert self.process.poll() is None
        except AssertionError:
            raise AssertionError((folder / "said").read_text()) from None

    def _evenkeel(self, ports, folder, checked, _h2, secret):
        gaps = {
            "backends": ", ".join(f'"127.0.0.1:{port}"' for port in ports),
            "checks": 'health = { interval = "200ms" }' if checked else 'health = "off"\neject = "off"',
            "tls": f'tls = "{secret}"' if secret else "",
            "onward": "\n".join(
                [f'to-tls = {{ ca = "{secret}", server-name = "a.test" }}'] * bool(self.onward) + ['to-http = "2"'] * self.rpc + ["tunnels = true"] * self.tunnels
            ),
        }
        log = ["combined", "--log-to", str(self.access)] if self.access else ["json"]
        return EVENKEEL, [BINARY, "run", "-c", str(folder / "config.toml"), "--log", *log], gaps

    def _nginx(self, ports, folder, _checked, h2, secret):
        gaps = {
            "access": f"{self.access} combined" if self.access else "off",
            "backends": " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports),
            "listen": f"{' http2' if h2 else ''}{' ssl' if secret else ''}",
            "tls": f"ssl_certificate {secret}; ssl_certificate_key {secret};" if secret else "",
            "passing": f"{'grpc' if self.rpc else 'proxy'}_pass {self._scheme('grpc' if self.rpc else 'http')}://web",
        }
        return NGINX, ["nginx", "-c", str(folder / "config.toml")], gaps

    def _haproxy(self, ports, folder, checked, h2, secret):
        how = f"{'check inter 200ms' if checked else ''}{' ssl verify none' if self.onward else ''}"
        if self.rpc:
            how += " alpn h2" if self.onward else " proto h2"
        gaps = {
            "backends": "\n".join(f"    server s{port} 127.0.0.1:{port} {how}" for port in ports),
            "listen": f"{f' ssl crt {secret}' if secret else ''}{' alpn h2' if h2 and secret else ' proto h2' if h2 else ''}",
        }
        return HAPROXY, ["haproxy", "-db", "-f", str(folder / "config.toml")], gaps

    def _scheme(self, plain):
        return plain + "s" if self.onward else plain

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def connect(self, timeout=PATIENCE):
        stream = socket.create_connection(("127.0.0.1", self.port), timeout)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream

    def memory(self):
        """Bytes of its own that it holds, with its children."""
        pids = [self.process.pid]
        with contextlib.suppress(OSError):
            tasks = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
            pids += [int(pid) for pid in tasks.split()]
        lines = [line for pid in pids for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))

    def stop(self):
        end(self.process)
        self.folder.cleanup()


class Report:
    """Carries out checks with everybody in the middle; counts what holds for the one that is judged."""

    def __init__(self, names, home):
        self.names, self.home = names, home
        self.held, self.failed = 0, 0

    @contextlib.contextmanager
    def fronts(self, ports, **how):
        """One of each in front of the backends at these ports."""
        with contextlib.ExitStack() as stack:
            fronts = []
            for name in self.names:
                fronts.append(Front(name, ports, **how))
                stack.callback(fronts[-1].stop)
            yield fronts

    def check(self, what, fronts, holds):
        """`holds(front)` raises where it does not, and may return a remark."""
        began, outcomes = time.monotonic(), []
        for front in fronts:
            try:
                outcomes.append((front.name, True, holds(front) or ""))
            except AssertionError as error:
                outcomes.append((front.name, False, str(error)[:LONGEST]))
            except Exception as error:
                outcomes.append((front.name, False, f"{type(error).__name__}: {error}"[:LONGEST]))
        self._tell(what, outcomes, time.monotonic() - began)

    def _tell(self, what, outcomes, took):
        judged = [outcome for outcome in outcomes if outcome[0] == JUDGED]
        held = all(outcome[1] for outcome in judged)
        if judged:
            self.held, self.failed = self.held + held, self.failed + (not held)
        word = ("ok" if held else "FAILED") if judged else "-"
        remark = f": {judged[0][2]}" if judged and held and judged[0][2] else ""
        print(f"  {word:7} {what} ({took:.1f} s){remark}", flush=True)
        if judged and not held:
            print(f"          {judged[0][2]}", flush=True)
        for name, is_so, said in outcomes:
            if name != JUDGED and (said or not is_so):
                print(f"          {name}: {said if is_so else 'no: ' + said}", flush=True)
