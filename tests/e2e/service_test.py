"""The program as a service: what the service manager is told, /metrics by Prometheus' rules, and whether the dashboard
speaks of metrics that there are."""

import json
import re
import signal
import socket
import urllib.error
import urllib.request

from harness import SOURCE, EndToEnd, Emulator, json_objects, main, wait_for

TARGET = "+12025550142"
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? ([^ ]+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
# Prometheus wants base units: seconds, bytes, ratios.
UNITS = {"milliseconds", "ms", "microseconds", "us", "ns", "nanoseconds", "minutes", "hours", "days", "percent", "kb", "mb",
         "kilobytes", "megabytes", "kib", "mib", "bits"}
WORDS = {"sum", "rate", "by", "max", "min", "avg", "histogram_quantile", "clamp_min", "without", "increase", "count"}


def families(text):
    """What Prometheus' text format says, by name, and everything that is wrong with it."""
    wrong, out, current, seen = [], {}, None, set()
    if not text.endswith("\n"):
        wrong.append("no line feed at the end")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            if current in out:
                wrong.append(f"{current}: told twice")
            if len(line.split(" ", 3)) < 4 or not line.split(" ", 3)[3].endswith("."):
                wrong.append(f"{current}: no sentence of help")
            out[current] = {"type": None, "samples": []}
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name != current or out[name]["samples"]:
                wrong.append(f"{name}: its type comes at the wrong place")
            out[name]["type"] = kind
            continue
        sample = SAMPLE.match(line)
        if not sample or current is None:
            wrong.append(f"no sample: {line}")
            continue
        name, inside, value = sample.group(1), sample.group(3) or "", float(sample.group(4))
        labels = dict(LABEL.findall(inside))
        if ",".join(f'{key}="{content}"' for key, content in LABEL.findall(inside)) != inside:
            wrong.append(f"labels cannot be read: {line}")
        if (name, inside) in seen:
            wrong.append(f"twice: {line}")
        seen.add((name, inside))
        suffixes = ("_bucket", "_sum", "_count") if out[current]["type"] == "histogram" else ("",)
        if name not in {current + suffix for suffix in suffixes}:
            wrong.append(f"{name} among the samples of {current}")
        out[current]["samples"].append((name, labels, value))
    return out, wrong


def wrong_by_convention(name, family):
    """promtool's check of metrics, and ours of labels."""
    wrong, words = [], name.split("_")
    if not NAME.fullmatch(name) or name != name.lower() or not name.startswith(("agentbridge_", "process_")):
        wrong.append("name")
    if family["type"] not in ("counter", "gauge", "histogram"):
        wrong.append("type")
    if (family["type"] == "counter") != name.endswith("_total"):
        wrong.append("counters and nothing else end in _total")
    if UNITS & set(words):
        wrong.append("not a base unit")
    if {"counter", "gauge", "histogram", "bucket"} & set(words) or name.endswith(("_count", "_sum", "_info")):
        wrong.append("a word that Prometheus keeps for itself")
    if "seconds" in words and not name.endswith(("_seconds", "_seconds_total")):
        wrong.append("the unit is not at the end")
    for sample, labels, _ in family["samples"]:
        for key, value in labels.items():
            if key.startswith("__") or key in ("job", "instance") or (key == "le" and not sample.endswith("_bucket")):
                wrong.append(f"label {key}")
            # Each value is a time series that somebody stores: no calls, people or addresses.
            if key != "le" and (re.search(r"\d{5,}|[A-Z]{2}[0-9a-f]{32}|c_[a-z2-7]{8,}|://|\d+\.\d+\.\d+\.\d+", value)):
                wrong.append(f"label {key}={value}")
    if family["type"] == "histogram":
        series = {}
        for sample, labels, value in family["samples"]:
            key = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
            series.setdefault(key, {}).setdefault(sample.removeprefix(name), []).append((labels.get("le"), value))
        for parts in series.values():
            counts = [value for _, value in parts["_bucket"]]
            if counts != sorted(counts) or parts["_bucket"][-1][0] != "+Inf" or counts[-1] != parts["_count"][0][1]:
                wrong.append("buckets")
            if len(parts.get("_sum", [])) != 1:
                wrong.append("no sum")
    return wrong


def expressions(value):
    if isinstance(value, dict):
        yield from ([value["expr"]] if "expr" in value else [])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from expressions(item)


class Service(EndToEnd):
    def scrape(self):
        """/metrics, as a Prometheus with the token sees it."""
        status, headers, text = self.request("GET", "/metrics", prefix="")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        return text.decode("utf-8")

    def manager(self):
        """The socket of a service manager."""
        path = self.folder / "notify"
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(str(path))
        manager.settimeout(20)
        return manager, {"NOTIFY_SOCKET": str(path)}

    def test_the_service_manager_is_told_and_metrics_keep_to_the_rules(self):
        manager, told = self.manager()
        emulator = Emulator(self, "--persona", f"{TARGET}=say:Hello there,hangup=no,ring=300")
        settings = self.bridge_environment(emulator, **told, WATCHDOG_USEC="1500000", AGENTBRIDGE_CONTROL_PORT="0",
                                           AGENTBRIDGE_WORKERS="2", AGENTBRIDGE_AGENT="echo")
        serve = self.start(["serve"], settings, name="serve")
        self.assertTrue(manager.recv(4096).startswith(b"READY=1\nSTATUS="))
        self.assertEqual(manager.recv(4096), b"WATCHDOG=1")
        del settings["NOTIFY_SOCKET"], settings["WATCHDOG_USEC"]

        dialled = self.run_to_end(["--json", "calls", "dial", TARGET], settings, 20)
        self.assert_code(dialled, 0)
        wait_for("the call speaks both ways",
                 lambda: json_objects(self.run_to_end(["--json", "calls", "show"], settings).out)[0]["outbound"]["frames"] > 10)
        # Somebody who is not Twilio knocks as well.
        for path, body, headers in (("/twilio/voice", b"CallSid=CA1", {}),
                                    ("/media/none", None, {"Connection": "Upgrade", "Upgrade": "websocket"})):
            request = urllib.request.Request(settings["PUBLIC_URL"] + path, data=body, headers=headers)
            with self.assertRaises(urllib.error.HTTPError):
                urllib.request.urlopen(request, timeout=10)

        found, wrong = families(self.scrape())
        self.assertEqual(wrong, [])
        self.assertEqual({name: faults for name, family in found.items() if (faults := wrong_by_convention(name, family))}, {})

        hung_up = self.run_to_end(["calls", "hangup"], settings, 20)
        self.assert_code(hung_up, 0)
        wait_for("the call is over", lambda: not emulator.live_calls())
        wait_for("its figures are there", lambda: "agentbridge_websocket_closes_total{" in self.scrape())
        found, wrong = families(self.scrape())
        self.assertEqual(wrong, [])
        self.check_dashboard(found)
        serve.signal(signal.SIGINT)
        said = b""
        while b"STOPPING=1" not in said:
            said = manager.recv(4096)
        self.assertEqual(serve.wait(20), 0)
        self.assert_nothing_left_open(emulator)

    def check_dashboard(self, found):
        labels = {name: {key for _, has, _ in family["samples"] for key in has} for name, family in found.items()}
        dashboard = json.loads((SOURCE / "config/grafana-dashboard.json").read_text(encoding="utf-8"))
        asked = list(expressions(dashboard))
        self.assertGreater(len(asked), 30)
        for expression in asked:
            bare = re.sub(r'"[^"]*"|\[[^\]]*\]', "", expression)
            grouped = {word.strip() for group in re.findall(r"by \(([^)]*)\)", bare) for word in group.split(",")}
            matched = set(re.findall(r"([a-z_]+)\s*(?:=~|!=|!~|=)", bare))
            names = set(re.findall(r"[a-z_:][a-z0-9_:]*", bare)) - WORDS - grouped - matched
            for name in names:
                base = re.sub(r"_(bucket|sum|count)$", "", name) if name not in found else name
                self.assertIn(base, found, f"{expression}: there is no such metric")
                for label in (grouped | matched) - {"job", "instance", "le"}:
                    self.assertIn(label, labels[base], f"{expression}: {base} has no such label")
            self.assertTrue(names, expression)
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))


if __name__ == "__main__":
    main()
