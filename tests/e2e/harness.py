"""What every end-to-end test needs: the real programs as processes of their own, on free ports, in a folder
of their own, with nothing of the user's environment; and their end, whatever happens.

The tests are told where things are by the environment: E2E_PROGRAM (agentbridge), E2E_SOUND_COMPARE,
E2E_SOURCE (the source tree), E2E_BUILD (the build folder). Python's standard library only.
"""

import array
import base64
import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
import wave

from openapi_check import Description

PROGRAM = os.environ["E2E_PROGRAM"]
SOURCE = pathlib.Path(os.environ["E2E_SOURCE"])
BUILD = pathlib.Path(os.environ["E2E_BUILD"])
SOUND_COMPARE = os.environ.get("E2E_SOUND_COMPARE", "")
PROMPTS = pathlib.Path("/usr/share/sounds/alsa")

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "e2e0token0e2e0token0e2e0token0e2"
OUR_NUMBER = "+15005550006"  # the emulator's account owns it

# Every process of the tests carries this; processes_left() looks for it.
MARK = "E2E_MARK=" + str(BUILD)

# With this no sound server is found; a real sound card still may be. (ALSA keeps its own configuration:
# without one, PortAudio stops the whole program.)
NO_SOUND = {"PULSE_SERVER": "unix:/nonexistent/pulse", "JACK_NO_START_SERVER": "1"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, seconds=10.0):
    """Polls `condition` until it returns something true, and returns that. `what` is for the failure."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Process:
    """A program of ours. Its output goes to files, so that nobody ever waits for a full pipe."""

    def __init__(self, arguments, environment, folder, name):
        self.name = name
        self.arguments = arguments
        self.out_path = folder / f"{name}.out"
        self.err_path = folder / f"{name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(arguments, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=err, start_new_session=True)
        self.pid = self.process.pid

    @property
    def out(self):
        return self.out_path.read_text(encoding="utf-8", errors="replace")

    @property
    def err(self):
        return self.err_path.read_text(encoding="utf-8", errors="replace")

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds} s\n{self}") from None

    def kill(self):
        if self.running():
            self.process.kill()
        self.process.wait()

    def __str__(self):
        return (f"$ {' '.join(map(str, self.arguments))}\n--- exit {self.process.poll()}\n"
                f"--- stdout\n{self.out}\n--- stderr\n{self.err}")


class Emulator:
    """`agentbridge emulator serve` as a process of its own, with a ledger file."""

    def __init__(self, test, *arguments, name="emulator", environment=None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ledger_path = test.folder / f"{name}.ledger"
        self.process = test.start(["emulator", "serve", "--port", str(self.port), "--ledger", str(self.ledger_path),
                                   *arguments], name=name,
                                  environment={"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN,
                                                 **(environment or {})})
        wait_for("the emulator answers", self.answers)

    def answers(self):
        if not self.process.running():
            raise AssertionError(f"the emulator ended\n{self.process}")
        try:
            self.get("/emulator/v1/ledger")
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def request(self, method, path, form=None, token=TOKEN, body=None, content_type="application/json"):
        data = urllib.parse.urlencode(form).encode() if form is not None else body
        request = urllib.request.Request(self.url + path, data=data, method=method)
        credentials = base64.b64encode(f"{ACCOUNT}:{token}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
        if form is not None:
            content_type = "application/x-www-form-urlencoded"
        if data is not None:
            request.add_header("Content-Type", content_type)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def get(self, path):
        return self.request("GET", path)

    def calls(self):
        return self.get(f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json")["calls"]

    def live_calls(self):
        return [call for call in self.calls() if call["status"] in ("queued", "ringing", "in-progress")]

    def ledger(self):
        """The events of the ledger file, oldest first."""
        if not self.ledger_path.exists():
            return []
        return [json.loads(line) for line in self.ledger_path.read_text().splitlines() if line.strip()]

    def ledger_open(self):
        """SIDs of calls that were created and have not ended: what would still cost money."""
        events = self.ledger()
        ended = {event["sid"] for event in events if event["event"] == "ended"}
        return [event["sid"] for event in events if event["event"] == "created" and event["sid"] not in ended]

    def time_of(self, event_name):
        """Unix time of the first ledger event of that name."""
        for event in self.ledger():
            if event["event"] == event_name:
                return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
        raise AssertionError(f"no '{event_name}' in the ledger: {self.ledger()}")

    def stop(self):
        self.process.signal(signal.SIGINT)
        return self.process.wait(10)


class EndToEnd(unittest.TestCase):
    """A test with a folder of its own; what it started is ended with it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="agentbridge-e2e-"))
        self.state = self.folder / "state" / "agentbridge"
        self.processes = []
        self.descriptions = {}
        self.count = 0

    def tearDown(self):
        for process in reversed(self.processes):
            process.kill()
        failed = any(error for _, error in getattr(getattr(self, "_outcome", None), "errors", [])) or \
            bool(getattr(getattr(getattr(self, "_outcome", None), "result", None), "failures", []))
        if failed:
            for process in self.processes:
                print(process, flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, more=None):
        """Nothing of the user's: a bare environment, a home and a state folder in the test's own folder."""
        environment = {
            "PATH": str(pathlib.Path(PROGRAM).parent) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb",
            "XDG_STATE_HOME": str(self.folder / "state"), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        }
        # Sanitizers' settings and the like of whoever runs the tests stay in force.
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        key, _, value = MARK.partition("=")
        environment[key] = value
        environment.update(NO_SOUND)
        environment.update(more or {})
        return environment

    def start_program(self, arguments, environment=None, name=None):
        self.count += 1
        process = Process(arguments, self.environment(environment), self.folder, name or f"process-{self.count}")
        self.processes.append(process)
        return process

    def start(self, arguments, environment=None, name=None):
        return self.start_program([PROGRAM, *arguments], environment, name)

    def run_to_end(self, arguments, environment=None, seconds=60, name=None):
        process = self.start(arguments, environment, name)
        process.code = process.wait(seconds)
        return process

    def bridge_environment(self, emulator, **more):
        """A complete configuration that talks to `emulator`."""
        port = free_port()
        environment = {
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_PHONE_NUMBER": OUR_NUMBER,
            "TWILIO_BASE_URL": emulator.url, "SERVER_HOST": "127.0.0.1", "SERVER_PORT": str(port),
            "WEBSOCKET_PORT": "0", "PUBLIC_URL": f"http://127.0.0.1:{port}", "AGENTBRIDGE_SPEAKER": "null",
        }
        environment.update(more)
        return environment

    def instance(self, process=None):
        """What the running program says of itself (`process`, or any), once it can be asked; None before. A file may be
        empty for a moment, and one of a program that died is gone as soon as the next one starts."""
        for file in sorted((self.state / "instances").glob("*.json")):
            try:
                told = json.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if told.get("control_url") and told.get("token") and (process is None or told["pid"] == process.pid):
                return told
        return None

    def request(self, method, path, body=None, headers=None, seconds=20, prefix="/api/v1"):
        """Asks the running program with its token; `body` goes as JSON. (status, headers, bytes); (0, {}, b"") if nobody
        answers. What the API answers has to be as the program describes it."""
        told = self.instance()
        if not told:
            return 0, {}, b""
        status, headers, text = self.ask_instance(told, method, prefix + path, body, headers, seconds)
        if status and prefix == "/api/v1":
            description = self.description_of(told)
            if description:
                description.check(method, path.split("?")[0], status, headers, text)
        return status, headers, text

    def description_of(self, told):
        """What that program says of its API, asked for once; None if it is gone."""
        known = self.descriptions.get(told["pid"])
        if not known:
            status, _, text = self.ask_instance(told, "GET", "/api/v1/openapi.json")
            known = self.descriptions[told["pid"]] = Description(json.loads(text)) if status else None
        return known

    def ask_instance(self, told, method, path, body=None, headers=None, seconds=20):
        request = urllib.request.Request(told["control_url"] + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": f"Bearer {told['token']}",
                                                  "Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=seconds) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()
        except OSError:
            return 0, {}, b""

    def assert_code(self, process, expected):
        if process.code != expected:
            self.fail(f"exit code {process.code}, expected {expected}\n{process}")

    def assert_nothing_left_open(self, emulator):
        wait_for("every call in the ledger has ended", lambda: not emulator.ledger_open(), 5)


def json_objects(text):
    """The JSON values in a program's stdout: one document, or one on each line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip().startswith(("{", "["))]


def find_key(value, name):
    """The first value under that key, however deep; None if there is none."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            found = find_key(item, name)
            if found is not None:
                return found
    return None


def write_speech(path, tone_ms=800, prompts=("Front_Left", "Front_Right", "Rear_Left", "Side_Right", "Front_Center")):
    """A telephone call's worth of recorded human speech: a quiet 440 Hz tone (its beginning marks the start of
    the sound wherever the stream cuts in), then spoken prompts with their pauses. 48 kHz, mono, 16 bit.
    Returns its length in ms."""
    import math
    samples = array.array("h", (int(1600 * math.sin(2 * math.pi * 440 * i / 48000)) for i in range(48 * tone_ms)))
    samples.extend([0] * (48 * 200))
    for prompt in prompts:
        with wave.open(str(PROMPTS / f"{prompt}.wav")) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48000, 1, 2), prompt
            spoken = array.array("h")
            spoken.frombytes(file.readframes(file.getnframes()))
            samples.extend(spoken)
        samples.extend([0] * (48 * 250))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(samples.tobytes())
    return len(samples) / 48


def have_prompts():
    return (PROMPTS / "Front_Center.wav").exists()


def sound_compare(source, recording, *options):
    """What sound_compare found, as a dict, and its exit code and complaints."""
    result = subprocess.run([SOUND_COMPARE, str(source), str(recording), *map(str, options)], capture_output=True,
                            text=True, timeout=120, check=False)
    if result.returncode == 2:
        raise AssertionError(result.stderr)
    return json.loads(result.stdout), result.returncode, result.stderr


def processes_left():
    """(pid, command line) of processes that carry this build's mark and still run. Linux only."""
    left = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if MARK.encode() not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                continue
            left.append((int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()))
        except OSError:
            continue
    return left


def skip(why):
    """Ends the script as skipped for ctest, saying why."""
    print(f"skipped: {why}")
    raise SystemExit(77)


def main():
    """Runs the tests of the script. Where CI=true, what failed is done once more: its machines are shared, and stand
    still at times. What then passes is named, on a line that begins with UNSTEADY; at a desk it has failed."""
    result = unittest.main(verbosity=2, exit=False).result
    failed = {getattr(test, "test_case", test) for test, _ in result.failures + result.errors}
    cases = sorted((test for test in failed if isinstance(test, unittest.TestCase)), key=lambda test: test.id())
    if os.environ.get("CI") == "true" and cases and len(cases) == len(failed):
        again = unittest.TextTestRunner(verbosity=2).run(
            unittest.TestSuite(type(test)(test._testMethodName) for test in cases))
        if again.wasSuccessful():
            for test in cases:
                print(f"UNSTEADY: {test.id()} failed, and passed when it was done again", flush=True)
            raise SystemExit(0)
    raise SystemExit(not result.wasSuccessful())
