"""The command line as people and scripts meet it: the Python program's way of calling, what each ending of a call
tells the shell, Ctrl-C, and calls that come in."""

import signal

from harness import (ACCOUNT, EndToEnd, Emulator, OUR_NUMBER, TOKEN, find_key, free_port, have_prompts,
                     json_objects, main, sound_compare, wait_for, write_speech)


class SeedsWay(EndToEnd):
    """`agentbridge --target +1… --log-level INFO` with the .env of the Python program."""

    def write_env(self, emulator, **changes):
        port = free_port()
        values = {
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_PHONE_NUMBER": OUR_NUMBER,
            "SERVER_HOST": "0.0.0.0", "SERVER_PORT": str(port), "WEBSOCKET_PORT": str(free_port()),
            "PUBLIC_URL": f"http://127.0.0.1:{port}", "AUDIO_SAMPLE_RATE": "8000", "AUDIO_CHANNELS": "1",
            "AUDIO_BUFFER_SIZE": "1024", "LOG_LEVEL": "INFO", "TWILIO_BASE_URL": emulator.url,
        }
        values.update(changes)
        text = "# Twilio Configuration\n" + "".join(
            f"{name}={value}\n" for name, value in values.items() if value is not None)
        (self.folder / ".env").write_text(text)

    def test_a_call_ends_the_program_with_0(self):
        emulator = Emulator(self, "--persona", "default=say:Good day.,ring=100ms")
        self.write_env(emulator)
        call = self.run_to_end(["--target", "+15551234567", "--log-level", "INFO"])
        self.assert_code(call, 0)
        self.assert_nothing_left_open(emulator)
        events = [event["event"] for event in emulator.ledger()]
        self.assertIn("stream_opened", events)
        self.assertNotIn(TOKEN, call.out + call.err)
        self.assertNotIn("+15551234567", call.err, "numbers are masked in the log")

    def test_busy_is_5(self):
        emulator = Emulator(self)
        self.write_env(emulator)
        self.assert_code(self.run_to_end(["--target", "+12025550103"]), 5)
        self.assert_nothing_left_open(emulator)

    def test_no_answer_is_6(self):
        emulator = Emulator(self)
        self.write_env(emulator)
        self.assert_code(self.run_to_end(["--target", "+12025550104", "--ring-timeout", "5"]), 6)
        self.assert_nothing_left_open(emulator)

    def test_a_wrong_token_is_4(self):
        emulator = Emulator(self)
        self.write_env(emulator, TWILIO_AUTH_TOKEN="f" * 32)
        call = self.run_to_end(["--target", "+12025550100"])
        self.assert_code(call, 4)
        self.assertEqual(emulator.ledger(), [])

    def test_missing_settings_are_3_and_all_are_named(self):
        emulator = Emulator(self)
        self.write_env(emulator, TWILIO_ACCOUNT_SID=None, TWILIO_AUTH_TOKEN="your_auth_token_here",
                       PUBLIC_URL=None, SERVER_PORT="eighty", TWILIO_BASE_URL=None)  # as for the real Twilio
        call = self.run_to_end(["--target", "+12025550100"])
        self.assert_code(call, 3)
        for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_URL", "SERVER_PORT"):
            self.assertIn(name, call.err)
        self.assertEqual(emulator.ledger(), [])

    def test_a_wrong_command_line_is_2(self):
        for arguments in (["--target", "not a number"], ["cal"], ["call"], ["--log-level"], ["serve", "--tokn", "x"]):
            with self.subTest(arguments=arguments):
                self.assert_code(self.run_to_end(arguments), 2)

    def test_a_named_device_that_is_missing_is_8(self):
        emulator = Emulator(self)
        self.write_env(emulator)
        self.assert_code(self.run_to_end(["--target", "+12025550100", "--speaker", "No Such Device 17"]), 8)
        self.assertEqual(emulator.ledger(), [])


class ControlC(EndToEnd):
    def test_it_hangs_up_and_ends_with_0(self):
        emulator = Emulator(self, "--persona", "default=tone:440,repeat=yes,hangup=no")
        call = self.start(["call", "--target", "+12025550199", "--yes"], self.bridge_environment(emulator))
        wait_for("the stream is up", lambda: any(e["event"] == "stream_opened" for e in emulator.ledger()))
        self.assertEqual(len(emulator.live_calls()), 1)
        call.signal(signal.SIGINT)
        call.code = call.wait(10)
        self.assert_code(call, 0)
        self.assertEqual(emulator.ledger_open(), [], "the call had ended when the program did")

    def test_while_it_rings(self):
        emulator = Emulator(self, "--persona", "default=no-answer")
        call = self.start(["call", "--target", "+12025550199", "--yes"], self.bridge_environment(emulator))
        wait_for("it rings", lambda: any(c["status"] == "ringing" for c in emulator.calls()))
        call.signal(signal.SIGTERM)
        call.code = call.wait(10)
        self.assert_code(call, 0)
        self.assertEqual(emulator.ledger_open(), [])

    def test_serving_without_a_call(self):
        emulator = Emulator(self)
        environment = self.bridge_environment(emulator)
        serve = self.start(["serve"], environment)
        port = environment["SERVER_PORT"]
        wait_for("it listens", lambda: port in serve.err + serve.out)
        serve.signal(signal.SIGINT)
        serve.code = serve.wait(10)
        self.assert_code(serve, 0)


class Inbound(EndToEnd):
    def test_a_call_that_comes_in_is_heard(self):
        emulator = Emulator(self)
        environment = self.bridge_environment(emulator)
        recording = self.folder / "heard.wav"
        environment["AGENTBRIDGE_SPEAKER"] = f"file:{recording}"
        # The number's webhook, as a user sets it in Twilio's console.
        number = emulator.get(f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json")["incoming_phone_numbers"][0]
        emulator.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{number['sid']}.json",
                         {"VoiceUrl": environment["PUBLIC_URL"] + "/twilio/voice"})
        serve = self.start(["serve"], environment, name="serve")
        wait_for("it listens", lambda: environment["SERVER_PORT"] in serve.err + serve.out)
        persona = "say:This is a call that came in."
        if have_prompts():
            speech = self.folder / "speech.wav"
            write_speech(speech, prompts=("Front_Left", "Rear_Right"))
            persona = f"wav:{speech},delay=0"
        trigger_environment = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_BASE_URL": emulator.url}
        trigger = self.run_to_end(["emulator", "trigger", "incoming-call", "--from", "+12025550123", "--persona", persona,
                                   "--emulator-url", emulator.url], trigger_environment, name="trigger")
        self.assert_code(trigger, 0)
        wait_for("the call has ended", lambda: any(e["event"] == "ended" for e in emulator.ledger()), 30)
        self.assertIn("stream_opened", [e["event"] for e in emulator.ledger()])
        self.assertTrue(serve.running(), f"it goes on serving\n{serve}")
        serve.signal(signal.SIGINT)
        serve.code = serve.wait(10)
        self.assert_code(serve, 0)
        self.assert_nothing_left_open(emulator)
        if have_prompts():
            verdict, code, complaints = sound_compare(speech, recording, "--from-ms", 900, "--min-windows", 5, "--min-median",
                                                      0.98, "--min-window", 0.9, "--max-wander-ms", 10, "--max-gap-ms", 20)
            print(verdict, flush=True)
            self.assertEqual(code, 0, complaints)

    def test_one_that_is_not_wanted_is_rejected(self):
        emulator = Emulator(self)
        environment = self.bridge_environment(emulator, AGENTBRIDGE_ANSWER="reject")
        number = emulator.get(f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json")["incoming_phone_numbers"][0]
        emulator.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{number['sid']}.json",
                         {"VoiceUrl": environment["PUBLIC_URL"] + "/twilio/voice"})
        serve = self.start(["serve"], environment, name="serve")
        wait_for("it listens", lambda: environment["SERVER_PORT"] in serve.err + serve.out)
        trigger_environment = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
        self.run_to_end(["emulator", "trigger", "incoming-call", "--from", "+12025550123", "--emulator-url", emulator.url],
                        trigger_environment, name="trigger")
        wait_for("the call has ended", lambda: any(e["event"] == "ended" for e in emulator.ledger()), 15)
        events = [e["event"] for e in emulator.ledger()]
        self.assertNotIn("answered", events)
        self.assertNotIn("stream_opened", events)
        serve.signal(signal.SIGINT)
        serve.code = serve.wait(10)
        self.assert_code(serve, 0)


class Ledger(EndToEnd):
    def test_it_lists_calls_and_their_ends(self):
        emulator = Emulator(self, "--persona", "default=say:Bye.,ring=50ms")
        self.assert_code(self.run_to_end(["call", "--target", "+12025550199", "--yes"], self.bridge_environment(emulator)), 0)
        shown = self.run_to_end(["emulator", "ledger", "--json", "--emulator-url", emulator.url],
                                {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN})
        self.assert_code(shown, 0)
        self.assertIn("completed", shown.out)
        self.assertEqual(find_key(json_objects(shown.out), "open"), 0, shown.out)
        table = self.run_to_end(["emulator", "ledger", "--emulator-url", emulator.url])
        self.assert_code(table, 0)
        self.assertIn("open calls: 0", table.out)
        self.assertRegex(table.out, r"CA[0-9a-f]{32}  completed .* \d+(\.\d+)?\n")


if __name__ == "__main__":
    main()
