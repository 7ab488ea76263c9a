#!/usr/bin/env python3
"""What it costs to record or to capture a call, beside what the call costs: CPU time of `agentbridge serve`, one io thread,
with calls whose agent echoes what the phone says (both sides speak), or without an agent.

    tests/bench/recording_cost.py [--build DIR] [--calls 100] [--runs 3] [--json FILE]     the ratio, of a recording
    tests/bench/recording_cost.py --of capture                                             … of a capture
    tests/bench/recording_cost.py --way received                                           … of calls that are only heard
    tests/bench/recording_cost.py --many 500                                               no frame is lost

Runs alternate between recorded and not; the ratio is of the medians. Exit 1 if recording costs more than a quarter of the
call's own CPU time (a capture: more than a tenth), or, with --many, if a frame or a block is lost.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import wave

ACCOUNT, TOKEN = "AC" + "0" * 31 + "1", "0123456789abcdef0123456789abcdef"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SETTINGS = {"recording": "AGENTBRIDGE_RECORD", "capture": "AGENTBRIDGE_CAPTURE"}
MOST = {"recording": 0.25, "capture": 0.1}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cpu_of_threads(pid):
    """Nanoseconds of each of them that is there, with its name."""
    found = {}
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name = (thread / "comm").read_text().strip()
        found[thread.name] = name, int((thread / "schedstat").read_text().split()[0])
    return found


def metric(text, name):
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))


class Run:
    """One program, its calls, and what it used between two moments in which all of them were up."""

    def __init__(self, program, calls, setting, seconds, way="both"):
        with tempfile.TemporaryDirectory(prefix="recording-cost-") as folder:
            self.folder = pathlib.Path(folder)
            self.measure(program, calls, setting, seconds, way)

    def measure(self, program, calls, setting, seconds, way):
        port = free_port()
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state"),
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_PHONE_NUMBER": "+15005550006",
            "TWILIO_BASE_URL": "http://127.0.0.1:9", "SERVER_PORT": str(port), "WEBSOCKET_PORT": "0",
            "PUBLIC_URL": f"http://127.0.0.1:{port}", "AGENTBRIDGE_WORKERS": "1",
            "AGENTBRIDGE_CONTROL_PORT": "0", "LOG_LEVEL": "WARNING",
        }
        if way == "both":
            environment["AGENTBRIDGE_AGENT"] = "echo"
        if setting:
            environment[setting] = "on"
        serve = subprocess.Popen([program, "serve", "--no-audio"], env=environment, stdout=subprocess.DEVNULL,
                                 stderr=open(self.folder / "serve.err", "w"))
        load = None
        try:
            instances = self.folder / "state" / "agentbridge" / "instances"
            self.wait(lambda: any("control_url" in path.read_text() for path in instances.glob("*.json")), 30)
            rise = 4 + calls / 50
            load = subprocess.Popen([program, "emulator", "load", "--calls", str(calls), "--for", f"{seconds + 8:.0f}s",
                                     "--to", f"http://127.0.0.1:{port}", "--json", "--persona", "say:" + "one two three four five six "
                                     "seven eight nine ten eleven twelve " * 8],
                                    env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            time.sleep(rise)
            threads = cpu_of_threads(serve.pid)
            began = time.monotonic()
            time.sleep(seconds)
            frames = (time.monotonic() - began) * calls * 50
            self.threads = {}  # microseconds for a frame, by name
            for thread, (name, spent) in cpu_of_threads(serve.pid).items():
                spent -= threads.get(thread, (name, 0))[1]
                self.threads[name] = self.threads.get(name, 0) + spent / 1000 / frames
            self.cpu = sum(self.threads.values()) * 50 / 1e6
            instance = json.loads(next(instances.glob("*.json")).read_text())
            request = urllib.request.Request(instance["control_url"] + "/metrics",
                                             headers={"Authorization": "Bearer " + instance["token"]})
            text = OPENER.open(request, timeout=20).read().decode()
            self.lost = metric(text, "agentbridge_media_lost_seconds_total")
            self.missed = metric(text, "agentbridge_media_missed_messages_total")
            self.dropped = metric(text, "agentbridge_recording_dropped_blocks_total")
            out, _ = load.communicate(timeout=seconds + 60)
            self.load = json.loads(out)
            serve.send_signal(signal.SIGINT)
            serve.wait(40)
            files = list((self.folder / "state" / "agentbridge" / "recordings").glob("*.wav"))
            self.files = len(files)
            self.lengths = []
            for path in files:
                with wave.open(str(path)) as file:
                    self.lengths.append(file.getnframes() / file.getframerate())
        finally:
            for process in (load, serve):
                if process and process.poll() is None:
                    process.kill()
                    process.wait()

    @staticmethod
    def wait(condition, seconds):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise SystemExit("the program did not start")
            time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--of", choices=SETTINGS, default="recording")
    parser.add_argument("--way", choices=("both", "received"), default="both")
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--json")
    given = parser.parse_args()
    program = str(pathlib.Path(given.build) / "src" / "app" / "agentbridge")
    result = {}
    good = True
    if given.many:
        run = Run(program, given.many, SETTINGS["recording"], given.seconds)
        result = {"calls": given.many, "cpu_per_call": run.cpu, "lost_s": run.lost, "missed": run.missed,
                  "dropped_blocks": run.dropped, "files": run.files, "shortest_s": min(run.lengths, default=0),
                  "load": run.load}
        good = run.files == given.many and run.lost == 0 and run.missed == 0 and run.dropped == 0
        print(f"{given.many} recorded calls on one io thread: {run.cpu * 1e6 / 50:.1f} us a frame, {run.lost:.2f} s lost, "
              f"{run.missed:.0f} messages missed, {run.dropped:.0f} blocks dropped, {run.files} files, the shortest "
              f"{result['shortest_s']:.1f} s")
    else:
        plain, taken = [], []
        for _ in range(given.runs):
            plain.append(Run(program, given.calls, None, given.seconds, given.way))
            taken.append(Run(program, given.calls, SETTINGS[given.of], given.seconds, given.way))
        cpu = {"plain": [run.cpu for run in plain], "taken": [run.cpu for run in taken]}
        ratio = statistics.median(cpu["taken"]) / statistics.median(cpu["plain"]) - 1
        result = {"calls": given.calls, "of": given.of, "way": given.way, **cpu, "threads": [run.threads for run in plain + taken], "ratio": ratio}
        good = ratio <= MOST[given.of]
        print(f"{given.calls} calls: {statistics.median(cpu['plain']) * 1e6 / 50:.1f} us a frame, with a {given.of} "
              f"{statistics.median(cpu['taken']) * 1e6 / 50:.1f} us: {ratio * 100:+.0f} %")
        for runs in (plain, taken):
            names = {name for run in runs for name in run.threads}
            means = {name: statistics.mean(run.threads.get(name, 0) for run in runs) for name in names}
            print("  " + ", ".join(f"{name} {mean:.1f}" for name, mean in sorted(means.items()) if mean >= 0.05))
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(result, indent=1))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
