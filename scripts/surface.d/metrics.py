"""`/metrics` as Prometheus' own parser reads it, before, under and after traffic."""

import re

import kit
from prometheus_client.parser import text_string_to_metric_families

# Base units only: https://prometheus.io/docs/practices/naming/ would have it so.
NOT_BASE_UNITS = re.compile(r"_(ms|millis|milliseconds|micros|minutes|hours|kb|kib|mb|mib|kilobytes|megabytes|percent)(_|$)")


def families(evenkeel):
    status, headers, text = evenkeel.ask("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), (status, headers.items())
    return list(text_string_to_metric_families(text)), text


def series(parsed):
    """Every sample's value, by its name and labels."""
    found = {}
    for family in parsed:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def well_named(parsed, text):
    typed = dict(line.split(" ")[2:4] for line in text.splitlines() if line.startswith("# TYPE "))
    for name, kind in typed.items():
        assert re.fullmatch(r"(evenkeel|process)_[a-z_]+[a-z]", name), name
        assert name.endswith("_total") == (kind == "counter"), f"{name} is a {kind}"
        assert kind != "histogram" or name.endswith("_seconds"), name
        assert not NOT_BASE_UNITS.search(name), f"{name}: not a base unit"
    for family in parsed:
        assert family.documentation and family.type != "unknown" and family.samples, family.name
        for sample in family.samples:
            assert sample.name.startswith(family.name), sample


def histograms_add_up(parsed):
    for family in (it for it in parsed if it.type == "histogram"):
        rows = {}
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            row = rows.setdefault(tuple(sorted(labels.items())), {"buckets": []})
            if sample.name.endswith("_bucket"):
                row["buckets"].append((float(sample.labels["le"]), sample.value))
            else:
                row[sample.name.rsplit("_", 1)[1]] = sample.value
        for labels, row in rows.items():
            bounds, counts = zip(*row["buckets"])
            assert list(bounds) == sorted(set(bounds)) and bounds[-1] == float("inf"), (family.name, labels, bounds)
            assert list(counts) == sorted(counts) and counts[-1] == row["count"], (family.name, labels, row)


def never_back(earlier, later, parsed):
    for family in (it for it in parsed if it.type in ("counter", "histogram")):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert later[key] >= earlier[key], f"{key}: {earlier[key]}, then {later[key]}"


def run(checks):
    with kit.running(4) as (evenkeel, backends):
        kit.until("all are up", lambda: all(evenkeel.state(it.addr) == "up" for it in backends))
        with checks.check("the page is read by Prometheus' parser, and named by its rules"):
            parsed, text = families(evenkeel)
            well_named(parsed, text)
        first = series(families(evenkeel)[0])
        traffic = [kit.Traffic(evenkeel.web), kit.Traffic(evenkeel.other)]
        try:
            under_traffic(checks, evenkeel, backends, first)
        finally:
            for one in traffic:
                one.stop()
        with checks.check("it says what the API says"):
            says_the_same(evenkeel)


def under_traffic(checks, evenkeel, backends, first):
    backends[0].stop()
    kit.until("one is down", lambda: evenkeel.state(backends[0].addr) == "down")
    kit.until("sessions were counted", lambda: evenkeel.look("/api/v1/status")["sessions"]["accepted"] > 200)
    earlier = series(families(evenkeel)[0])
    parsed, text = families(evenkeel)
    later = series(parsed)
    with checks.check("under traffic, with a backend that fails, there is no series that was not there from the start"):
        well_named(parsed, text)
        assert later.keys() == first.keys(), later.keys() ^ first.keys()
    with checks.check("counters never go back, and histograms add up"):
        never_back(earlier, later, parsed)
        histograms_add_up(parsed)
        assert later != first
    with checks.check("the failing backend is seen in it"):
        labels = (("backend", backends[0].addr), ("pool", "web"))
        assert later[("evenkeel_backend_up", labels)] == 0
        failed = (("backend", backends[0].addr), ("pool", "web"), ("result", "failed"))
        assert later[("evenkeel_backend_checks_total", failed)] > 0


def says_the_same(evenkeel):
    kit.until("all have ended", lambda: evenkeel.look("/api/v1/status")["sessions"]["open"] == 0)
    status, found = evenkeel.look("/api/v1/status"), series(families(evenkeel)[0])
    for service in status["services"]:
        labels = (("service", service["name"]),)
        assert found[("evenkeel_service_sessions_total", labels)] == service["sessions"]["accepted"], service
        assert found[("evenkeel_service_to_client_bytes_total", labels)] == service["to_client"], service
        ended = sum(value for (name, of), value in found.items() if name == "evenkeel_service_session_ends_total" and labels[0] in of)
        assert ended == service["sessions"]["accepted"], (ended, service)
