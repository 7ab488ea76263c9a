"""Who may be called: what the policy forbids never reaches the carrier, whoever asks. The built-in Twilio is the carrier;
with it only what is set holds."""

import json
import signal
import sqlite3

from harness import EndToEnd, Emulator, find_key, main, wait_for

HOME, ABROAD, PREMIUM, SATELLITE = "+12025550142", "+4930123456", "+19005550142", "+8816312345"


class DialPolicy(EndToEnd):
    def serve(self, **more):
        self.emulator = getattr(self, "emulator", None) or Emulator(self, "--persona", "default=silence,ring=200")
        self.settings = self.bridge_environment(self.emulator, AGENTBRIDGE_CONTROL_PORT="0", **more)
        self.count += 1
        self.program = self.start(["serve"], self.settings, name=f"serve-{self.count}")
        wait_for("it runs", lambda: self.instance(self.program))
        wait_for("its address is known", lambda: "for Twilio at" in self.program.err + self.program.out)

    def end(self):
        self.program.signal(signal.SIGINT)
        self.assertEqual(self.program.wait(20), 0)

    def calls(self, *arguments):
        return self.run_to_end(["calls", *arguments], self.settings, 20)

    def api(self, path, body):
        status, _, text = self.request("POST", path, body)
        return status, json.loads(text)

    def placed(self):
        return [call["to"] for call in self.emulator.calls()]

    def test_a_destination_that_is_forbidden_is_never_asked_for(self):
        self.serve(AGENTBRIDGE_DIAL_ALLOW="JM")
        for to, why in ((ABROAD, "add DE to AGENTBRIDGE_DIAL_ALLOW"), (PREMIUM, "add +1900"), (SATELLITE, "add +881"),
                        ("911", "emergency"), ("+44999", "emergency")):
            for process in (self.calls("dial", to), self.run_to_end(["call", "--target", to, "--yes"], self.settings, 20)):
                self.assert_code(process, 5)
                self.assertIn(why, process.err)
            status, problem = self.api("/calls", {"to": to})
            self.assertEqual((status, problem["code"]), (403, "refused_by_policy"))
            self.assertIn(why, problem["detail"])
        self.assertEqual(self.placed(), [])

        self.assert_code(self.calls("dial", HOME), 0)
        wait_for("it is answered", lambda: [one["status"] for one in self.emulator.live_calls()] == ["in-progress"])
        call = wait_for("it is there", lambda: find_key(json.loads(self.calls("--json", "show").out or "{}"), "call"))
        for mode in ("cold", "warm"):
            status, problem = self.api(f"/calls/{call}/transfer", {"to": ABROAD, "mode": mode})
            self.assertEqual((status, problem["code"]), (403, "refused_by_policy"))
        self.assert_code(self.calls("transfer", "--to", PREMIUM), 5)
        self.assertEqual(self.placed(), [HOME])
        self.end()
        self.assert_nothing_left_open(self.emulator)

    def test_whom_an_agent_may_transfer_to_is_checked_at_the_start(self):
        self.emulator = Emulator(self)
        for name, value in (("AGENTBRIDGE_TRANSFER_TARGETS", f"office={ABROAD}"), ("AGENTBRIDGE_AGENT_FALLBACK", ABROAD)):
            settings = self.bridge_environment(self.emulator, AGENTBRIDGE_DIAL_ALLOW="US", AGENTBRIDGE_AGENT="echo",
                                               AGENTBRIDGE_CONTROL_PORT="0", **{name: value})
            process = self.run_to_end(["serve"], settings, 20)
            self.assert_code(process, 3)
            self.assertIn(name, process.err)
            self.assertIn("add DE to AGENTBRIDGE_DIAL_ALLOW", process.err)

    def test_so_many_calls_and_minutes_and_no_more_after_a_restart_either(self):
        self.serve(AGENTBRIDGE_DIAL_CONCURRENT="1", AGENTBRIDGE_DIAL_PER_MINUTE="2", AGENTBRIDGE_DIAL_MINUTES_PER_DAY="50")
        self.assert_code(self.calls("dial", HOME), 0)
        second = self.calls("dial", HOME)
        self.assert_code(second, 5)
        self.assertIn("AGENTBRIDGE_DIAL_CONCURRENT", second.err)
        wait_for("it is answered", lambda: [one["status"] for one in self.emulator.live_calls()] == ["in-progress"])
        self.assert_code(self.calls("hangup"), 0)
        wait_for("it is over", lambda: "no calls" in self.calls("list").out)
        self.assert_code(self.calls("dial", HOME), 0)
        wait_for("it is answered", lambda: [one["status"] for one in self.emulator.live_calls()] == ["in-progress"])
        self.assert_code(self.calls("hangup"), 0)
        wait_for("it is over", lambda: "no calls" in self.calls("list").out)
        fourth = self.calls("dial", HOME)
        self.assert_code(fourth, 5)
        self.assertIn("AGENTBRIDGE_DIAL_PER_MINUTE", fourth.err)
        self.end()

        # The calls took an hour, as far as the journal knows.
        with sqlite3.connect(self.folder / "state/agentbridge/journal.db") as journal:
            changed = journal.execute("UPDATE calls SET asked_ms = asked_ms - 1800000 WHERE state = 'completed'").rowcount
        journal.close()
        self.assertEqual(changed, 2)
        self.serve(AGENTBRIDGE_DIAL_MINUTES_PER_DAY="50")
        refused = self.calls("dial", HOME)
        self.assert_code(refused, 5)
        self.assertIn("took 60 minutes in the last 24 hours, and 50 are allowed; AGENTBRIDGE_DIAL_MINUTES_PER_DAY", refused.err)
        self.end()
        self.assert_code(self.run_to_end(["call", "--target", HOME, "--yes"], self.settings, 20), 5)
        self.assertEqual(self.placed(), [HOME, HOME])
        self.assert_nothing_left_open(self.emulator)


if __name__ == "__main__":
    main()
