"""A program that serves, and two that look at its calls from other terminals: `call`, which has its own placed there,
and `calls watch`, on a screen with its keys and off one."""

import json
import re
import signal
import time

from harness import EndToEnd, Emulator, json_objects, main, wait_for
from terminal import Terminal

ONE, TWO = "+12025550142", "+12025550143"


class Elsewhere(EndToEnd):
    def setUp(self):
        super().setUp()
        self.emulator = Emulator(self, "--persona", "default=tone:440,repeat=yes,hangup=no", "--persona", f"{TWO}=busy")
        self.settings = self.bridge_environment(self.emulator, AGENTBRIDGE_CONTROL_PORT="0")
        self.serve = self.start(["serve"], self.settings, name="serve")
        wait_for("it can be asked", lambda: self.instance(self.serve), 20)
        wait_for("it takes calls", lambda: b'"calls"' in self.request("GET", "/calls")[2], 20)
        self.terminal = None

    def tearDown(self):
        if self.terminal:
            self.terminal.kill()
        super().tearDown()

    def calls(self):
        return json.loads(self.request("GET", "/calls")[2])["calls"]

    def dial(self, number=ONE):
        made = json.loads(self.request("POST", "/calls", {"to": number})[2])["call"]
        wait_for("it talks", lambda: any(call["call"] == made and call["frames"] for call in self.calls()), 20)
        return made

    def local(self):
        return self.calls()[0]["local"]

    def end(self):
        self.serve.signal(signal.SIGINT)
        self.serve.code = self.serve.wait(20)
        self.assert_code(self.serve, 0)
        self.assert_nothing_left_open(self.emulator)

    def test_a_call_is_placed_by_the_program_that_runs(self):
        call = self.start(["--json", "--log-format", "text", "call", "--target", ONE, "--record", "--time-limit", "5m"],
                          self.settings, name="call")
        wait_for("the program has it", lambda: self.calls() and self.calls()[0]["frames"] > 0, 20)
        made = self.calls()[0]
        self.assertEqual(made["recording"]["status"], "recording")
        call.signal(signal.SIGINT)
        call.code = call.wait(20)
        self.assert_code(call, 0)
        self.assertIn(f"program {self.serve.pid} runs on this configuration", call.err)
        self.assertNotIn("without effect", call.err)
        summary = json_objects(call.out)[0]
        self.assertEqual((summary["call"], summary["state"], summary["end_confirmed"]), (made["call"], "completed", True))
        self.assertEqual(self.calls(), [])
        self.end()

    def test_its_end_is_this_programs_end(self):
        self.assert_code(self.run_to_end(["call", "--target", TWO], self.settings), 5)
        talking = self.start(["call", "--target", ONE, "--no-audio"], self.settings, name="call")
        wait_for("the program has it", lambda: self.calls() and self.calls()[0]["frames"] > 0, 20)
        self.assertIn("without effect, since that program has its own: --no-audio", talking.err)
        self.end()
        self.assertEqual(talking.wait(20), 0)
        self.assertIn("completed", talking.out)

    def test_a_call_is_left_to_the_program_that_runs(self):
        made = self.run_to_end(["--json", "call", "--target", ONE, "--detach"], self.settings)
        self.assert_code(made, 0)
        self.assertEqual(json_objects(made.out)[0]["call"], self.calls()[0]["call"])
        refused = self.run_to_end(["call", "--target", "911"], self.settings)
        self.assert_code(refused, 5)
        self.assertIn("emergency", refused.err)
        mic = self.run_to_end(["call", "--target", ONE, "--mic"], self.settings)
        self.assert_code(mic, 5)
        self.assertIn("has no microphone", mic.err)
        self.end()
        alone = self.run_to_end(["call", "--target", ONE, "--detach"], self.settings)
        self.assert_code(alone, 2)
        self.assertIn("--detach needs a running program", alone.err)

    def watch(self):
        self.terminal = Terminal(["calls", "watch"], self.environment({**self.settings, "TERM": "xterm-256color"}),
                                 self.folder)
        return self.terminal

    def test_calls_are_watched_and_steered_on_a_screen(self):
        screen = self.watch()
        screen.shows("no calls  q leaves")
        self.dial()
        screen.shows(r"in-progress.*\+12025550142.*dBFS")
        screen.shows("1 call  q leaves")
        screen.press("m")
        wait_for("it is muted", lambda: self.local()["muted"])
        screen.shows("muted")
        screen.press("h")
        wait_for("it is on hold", lambda: self.local()["held"])
        screen.shows("on hold")
        screen.press("h")
        wait_for("it is off hold", lambda: not self.local()["held"])
        screen.press("-")
        wait_for("it is quieter", lambda: self.local()["volume"] == 90)
        second = self.dial("+12025550144")
        screen.shows("2 calls")
        screen.press("n")
        wait_for("the other one has the focus", lambda: self.local()["focus"])
        self.request("DELETE", f"/calls/{second}")
        screen.shows(f"{second} .*completed")
        screen.press("q")
        self.assertEqual(screen.wait(), 0)
        self.assertTrue(screen.as_before())
        self.assertEqual(len(self.calls()), 1, "a watch that ends leaves the calls alone")
        self.terminal.kill()
        screen = self.watch()
        screen.shows("in-progress")
        screen.press("x")
        screen.shows("hang up .*y or n")
        screen.press("y")
        screen.shows("no calls")
        wait_for("it is gone", lambda: not self.calls())
        self.end()
        self.assertEqual(screen.wait(), 0, "the program has ended, and with it what there is to see")

    def test_what_changes_is_told_at_once(self):
        watch = self.start(["--json", "calls", "watch"], self.settings, name="watch")
        call = self.dial()
        wait_for("the watch has it", lambda: call in watch.out, 10)

        def told_within():
            seen = len(watch.out)
            began = time.monotonic()
            self.request("POST", f"/calls/{call}/{'un' if self.local()['muted'] else ''}mute")
            wait_for("it is told", lambda: len(watch.out) > seen)
            return time.monotonic() - began

        self.assertLess(sorted(told_within() for _ in range(9))[4], 0.5)
        self.request("DELETE", f"/calls/{call}")
        wait_for("its end is told", lambda: {"call": call, "over": True} in json_objects(watch.out), 20)
        self.end()
        self.assertEqual(watch.wait(20), 0)
        self.assertFalse(re.search("error", watch.err))


if __name__ == "__main__":
    main()
