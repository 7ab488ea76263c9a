"""Secrets with values of their own, in runs that go well and runs that fail, all at DEBUG: their text, and what it
becomes in a request, is nowhere in what is printed, logged, kept or shown in a command line."""

import base64
import json
import pathlib
import time
import urllib.parse

from by_hand import Twilio, new_sid, signature
from certificates import Authority
import harness
from harness import ACCOUNT, MARK, OUR_NUMBER, Emulator, EndToEnd, main, wait_for

NEW = "c0ffee11" * 4
OLD = "deadbe22" * 4
WRONG = "bad5ec33" * 4
API_KEY = "SK" + "0123456789abcdef" * 2
API_SECRET = "5ec4e744" * 4


def forms_of(secret, user):
    """As it is, in a URL, in base64, and in a Basic Authorization."""
    yield secret
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield base64.b64encode(f"{user}:{secret}".encode()).decode()
    yield urllib.parse.quote(f"{user}:{secret}")


class Canary(EndToEnd):
    def setUp(self):
        super().setUp()
        self.canaries = {form for secret in (NEW, OLD, WRONG) for form in forms_of(secret, ACCOUNT)}
        self.canaries |= set(forms_of(API_SECRET, API_KEY))
        self.commands = set()
        self.settings = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": f"{NEW},{OLD}",
                         "TWILIO_PHONE_NUMBER": OUR_NUMBER, "LOG_LEVEL": "DEBUG", "AGENTBRIDGE_SPEAKER": "null"}

    def note_commands(self):
        """Command lines of all processes of the tests, as every user of the machine sees them."""
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if MARK.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    self.commands.add((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                pass

    def run_all(self, arguments, environment, codes, seconds=40):
        process = self.start(arguments, environment)
        until = time.monotonic() + seconds
        while process.running() and time.monotonic() < until:
            self.note_commands()
            time.sleep(0.05)
        code = process.wait(1)
        self.assertIn(code, codes, str(process))
        return process

    def nothing_shown(self):
        """Looks into every file of the test's folder (outputs, state, ledgers) and every command line seen."""
        looked_at, mine = 0, {".env"}
        for path in self.folder.rglob("*"):
            if not path.is_file() or path.name in mine:
                continue
            looked_at += 1
            text = path.read_bytes()
            for canary in self.canaries:
                if canary.encode() in text:
                    at = text.index(canary.encode())
                    self.fail(f"{path.name} shows a secret: …{text[max(0, at - 150):at]!r}[it]")
        for command in self.commands:
            for canary in self.canaries:
                self.assertNotIn(canary, command)
        self.assertGreater(looked_at, 3)
        return looked_at

    def emulator(self, token, *arguments):
        """An emulator whose account has another token than the harness's."""
        before = harness.TOKEN
        harness.TOKEN = token
        try:
            started = Emulator(self, *arguments)
        finally:
            harness.TOKEN = before
        return started

    def test_commands_that_show_and_check_settings(self):
        (self.folder / ".env").write_text(
            f"TWILIO_API_KEY={API_KEY}\nTWILIO_API_SECRET='{API_SECRET}'\nthis line is {WRONG}\n"
            f"AGENTBRIDGE_TIME_LIMIT={WRONG}\nTWILIO_PHONE_NUMBER={WRONG}\n")
        swapped = {**self.settings, "TWILIO_ACCOUNT_SID": NEW, "TWILIO_PHONE_NUMBER": OLD, "PUBLIC_URL": API_SECRET,
                   "TWILIO_BASE_URL": f"https://me:{NEW}@api.example.net", "LOG_LEVEL": NEW}
        spaced = {**self.settings, "TWILIO_AUTH_TOKEN": f"{NEW} {OLD}"}
        for environment in (self.settings, swapped, spaced):
            for arguments in (["config", "show", "--show-origin"], ["config", "show", "--json"], ["config", "check"],
                              ["call", "--target", "+12025550102", "--dry-run"], ["doctor"], ["serve"]):
                if environment is self.settings and arguments[0] in ("doctor", "serve"):
                    continue  # complete settings: these would really talk to Twilio
                self.run_all(arguments, environment, range(0, 10))
        self.nothing_shown()

    def test_a_call_that_goes_well_and_webhooks_that_do_not(self):
        emulator = self.emulator(NEW, "--persona", "+12025550111=tone:440,repeat=yes,hangup=no,delay=0,max=30s")
        environment = self.bridge_environment(emulator, **self.settings)
        bridge = self.start(["--target", "+12025550111"], environment)
        wait_for("the call streams", lambda: any(e["event"] == "stream_opened" for e in emulator.ledger()), 15)
        self.note_commands()
        twilio = Twilio(int(environment["SERVER_PORT"]))
        form = {"CallSid": new_sid(), "From": "+12025550177", "To": OUR_NUMBER, "CallStatus": "ringing"}
        url = twilio.public + "/twilio/voice"
        for token, status in ((NEW, 200), (OLD, 200), (WRONG, 403)):
            answer = twilio.post("/twilio/voice", form, sign=signature(url, form, token))
            self.assertEqual(answer.status, status)
        twilio.post("/twilio/voice", {**form, "X": NEW}, sign=WRONG)
        twilio.post(f"/twilio/voice?call={OLD}", form, sign=False)
        for path in ("/twilio/media/guess", "/twilio/media/" + "a" * 27):
            twilio.upgrade(path, signature("ws" + twilio.public[4:] + path, (), OLD))[0].close()
        twilio.post("/twilio/status", {"CallSid": form["CallSid"], "CallStatus": "completed"},
                    sign=signature(twilio.public + "/twilio/status",
                                   {"CallSid": form["CallSid"], "CallStatus": "completed"}, OLD))
        bridge.signal(2)
        self.assertEqual(bridge.wait(20), 0, str(bridge))
        self.assertIn("debug", bridge.err)
        self.nothing_shown()

    def test_rest_that_fails(self):
        right = self.emulator(NEW)
        for more, codes in (({"TWILIO_AUTH_TOKEN": WRONG}, [4]),
                            ({"TWILIO_API_KEY": API_KEY, "TWILIO_API_SECRET": API_SECRET}, [4]),
                            ({"TWILIO_BASE_URL": "http://127.0.0.1:9"}, range(1, 10)),
                            ({"TWILIO_BASE_URL": "https://127.0.0.1:9", "https_proxy":
                              f"http://me:{WRONG}@127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}, range(1, 10))):
            environment = self.bridge_environment(right, **{**self.settings, **more})
            self.run_all(["--target", "+12025550102"], environment, codes)
        for fault in ({"create": "500_before"}, {"signature": "wrong"}):
            right.request("PUT", "/emulator/v1/faults", body=json.dumps(fault).encode(), token=NEW)
            environment = self.bridge_environment(right, **self.settings)
            self.run_all(["--target", "+12025550102"], environment, range(0, 10), 60)
            right.request("PUT", "/emulator/v1/faults", body=b'{"create":"ok","signature":"ok"}', token=NEW)
        self.nothing_shown()

    def test_a_demo_and_a_certificate_whose_key_is_a_secret_too(self):
        authority = Authority(self.folder)
        certificate, key = authority.issue("bridge")
        self.canaries |= {line for line in key.read_text().splitlines() if not line.startswith("-----")}
        self.run_all(["demo", "--persona", "say:Hello."], self.settings, [0])
        environment = {**self.settings, "TWILIO_BASE_URL": "http://127.0.0.1:9", "AGENTBRIDGE_TLS_CERT": str(key),
                       "AGENTBRIDGE_TLS_KEY": str(certificate)}
        self.run_all(["serve"], environment, [3])
        for path in list(self.folder.glob("*.key")):
            path.unlink()
        self.nothing_shown()


if __name__ == "__main__":
    main()
