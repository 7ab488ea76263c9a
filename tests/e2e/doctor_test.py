"""`agentbridge doctor`: a healthy set-up raises no alarm; every fault that is put in is found, by the check whose
matter it is and by no other; and all of it takes less than five seconds, whatever hangs."""

import json
import re
import signal
import socket
import sys
import time

from harness import ACCOUNT, EndToEnd, Emulator, OUR_NUMBER, TOKEN, free_port, main, skip, wait_for
from stand_ins import Internet, NgrokApi, RestFront

if not sys.platform.startswith("linux"):
    skip("the stand-ins were tried on Linux only")

REST, HOME = "rest.stand-in.net", "3f1c9a.ngrok.app"
NAMES = {"offline": "gone.ngrok.app", "silent": "silent.ngrok.app", "stranger": "stranger.stand-in.net",
         "dead-port": "dead.ngrok.app", "no-upgrade": "plain.stand-in.net", "elsewhere": "other.ngrok.app"}
CHECKS = {"configuration", "account", "number", "clock", "server-port", "websocket-port", "tunnel", "public-url",
          "signature", "websocket", "number-webhook", "audio-out", "audio-in", "state-dir"}
LIMIT = 5.0


class Doctor(EndToEnd):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.internet = Internet(self.folder, {REST: None, HOME: self.port, **{name: None for name in NAMES.values()}})
        self.internet.names.update({NAMES["offline"]: "offline", NAMES["silent"]: "silent",
                                    NAMES["stranger"]: "stranger", NAMES["dead-port"]: free_port(),
                                    NAMES["no-upgrade"]: ("no-upgrade", self.port)})
        self.emulator = Emulator(self)
        self.front = RestFront(self.emulator)
        self.internet.names[REST] = self.front.port
        self.closing = [self.internet, self.front]

    def tearDown(self):
        super().tearDown()
        for one in self.closing:
            one.close()

    def agent(self, *tunnels):
        self.closing.append(NgrokApi(tunnels))
        return self.closing[-1].url

    def settings(self, **more):
        environment = {
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_PHONE_NUMBER": OUR_NUMBER,
            "TWILIO_BASE_URL": f"https://{REST}", "SERVER_PORT": str(self.port), "WEBSOCKET_PORT": str(free_port()),
            "PUBLIC_URL": f"https://{HOME}", "AGENTBRIDGE_SPEAKER": "null",
            "AGENTBRIDGE_NGROK_API": f"http://127.0.0.1:{free_port()}", **self.internet.environment(),
        }
        environment.update(more)
        return {name: value for name, value in environment.items() if value is not None}

    def doctor(self, environment, voice_url=None):
        """What it found, as {check: [finding]}, with `code` and `seconds`."""
        self.front.number["voice_url"] = voice_url or environment.get("PUBLIC_URL", f"https://{HOME}") + "/twilio/voice"
        began = time.monotonic()
        run = self.run_to_end(["doctor", "--json"], environment, seconds=20)
        run.seconds = time.monotonic() - began
        run.findings = json.loads(run.out)
        self.assertLess(run.seconds, LIMIT, run)
        self.assertNotIn(TOKEN, run.out + run.err)
        for finding in run.findings:
            self.assertEqual(set(finding), {"check", "status", "what", "fix", "took_ms"})
            self.assertIn(finding["check"], CHECKS)
            self.assertIn(finding["status"], ("ok", "warn", "fail", "skip"))
            self.assertEqual(bool(finding["fix"]), finding["status"] in ("warn", "fail"), finding)
        return run

    def alarms(self, run):
        return [finding for finding in run.findings if finding["status"] in ("warn", "fail")]

    def assert_healthy(self, run):
        self.assertEqual(self.alarms(run), [], run)
        self.assert_code(run, 0)
        for check in ("configuration", "account", "number", "public-url", "signature", "websocket", "number-webhook"):
            self.assertIn((check, "ok"), [(finding["check"], finding["status"]) for finding in run.findings])

    def test_a_healthy_set_up_raises_no_alarm(self):
        self.assert_healthy(self.doctor(self.settings()))

    def test_nor_does_one_whose_address_the_ngrok_agent_knows(self):
        agent = self.agent(("https://other.ngrok.app", "3000"), (f"https://{HOME}", f"http://localhost:{self.port}"))
        self.assert_healthy(self.doctor(self.settings(PUBLIC_URL=None, AGENTBRIDGE_NGROK_API=agent)))

    def test_nor_one_that_runs(self):
        environment = self.settings()
        serve = self.start(["serve"], environment)
        wait_for("it is up", lambda: "leads here" in serve.err)
        run = self.doctor(environment)
        self.assert_healthy(run)
        self.assertIn("running agentbridge", [f["what"] for f in run.findings if f["check"] == "server-port"][0])
        moved = self.doctor(self.settings(PUBLIC_URL=f"https://{NAMES['no-upgrade']}", WEBSOCKET_PORT="0"))
        self.assertEqual([f["check"] for f in self.alarms(moved)], ["signature", "websocket"], moved)
        self.assertIn(f"was told https://{HOME}", self.alarms(moved)[0]["what"])
        serve.signal(signal.SIGINT)
        serve.wait(10)

    def test_nor_one_with_the_emulator_on_this_machine(self):
        environment = self.bridge_environment(self.emulator)
        self.emulator.request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/" + self.emulator.get(
            f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json")["incoming_phone_numbers"][0]["sid"] + ".json",
            {"VoiceUrl": environment["PUBLIC_URL"] + "/twilio/voice"})
        self.assert_healthy(self.doctor(environment))

    def test_every_fault_is_found_and_nothing_else(self):
        url = lambda word: {"PUBLIC_URL": "https://" + NAMES[word]}  # noqa: E731
        (self.folder / "a-file").write_text("")
        # settings; what is done to the stand-ins; check, status, words of the finding, words of the fix, exit code
        faults = {
            "wrong token": ({"TWILIO_AUTH_TOKEN": "f" * 32}, None, "account", "fail", "20003", "console.twilio.com", 4),
            "no token": ({"TWILIO_AUTH_TOKEN": "your_auth_token_here"}, None,
                         "configuration", "fail", "example's text", "console", 3),
            "misspelt setting": ({"AGENTBRIDGE_SPEEKER": "x"}, None,
                                 "configuration", "warn", "AGENTBRIDGE_SPEAKER", "correct", 0),
            "twilio has no address": ({"TWILIO_BASE_URL": "https://nowhere.stand-in.net"}, None,
                                      "account", "fail", "nowhere.stand-in.net", "online", 1),
            "twilio is silent": ({"TWILIO_BASE_URL": "https://" + NAMES["silent"]}, None,
                                 "account", "fail", "silent.ngrok.app", "online", 1),
            "suspended": ({}, lambda: self.front.account.update(status="suspended"),
                          "account", "fail", "suspended", "console.twilio.com", 1),
            "trial": ({}, lambda: self.front.account.update(type="Trial"), "account", "warn", "verified numbers",
                      "verify each callee", 0),
            "foreign number": ({"TWILIO_PHONE_NUMBER": "+15557654321"}, None,
                               "number", "fail", "not a number of this account", OUR_NUMBER, 3),
            "no voice": ({}, lambda: self.front.number.update(capabilities={"voice": False}),
                         "number", "fail", "has no voice", "voice capability", 3),
            "application": ({}, lambda: self.front.number.update(voice_application_sid="AP1"),
                            "number-webhook", "warn", "application AP1", "VoiceApplicationSid=", 0),
            "trunk": ({}, lambda: self.front.number.update(trunk_sid="TK1"),
                      "number-webhook", "warn", "trunk TK1", "TrunkSid=", 0),
            "clock": ({}, lambda: setattr(self.front, "clock_ahead", 600), "clock", "warn", "behind Twilio's", "run:", 0),
            "tunnel ended": (url("offline"), None, "public-url", "fail", "ERR_NGROK_3200", "ngrok http", 7),
            "name is gone": ({"PUBLIC_URL": "https://never-was.ngrok.app"}, None,
                             "public-url", "fail", "never-was.ngrok.app", "ngrok http", 7),
            "address is silent": (url("silent"), None, "public-url", "fail", "silent.ngrok.app", "ngrok http", 7),
            "somebody else's address": (url("stranger"), None,
                                        "public-url", "fail", "another program answers", "ngrok http", 7),
            "tunnel to another port": (url("dead-port"), None,
                                       "public-url", "fail", "ERR_NGROK_8012", f"ngrok http {self.port}", 7),
            "not https": ({"PUBLIC_URL": f"http://{HOME}"}, None, "configuration", "fail", "must be https", "https://", 3),
            "the example's address": ({"PUBLIC_URL": "https://your-ngrok-url.ngrok.io"}, None,
                                      "public-url", "fail", "example's text", f"ngrok http {self.port}", 3),
            "this machine's address": ({"PUBLIC_URL": f"http://127.0.0.1:{self.port}"}, None,
                                       "public-url", "fail", "Twilio cannot reach", "ngrok http", 7),
            "agent for another port": ({"PUBLIC_URL": None, "AGENTBRIDGE_NGROK_API":
                                        self.agent(("https://other.ngrok.app", "3000"))}, None,
                                       "tunnel", "fail", "port 3000", f"ngrok http {self.port}", 7),
            "stale address, agent knows": ({**url("offline"), "AGENTBRIDGE_NGROK_API":
                                            self.agent((f"https://{HOME}", f"{self.port}"))}, None,
                                           "public-url", "fail", "ERR_NGROK_3200", f"PUBLIC_URL=https://{HOME}", 7),
            "no such tunnel program": ({"AGENTBRIDGE_TUNNEL": "cloudflared"}, None,
                                       "tunnel", "fail", "not in PATH", "install it", 3),
            "no WebSockets": (url("no-upgrade"), None, "websocket", "fail", "upgrade did not get through", "Upgrade", 7),
            "signature taken away": ({}, lambda: setattr(self.internet, "rewrite", lambda message: re.sub(
                rb"(?i)x-twilio-signature: [^\r]*\r\n", b"", message)),
                "signature", "fail", "did not arrive", "X-Twilio-Signature", 1),
            "body rewritten": ({}, lambda: setattr(self.internet, "rewrite", lambda message: message.replace(
                b"CallStatus=probe", b"CallStatus=Probe")), "signature", "fail", "changed the body", "body on", 1),
            "no such device": ({"AGENTBRIDGE_SPEAKER": "No Such Device"}, None,
                               "audio-out", "fail", "No Such Device", "devices list", 8),
            "no such microphone": ({"AGENTBRIDGE_MICROPHONE": "No Such Microphone"}, None,
                                   "audio-in", "fail", "No Such Microphone", "devices list", 8),
            "state folder": ({"AGENTBRIDGE_STATE_DIR": str(self.folder / "a-file" / "state")}, None,
                             "state-dir", "fail", "a-file is a file", "AGENTBRIDGE_STATE_DIR", 3),
        }
        for name, (settings, act, check, status, words, fix, code) in faults.items():
            with self.subTest(fault=name):
                self.front.account, self.front.number, self.front.clock_ahead = {}, {}, 0
                self.internet.rewrite = None
                if act:
                    act()
                run = self.doctor(self.settings(**settings))
                alarms = self.alarms(run)
                self.assertEqual([(alarm["check"], alarm["status"]) for alarm in alarms], [(check, status)], run)
                self.assertIn(words, alarms[0]["what"])
                self.assertIn(fix, alarms[0]["fix"])
                self.assert_code(run, code)

    def test_a_webhook_that_points_elsewhere_is_named_with_the_command(self):
        run = self.doctor(self.settings(), voice_url="https://demo.twilio.com/welcome")
        self.assertEqual([f["check"] for f in self.alarms(run)], ["number-webhook"])
        self.assertIn("https://demo.twilio.com/welcome", self.alarms(run)[0]["what"])
        self.assertIn(f"VoiceUrl=https://{HOME}/twilio/voice", self.alarms(run)[0]["fix"])
        self.assert_code(run, 0)

    def test_a_taken_port_is_told_with_who_has_it(self):
        with socket.create_server(("127.0.0.1", self.port)):
            run = self.doctor(self.settings())
        self.assertEqual([f["check"] for f in self.alarms(run)], ["server-port"])
        self.assertRegex(self.alarms(run)[0]["what"], r"held by python\S* \(pid \d+\)")
        self.assert_code(run, 3)

    def test_another_program_of_the_account_at_the_address_is_not_us(self):
        elsewhere = free_port()
        self.internet.names[NAMES["elsewhere"]] = elsewhere
        other = self.settings(SERVER_PORT=str(elsewhere), WEBSOCKET_PORT="0",
                              PUBLIC_URL="https://" + NAMES["elsewhere"])
        serve = self.start(["serve"], other)
        wait_for("it is up", lambda: "leads here" in serve.err)
        run = self.doctor(self.settings(PUBLIC_URL="https://" + NAMES["elsewhere"]))
        self.assertEqual([f["check"] for f in self.alarms(run)], ["public-url"])
        self.assertIn("another agentbridge of this account", self.alarms(run)[0]["what"])
        self.assert_code(run, 7)
        serve.signal(signal.SIGINT)
        serve.wait(10)

    def test_everything_silent_at_once_still_takes_under_five_seconds(self):
        deaf = socket.create_server(("127.0.0.1", 0))
        run = self.doctor(self.settings(
            TWILIO_BASE_URL="https://" + NAMES["silent"], PUBLIC_URL="https://" + NAMES["silent"],
            AGENTBRIDGE_NGROK_API=f"http://127.0.0.1:{deaf.getsockname()[1]}"))
        deaf.close()
        self.assertEqual({f["check"] for f in self.alarms(run)}, {"account", "public-url"})
        self.assert_code(run, 7)

    def test_people_get_a_line_for_each_check_and_the_fix_below_it(self):
        environment = self.settings(PUBLIC_URL="https://" + NAMES["offline"])
        self.front.number["voice_url"] = environment["PUBLIC_URL"] + "/twilio/voice"
        run = self.run_to_end(["doctor"], environment)
        self.assert_code(run, 7)
        lines = run.out.splitlines()
        for line in lines:
            self.assertRegex(line, r"^(ok  |warn|fail|skip)  \S|^ +fix: ")
        at = next(i for i, line in enumerate(lines) if line.startswith("fail  public-url"))
        self.assertIn("fix: start the tunnel again", lines[at + 1])


if __name__ == "__main__":
    main()
