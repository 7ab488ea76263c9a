#!/usr/bin/env python3
"""What it costs to record a call, beside what the call costs: CPU time of `agentbridge serve`, one io thread, with calls
whose agent echoes what the phone says (both sides speak).

    tests/bench/recording_cost.py [--build DIR] [--calls 100] [--runs 3] [--json FILE]     the ratio
    tests/bench/recording_cost.py --many 500                                               no frame is lost

Runs alternate between recorded and not; the ratio is of the medians. Exit 1 if recording costs more than a quarter of the
call's own CPU time, or, with --many, if a frame or a block is lost.
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
MOST = 0.25


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metric(text, name):
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))


class Run:
    """One program, its calls, and what it used between two moments in which all of them were up."""

    def __init__(self, program, calls, record, seconds):
        with tempfile.TemporaryDirectory(prefix="recording-cost-") as folder:
            self.folder = pathlib.Path(folder)
            self.measure(program, calls, record, seconds)

    def measure(self, program, calls, record, seconds):
        port = free_port()
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state"),
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_PHONE_NUMBER": "+15005550006",
            "TWILIO_BASE_URL": "http://127.0.0.1:9", "SERVER_PORT": str(port), "WEBSOCKET_PORT": "0",
            "PUBLIC_URL": f"http://127.0.0.1:{port}", "AGENTBRIDGE_AGENT": "echo", "AGENTBRIDGE_WORKERS": "1",
            "AGENTBRIDGE_RECORD": "on" if record else "off", "AGENTBRIDGE_CONTROL_PORT": "0", "LOG_LEVEL": "WARNING",
        }
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
            begin, began = cpu_seconds(serve.pid), time.monotonic()
            time.sleep(seconds)
            self.cpu = (cpu_seconds(serve.pid) - begin) / (time.monotonic() - began) / calls
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
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--json")
    given = parser.parse_args()
    program = str(pathlib.Path(given.build) / "src" / "app" / "agentbridge")
    result = {}
    good = True
    if given.many:
        run = Run(program, given.many, True, given.seconds)
        result = {"calls": given.many, "cpu_per_call": run.cpu, "lost_s": run.lost, "missed": run.missed,
                  "dropped_blocks": run.dropped, "files": run.files, "shortest_s": min(run.lengths, default=0),
                  "load": run.load}
        good = run.files == given.many and run.lost == 0 and run.missed == 0 and run.dropped == 0
        print(f"{given.many} recorded calls on one io thread: {run.cpu * 1e6 / 50:.1f} us a frame, {run.lost:.2f} s lost, "
              f"{run.missed:.0f} messages missed, {run.dropped:.0f} blocks dropped, {run.files} files, the shortest "
              f"{result['shortest_s']:.1f} s")
    else:
        plain, recorded = [], []
        for _ in range(given.runs):
            plain.append(Run(program, given.calls, False, given.seconds).cpu)
            recorded.append(Run(program, given.calls, True, given.seconds).cpu)
        ratio = statistics.median(recorded) / statistics.median(plain) - 1
        result = {"calls": given.calls, "plain": plain, "recorded": recorded, "ratio": ratio}
        good = ratio <= MOST
        print(f"{given.calls} calls: {statistics.median(plain) * 1e6 / 50:.1f} us a frame, recorded "
              f"{statistics.median(recorded) * 1e6 / 50:.1f} us: {ratio * 100:+.0f} %")
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(result, indent=1))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
