"""Calls are captured by the real program, and done again: to the last byte, after a kill, and as a callee.

    capture_test.py [--keep FOLDER]     put the captures there (for tests/data/captures)
"""

import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import time

from harness import ACCOUNT, PROGRAM, EndToEnd, Emulator, TOKEN, have_prompts, main, wait_for, write_speech

KEEP = None
SECRETS = {"OPENAI_API_KEY": "sk-capture-openai-secret", "DEEPGRAM_API_KEY": "capture-deepgram-secret",
           "TWILIO_API_SECRET": "capture-api-secret"}


class Captured(EndToEnd):
    def setUp(self):
        super().setUp()
        self.state = self.folder / "state-here"

    def emulator(self, persona="greeting", *more):
        return Emulator(self, "--persona", f"default={persona}", *more)

    def call(self, emulator, *arguments, name="bridge", code=0, **more):
        environment = self.bridge_environment(emulator, AGENTBRIDGE_STATE_DIR=str(self.state), **more)
        called = self.run_to_end(["call", "--target", "+12025550142", "--capture", *arguments], environment, name=name)
        self.assert_code(called, code)
        return called

    def capture(self):
        files = sorted((self.state / "captures").glob("*.abcap"))
        self.assertEqual(len(files), 1, files)
        return files[0]

    def replay(self, file, *arguments, code=0, name="replay"):
        replayed = self.run_to_end(["replay", str(file), "--json", *arguments], name=f"{name}-{self.count}")
        self.assert_code(replayed, code)
        return json.loads(replayed.out)

    def keep(self, file, name):
        if KEEP:
            shutil.copy(file, KEEP / f"{name}.abcap")

    def same_again(self, name=None):
        file = self.capture()
        first, second = self.replay(file), self.replay(file)
        self.assertTrue(first["same"], first["differences"])
        self.assertEqual(first["hash"], second["hash"])
        self.assertTrue(first["complete"], first["damage"])
        if name:
            self.keep(file, name)
        return first

    def test_a_plain_call(self):
        self.call(self.emulator())
        report = self.same_again("plain")
        self.assertGreater(report["totals"]["media"], 200)
        kinds = {event["kind"] for event in report["timeline"]["events"]}
        self.assertIn("first-audio", kinds)
        mode = self.capture().stat()
        self.assertEqual(stat.S_IMODE(mode.st_mode), 0o600)
        self.assertLess(mode.st_size, 200_000)

    def test_an_agent_that_speaks_back(self):
        self.call(self.emulator(), "--agent", "echo")
        report = self.same_again("echo-agent")
        self.assertGreater(report["totals"]["frames_sent"], 100)
        self.assertGreater(report["totals"]["marks_echoed"], 0)

    def test_a_caller_who_interrupts_the_local_agent(self):
        self.call(self.emulator("receptionist-caller,max=12s"), "--agent", "local", "--time-limit", "30s")
        report = self.same_again("receptionist")
        self.assertGreater(report["totals"]["frames_sent"], 50)

    def test_a_network_that_loses_and_delays(self):
        self.call(self.emulator("greeting,frames=missing%5,pace=stall:400ms@2s"))
        report = self.same_again("lossy")
        self.assertIn("network", {gap["hop"] for gap in report["gaps"]})

    def test_keys_and_a_redirect(self):
        emulator = self.emulator("silence,max=8s")
        environment = self.bridge_environment(emulator, AGENTBRIDGE_STATE_DIR=str(self.state),
                                              AGENTBRIDGE_CONTROL_PORT="0")
        bridge = self.start(["call", "--target", "+12025550142", "--capture"], environment, name="bridge")
        wait_for("the stream", lambda: any(event["event"] == "stream_opened" for event in emulator.ledger()))
        steer = {"AGENTBRIDGE_STATE_DIR": str(self.state)}
        self.assert_code(self.run_to_end(["calls", "dtmf", "--in-band", "12"], steer), 0)
        self.assert_code(self.run_to_end(["calls", "hold"], steer), 0)
        time.sleep(1)  # of music
        self.assert_code(self.run_to_end(["calls", "resume"], steer), 0)
        self.assert_code(self.run_to_end(["calls", "dtmf", "7"], steer), 0)
        bridge.wait(30)
        report = self.same_again("keys-hold-redirect")
        self.assertGreater(report["totals"]["frames_sent"], 20)
        ups = [event for event in report["timeline"]["events"] if event["kind"] == "up"]
        self.assertEqual(len(ups), 2)

    def test_a_microphone(self):
        if not have_prompts():
            self.skipTest("no recorded speech (alsa-utils)")
        write_speech(self.folder / "speech.wav", prompts=("Front_Left",))
        self.call(self.emulator("silence,max=5s"), "--mic",
                  AGENTBRIDGE_MICROPHONE=f"file:{self.folder / 'speech.wav'},loop")
        report = self.same_again("microphone")
        self.assertGreater(report["totals"]["frames_sent"], 100)

    def test_a_killed_program_loses_a_second_at_most(self):
        emulator = self.emulator("tone,repeat=yes,max=60s")
        environment = self.bridge_environment(emulator, AGENTBRIDGE_STATE_DIR=str(self.state))
        bridge = self.start(["call", "--target", "+12025550142", "--capture"], environment)
        wait_for("the stream", lambda: any(event["event"] == "stream_opened" for event in emulator.ledger()))
        opened = time.monotonic()
        time.sleep(4)  # of a call
        bridge.signal(signal.SIGKILL)
        lasted = time.monotonic() - opened
        bridge.wait(5)
        report = self.replay(self.capture())
        self.assertTrue(report["same"])
        streamed = [event for event in report["timeline"]["events"] if event["kind"] == "up"][0]["at_ms"]
        self.assertGreater((report["length_ms"] - streamed) / 1000, lasted - 1.3)

    def test_a_running_program_gives_its_captures_and_no_secret(self):
        emulator = self.emulator("greeting,max=4s")
        environment = self.bridge_environment(emulator, AGENTBRIDGE_STATE_DIR=str(self.state),
                                              AGENTBRIDGE_CONTROL_PORT="0", AGENTBRIDGE_CAPTURE="on", **SECRETS)
        environment.pop("TWILIO_API_SECRET")
        bridge = self.start(["serve", "--target", "+12025550142"], environment, name="bridge")
        wait_for("the stream", lambda: any(event["event"] == "stream_opened" for event in emulator.ledger()))
        token = wait_for("it can be asked", lambda: self.instance(bridge), 20)["token"]
        found = next((self.state / "captures").glob("*.abcap"))
        call = found.stem.split("-", 1)[1]
        time.sleep(2)  # of a call
        status, headers, body = self.request("GET", f"/calls/{call}/capture")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "application/octet-stream")
        self.assertIn(found.name, headers["Content-Disposition"])
        self.assertEqual(body[8:13], b"ABCAP")
        live = self.folder / "live.abcap"
        live.write_bytes(body)
        self.assertTrue(self.replay(live)["same"])
        status, _, body = self.request("GET", f"/calls/{call}/capture/report")
        self.assertEqual(status, 200, body)
        told = json.loads(body)
        self.assertTrue(told["same"], told["differences"])
        self.assertGreater(told["totals"]["media"], 50)
        for path in ("/calls/c_nobody/capture", "/calls/c_nobody/capture/report"):
            status, _, body = self.request("GET", path)
            self.assertEqual((status, json.loads(body)["code"]), (404, "no_capture"))
        self.assertEqual(bridge.err.count("stream started"), 1, "a call that is done again for a report logs nothing")
        bridge.wait(30)
        self.same_again()
        unpacked = self.folder / "unpacked"
        if shutil.which("zstd"):
            os.system(f"zstd -q -d -c {found} > {unpacked}")
            text = unpacked.read_bytes()
            self.assertIn(call.encode(), text)
            for secret in [TOKEN, token, *SECRETS.values()]:
                self.assertNotIn(secret.encode(), text)
            self.assertIn(ACCOUNT.encode()[:2], text)

    def test_a_captured_phone_answers_again(self):
        self.call(self.emulator("script:" + str(self.script())), "--agent", "echo")
        file = self.folder / "first.abcap"
        shutil.move(self.capture(), file)
        first = self.replay(file)
        self.call(Emulator(self, "--persona", f"default=capture:{file}", name="second"), "--agent", "echo", name="again")
        second = self.same_again()
        self.assertAlmostEqual(first["totals"]["media"], second["totals"]["media"], delta=15)
        keys = [event["text"] for event in second["timeline"]["events"] if event["lane"] == "dtmf"]
        self.assertEqual(keys, ["4", "2"])

    def script(self):
        path = self.folder / "caller.txt"
        path.write_text("say Hello, is anybody there?\npress 42\nsay Good bye.\nhangup\n")
        return path

    def test_a_call_is_done_again_step_by_step(self):
        self.call(self.emulator("tone,max=2s"))
        file = self.capture()

        def step(answers):
            return subprocess.run([PROGRAM, "replay", str(file), "--step"], input=answers, text=True, capture_output=True,
                                  env=self.environment(), cwd=self.folder, timeout=30, check=False)

        some = step("\n2\n\nq\n")
        lines = [line for line in some.stdout.splitlines() if "underruns]" in line]
        self.assertEqual(len(lines), 5, some.stdout)  # one, two at once, one, and the one that was shown when it was enough
        self.assertRegex(lines[0], r"^ *0:00\.\d+  in +\S+.*\[ahead 0 ms, depth 0 ms, 0 underruns\]$")
        self.assertEqual(some.stderr.count("Enter: next"), 4)
        whole = step("c\n")
        lines = [line for line in whole.stdout.splitlines() if "underruns]" in line]
        self.assertTrue(any("first audio" in line for line in lines))
        self.assertTrue(any(re.search(r"depth [1-9]", line) for line in lines), "the buffer fills")
        self.assertIn("the same again", whole.stdout)
        self.assertEqual(whole.returncode, 0)

    def test_the_report_and_its_sounds(self):
        self.call(self.emulator(), "--agent", "echo")
        file = self.capture()
        phone, here = self.folder / "phone.wav", self.folder / "here.wav"
        shown = self.run_to_end(["replay", str(file), "--report", "--wav", str(phone), "--speaker-wav", str(here)])
        self.assert_code(shown, 0)
        self.assertIn("the same again", shown.out)
        self.assertIn("first audio", shown.out)
        self.assertGreater(phone.stat().st_size, 50_000)
        self.assertGreater(here.stat().st_size, 50_000)
        stopped = self.run_to_end(["replay", str(file), "--until", "first audio"])
        self.assert_code(stopped, 0)
        broken = self.folder / "broken.abcap"
        broken.write_bytes(b"nothing")
        self.assert_code(self.run_to_end(["replay", str(broken), str(file)]), 1)


if __name__ == "__main__":
    if "--keep" in sys.argv:
        at = sys.argv.index("--keep")
        KEEP = pathlib.Path(sys.argv[at + 1]).resolve()
        KEEP.mkdir(parents=True, exist_ok=True)
        del sys.argv[at:at + 2]
    main()
