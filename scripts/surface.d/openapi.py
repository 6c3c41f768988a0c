"""The OpenAPI document against the server: schemathesis makes requests of it, sensible and not, and judges the answers."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import kit
import parts

# A text that the document allows may still be no address, no TOML, no name of anything: 4xx is the right answer.
NOT_CHECKED = "positive_data_acceptance"

# A stream of events has no end. 503 is the answer of a service that is not ready, and the document says so.
CONFIG = """
[parameters]
"path.service" = "{service}"
"path.pool" = "{pool}"
"path.backend" = "{backend}"

[[operations]]
include-path = "/readyz/{{service}}"
checks.not_a_server_error.enabled = false
"""


def fuzz(evenkeel, config, examples, seed):
    with tempfile.TemporaryDirectory(prefix="evenkeel-surface-") as folder:
        file = pathlib.Path(folder) / "schemathesis.toml"
        file.write_text(config)
        command = [
            pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", file, "run",
            f"http://{evenkeel.host}/openapi.json", "--url", f"http://{evenkeel.host}",
            "--header", f"Authorization: Bearer {kit.TOKEN}", "--checks", "all", "--exclude-checks", NOT_CHECKED,
            "--exclude-operation-id", "getEvents", "--exclude-operation-id", "postUpgrade", "--phases",
            "examples,coverage,fuzzing", "--warnings", "off",
            "--max-examples", str(examples), "--seed", str(seed), "--request-timeout", "20", "--continue-on-failure",
            "--no-color",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, cwd=folder)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout[-6000:]}{done.stderr[-1000:]}"
    count = re.search(r"(\d+) generated", done.stdout)
    assert count and int(count[1]) > 300, done.stdout[-2000:]


def alive(evenkeel, pid):
    status = evenkeel.look("/api/v1/status")
    assert (status["pid"], status["panics"], status["phase"]) == (pid, 0, "running"), status


def run(checks):
    with kit.running(4) as (evenkeel, backends):
        pid = evenkeel.look("/api/v1/status")["pid"]
        with checks.check("the document is the one in the repository"):
            written = json.loads((parts.ROOT / "docs/openapi.json").read_text())
            assert evenkeel.look("/openapi.json") == written
        with checks.check("of names that nobody has: no 5xx, and every answer is as the document says"):
            fuzz(evenkeel, "", examples=30, seed=1)
            alive(evenkeel, pid)
        with checks.check("of names that are there, with orders that are carried out: the same"):
            config = CONFIG.format(service="web", pool="web", backend=backends[0].addr)
            fuzz(evenkeel, config, examples=30, seed=2)
            alive(evenkeel, pid)
        with checks.check("the service that was left alone still serves"):
            kit.until("it echoes", lambda: kit.echoes(evenkeel.other))
