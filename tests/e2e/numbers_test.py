"""A number of the account is pointed to the program while it runs, and afterwards its calls go where they went
before: after Ctrl-C, after a kill, and not where somebody else has pointed it elsewhere meanwhile."""

import signal
import time

from harness import ACCOUNT, EndToEnd, Emulator, OUR_NUMBER, TOKEN, json_objects, main, wait_for

THEIRS = "https://their.example.net/voice"
FIELDS = ("voice_url", "voice_method", "voice_fallback_url", "voice_fallback_method", "status_callback",
          "status_callback_method", "voice_application_sid", "trunk_sid")


class Numbers(EndToEnd):
    def setUp(self):
        super().setUp()
        self.emulator = Emulator(self, "--persona", "default=say:Good day.,ring=100ms")
        self.settings = self.bridge_environment(self.emulator)
        self.here = self.settings["PUBLIC_URL"] + "/twilio/voice"

    def number(self):
        numbers = self.emulator.get(f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json")
        return next(one for one in numbers["incoming_phone_numbers"] if one["phone_number"] == OUR_NUMBER)

    def fields(self):
        number = self.number()
        return {name: number[name] for name in FIELDS}

    def change(self, **form):
        path = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{self.number()['sid']}.json"
        self.emulator.request("POST", path, form)

    def serve(self, *arguments, name="serve"):
        return self.start(["serve", *arguments], self.settings, name)

    def serve_with_number(self, *arguments, name="serve"):
        serve = self.serve("--use-number", *arguments, name=name)
        wait_for("the number leads here", lambda: self.number()["voice_url"] == self.here or not serve.running())
        self.assertTrue(serve.running(), serve)
        wait_for("it is told", lambda: f"inbound calls of {OUR_NUMBER} come here" in serve.err)
        return serve

    def end(self, process, how=signal.SIGINT):
        process.signal(how)
        process.code = process.wait(20)
        return process

    def numbers(self, *arguments):
        return self.run_to_end(["numbers", *arguments], self.settings)

    def a_phone_calls(self):
        trigger = self.run_to_end(["emulator", "trigger", "incoming-call", "--from", "+12025550123", "--to", OUR_NUMBER,
                                   "--emulator-url", self.emulator.url],
                                  {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN})
        self.assert_code(trigger, 0)

    def test_an_inbound_call_arrives_and_ctrl_c_gives_the_number_back(self):
        self.change(StatusCallback="https://their.example.net/status", StatusCallbackMethod="GET", VoiceMethod="GET")
        before = self.fields()
        serve = self.serve_with_number()
        self.a_phone_calls()
        wait_for("its sound comes in", lambda: any(event["event"] == "stream_opened" for event in self.emulator.ledger()))
        self.assert_code(self.end(serve), 0)
        self.assertEqual(self.fields(), before)
        self.assertIn(f"inbound calls of {OUR_NUMBER} go nowhere again", serve.err)
        self.assert_nothing_left_open(self.emulator)

    def test_two_ctrl_c_give_it_back_too(self):
        before = self.fields()
        serve = self.serve_with_number()
        self.a_phone_calls()
        wait_for("its sound comes in", lambda: any(event["event"] == "stream_opened" for event in self.emulator.ledger()))
        serve.signal(signal.SIGINT)
        self.end(serve)
        self.assertEqual(self.fields(), before)

    def test_after_a_kill_restore_gives_it_back_and_doctor_says_so(self):
        before = self.fields()
        self.end(self.serve_with_number(), signal.SIGKILL)
        self.assertEqual(self.number()["voice_url"], self.here)
        listed = self.numbers("list")
        self.assertIn("a program that has ended", listed.out)
        doctor = self.run_to_end(["--json", "doctor"], self.settings)
        found = [one for one in json_objects(doctor.out)[0] if one["check"] == "number-left"]
        self.assertEqual([one["status"] for one in found], ["warn"], doctor)
        self.assertIn(f"numbers restore {OUR_NUMBER}", found[0]["fix"])
        restored = self.numbers("restore")
        self.assert_code(restored, 0)
        self.assertEqual(restored.out, f"inbound calls of {OUR_NUMBER} go nowhere again\n")
        self.assertEqual(self.fields(), before)
        again = self.numbers("restore")
        self.assert_code(again, 0)
        self.assertEqual(again.out, "no number is to be given back\n")

    def test_after_a_kill_the_next_serve_gives_it_back(self):
        before = self.fields()
        self.end(self.serve_with_number(), signal.SIGKILL)
        serve = self.serve(name="next")
        wait_for("the number is back", lambda: self.fields() == before)
        self.assert_code(self.end(serve), 0)
        self.assertIn("left by a former run", serve.err)

    def test_after_a_kill_it_is_taken_again_with_what_stood_there_before(self):
        self.change(VoiceUrl=THEIRS)
        before = self.fields()
        self.end(self.serve_with_number("--force"), signal.SIGKILL)
        serve = self.serve(name="next")
        wait_for("the number is back", lambda: self.fields() == before)
        self.end(serve)
        self.end(self.serve_with_number("--force", name="again"))
        self.assertEqual(self.fields(), before)

    def test_somebody_elses_number_is_left_alone_without_force(self):
        self.change(VoiceUrl=THEIRS)
        before = self.fields()
        serve = self.serve("--use-number")
        serve.code = serve.wait(20)
        self.assert_code(serve, 5)
        self.assertIn(THEIRS, serve.err)
        self.assertIn("--force", serve.err)
        self.assertEqual(self.fields(), before)
        self.end(self.serve_with_number("--force", name="forced"))
        self.assertEqual(self.fields(), before)

    def test_what_somebody_else_has_changed_meanwhile_stays(self):
        serve = self.serve_with_number()
        self.change(VoiceUrl=THEIRS)
        self.assert_code(self.end(serve), 0)
        self.assertIn(f"somebody else has changed {OUR_NUMBER} meanwhile", serve.err)
        number = self.number()
        self.assertEqual(number["voice_url"], THEIRS)
        self.assertEqual(number["status_callback"], "", "this one was still the program's")

    def test_a_running_program_is_asked_from_another_terminal(self):
        self.change(VoiceUrl=THEIRS)
        before = self.fields()
        nobody = self.numbers("use", OUR_NUMBER)
        self.assert_code(nobody, 2)
        self.assertIn(f"serve --use-number={OUR_NUMBER}", nobody.err)
        serve = self.serve()
        wait_for("it listens", lambda: "listening on" in serve.err)
        refused = self.numbers("use", OUR_NUMBER)
        self.assert_code(refused, 5)
        self.assertIn(THEIRS, refused.err)
        unknown = self.numbers("use", "+15005550001")
        self.assert_code(unknown, 1)
        self.assertIn(OUR_NUMBER, unknown.err)
        taken = self.numbers("use", OUR_NUMBER, "--force")
        self.assert_code(taken, 0)
        self.assertEqual(taken.out, f"inbound calls of {OUR_NUMBER} come here until the program ends; before, they "
                                    f"went to {THEIRS}\n")
        again = self.numbers("use", OUR_NUMBER, "--json")
        self.assertTrue(json_objects(again.out)[0]["already"], again)
        listed = self.numbers("list", "--json")
        row = next(one for one in json_objects(listed.out)[0] if one["number"] == OUR_NUMBER)
        self.assertEqual((row["target"], row["process"]), ("here", str(serve.pid)))
        held = self.numbers("restore", OUR_NUMBER)
        self.assertIn(f"is used by a running agentbridge (process {serve.pid})", held.out)
        self.assert_code(self.end(serve), 0)
        self.assertEqual(self.fields(), before)

    def test_what_cannot_be_reached_at_the_end_is_told_and_the_end_is_not_late(self):
        serve = self.serve_with_number()
        self.emulator.process.signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            self.end(serve)
            self.assertLess(time.monotonic() - began, 6)
        finally:
            self.emulator.process.signal(signal.SIGCONT)
        self.assert_code(serve, 1)
        self.assertIn("numbers restore", serve.err)
        self.assert_code(self.numbers("restore"), 0)
        self.assertEqual(self.number()["voice_url"], "")


if __name__ == "__main__":
    main()
