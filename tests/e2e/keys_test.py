"""The live view on a terminal: single keys steer the call, and the terminal is afterwards as it was before."""

import json
import re
import signal

from harness import ACCOUNT, OUR_NUMBER, EndToEnd, Emulator, main, wait_for
from terminal import Terminal

PHONE = "+12025550142"


class Keys(EndToEnd):
    def setUp(self):
        super().setUp()
        self.emulator = Emulator(self, "--persona", f"{PHONE}=tone:440,repeat=yes,hangup=no")
        self.terminal = None

    def tearDown(self):
        if self.terminal:
            self.terminal.kill()
        super().tearDown()

    def open(self, *arguments, **more):
        environment = self.environment(self.bridge_environment(
            self.emulator, TERM="xterm-256color", AGENTBRIDGE_CONTROL_PORT="0", **more))
        self.terminal = Terminal(arguments, environment, self.folder)
        return self.terminal

    def call(self, *arguments):
        terminal = self.open("call", "--target", PHONE, "--yes", *arguments)
        terminal.shows("the keys")
        terminal.shows("in-progress.*dBFS")
        return terminal, self.emulator.calls()[0]["sid"]

    def about(self, sid):
        return self.emulator.get(f"/emulator/v1/calls/{sid}")

    def test_keys_reach_the_phone_and_the_call_goes_on(self):
        terminal, sid = self.call()
        self.assertTrue(terminal.single_keys())
        terminal.press("12#")
        wait_for("the phone heard the keys", lambda: self.about(sid)["digits_heard"] == "12#", 15)
        wait_for("the stream is back", lambda: self.about(sid)["streams"][-1]["open"], 15)
        terminal.press("e")
        terminal.shows("mrec\x1b")
        terminal.press("m")
        terminal.shows("muted")
        terminal.press("h")
        terminal.shows("on hold")
        terminal.press("?")
        terminal.shows("Tab or n")
        terminal.press("\x1b[A\x1b[B")
        terminal.press("x")
        terminal.shows(r"hang up \+\*+0142\? y or n")
        terminal.press("n")
        terminal.press("x")
        terminal.press("y")
        self.assertEqual(terminal.wait(), 0)
        self.assertTrue(terminal.as_before())
        self.assert_nothing_left_open(self.emulator)
        self.assertEqual(self.about(sid)["digits_heard"], "12#", "an arrow is no key of the phone's")

    def test_a_call_is_transferred_by_its_keys(self):
        terminal, sid = self.call()
        terminal.press("t")
        terminal.shows("transfer .* to")
        terminal.press("+12025550108\r")
        terminal.shows("transfer connected|transfer ringing", 20)
        wait_for("the other one is called",
                 lambda: any(call["to"] == "+12025550108" for call in self.emulator.calls()), 15)
        terminal.press("q")
        self.assertEqual(terminal.wait(30), 0, terminal.text)

    def test_q_ends_as_ctrl_c_does(self):
        terminal, _ = self.call()
        terminal.press("q")
        self.assertEqual(terminal.wait(), 0, terminal.text)
        self.assertTrue(terminal.as_before())
        self.assert_nothing_left_open(self.emulator)

    def test_ctrl_c_and_sigterm_leave_the_terminal_as_it_was(self):
        for stop in (lambda one: one.press("\x03"), lambda one: one.process.send_signal(signal.SIGTERM)):
            terminal, _ = self.call()
            stop(terminal)
            self.assertEqual(terminal.wait(), 0, terminal.text)
            self.assertTrue(terminal.as_before())
            terminal.kill()
            self.terminal = None

    def test_a_crash_leaves_the_terminal_as_it_was(self):
        terminal, _ = self.call()
        terminal.process.send_signal(signal.SIGSEGV)
        self.assertNotEqual(terminal.wait(), 0)
        self.assertTrue(terminal.as_before())

    def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(self):
        terminal, sid = self.call()
        terminal.press("\x1a")
        # The leader of an orphaned group is not stopped by the terminal, but we stop ourselves.
        wait_for("it stopped", lambda: self.stopped(terminal.process.pid), 10)
        self.assertTrue(terminal.as_before())
        terminal.process.send_signal(signal.SIGCONT)
        wait_for("single keys again", terminal.single_keys, 10)
        terminal.press("7")
        wait_for("the phone heard the key", lambda: self.about(sid)["digits_heard"] == "7", 20)
        terminal.press("q")
        terminal.wait()
        self.assertTrue(terminal.as_before())

    @staticmethod
    def stopped(pid):
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"

    def test_a_call_that_rings_is_taken_with_a_key(self):
        terminal = self.open("serve", "--answer", "ring")
        terminal.shows("the keys")
        port = re.search(r"listening on [^:]+:(\d+)", terminal.text).group(1)
        numbers = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers"
        ours = self.emulator.get(f"{numbers}.json")["incoming_phone_numbers"][0]["sid"]
        self.emulator.request("POST", f"{numbers}/{ours}.json",
                              form={"VoiceUrl": f"http://127.0.0.1:{port}/twilio/voice"})
        self.emulator.request("POST", "/emulator/v1/incoming-call", body=json.dumps(
            {"from": "+12025550123", "to": OUR_NUMBER}).encode())
        terminal.shows("rings here")
        terminal.shows("a takes it")
        wait_for("the bell", lambda: "\a" in terminal.text)
        terminal.press("a")
        terminal.shows("in-progress")
        self.assertEqual(len(self.emulator.live_calls()), 1)
        terminal.press("q")
        terminal.wait()
        self.assertTrue(terminal.as_before())
        self.assert_nothing_left_open(self.emulator)

    def test_off_a_terminal_nothing_is_read(self):
        environment = self.bridge_environment(self.emulator, AGENTBRIDGE_CONTROL_PORT="0")
        call = self.start(["call", "--target", PHONE, "--yes"], environment)
        wait_for("the call is up", lambda: "audio" in call.err, 15)
        self.assertNotIn("the keys", call.err)
        call.signal(signal.SIGINT)
        self.assertEqual(call.wait(20), 0)


if __name__ == "__main__":
    main()
