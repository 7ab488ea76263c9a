"""Where the public address comes from: a tunnel of our own, the running ngrok agent, PUBLIC_URL; what happens when
it changes, dies, or leads elsewhere; and that no tunnel outlives the program, however that ends."""

import os
import re
import signal
import sys
import time

from harness import ACCOUNT, EndToEnd, Emulator, OUR_NUMBER, TOKEN, free_port, main, skip, wait_for
from stand_ins import Internet, NgrokApi, Programs, alive

if not sys.platform.startswith("linux"):
    skip("the stand-ins look into /proc")

REST = "rest.stand-in.net"
HOME = "home.localhost"  # (see stand_ins: the emulator can reach these two)
SECOND = "second.localhost"
QUICK = "quick-blue-fox.trycloudflare.com"
GONE = "gone.ngrok.app"


class PublicUrl(EndToEnd):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.internet = Internet(self.folder, {REST: None, HOME: self.port, SECOND: self.port, QUICK: self.port,
                                               GONE: "offline"})
        self.home = f"https://{HOME}:{self.internet.front}"
        self.second = f"https://{SECOND}:{self.internet.front}"
        self.agents = []

    def tearDown(self):
        super().tearDown()
        self.internet.close()
        for agent in self.agents:
            agent.close()

    def agent(self, *tunnels, port=0):
        self.agents.append(NgrokApi(tunnels, port))
        return self.agents[-1]

    def twilio(self):
        """The emulator behind a public name, so that nothing takes it for a local one."""
        emulator = Emulator(self, "--ca", str(self.internet.certificate), "--persona", "default=say:Good day.,ring=100ms")
        self.internet.names[REST] = emulator.port
        return emulator

    def settings(self, **more):
        environment = {
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_PHONE_NUMBER": OUR_NUMBER,
            "TWILIO_BASE_URL": f"https://{REST}", "SERVER_PORT": str(self.port), "WEBSOCKET_PORT": "0",
            "AGENTBRIDGE_SPEAKER": "null", "AGENTBRIDGE_MEDIA_URL": f"ws://127.0.0.1:{self.port}",
            "AGENTBRIDGE_NGROK_API": f"http://127.0.0.1:{free_port()}", **self.internet.environment(),
        }
        environment.update(more)
        return environment

    def call(self, *arguments, **more):
        return self.run_to_end(["call", "--target", "+12025550100", *arguments], self.settings(**more))

    def asked(self, name):
        """The first request of each connection to `name`, without its query."""
        return [re.sub(r"\?.*", "", line.rsplit(" ", 1)[0]) for asked, line in self.internet.requests if asked == name]

    # --- the running ngrok agent

    def test_the_right_tunnel_of_a_running_agent_is_found(self):
        emulator = self.twilio()
        agent = self.agent(("https://other.ngrok.app", "http://localhost:9"), ("http://plain.ngrok.app", f"localhost:{self.port}"),
                           (self.home, f"http://127.0.0.1:{self.port}"))
        call = self.call(AGENTBRIDGE_NGROK_API=agent.url)
        self.assert_code(call, 0)
        self.assertIn(self.home, call.err)
        self.assertIn("stream_opened", [event["event"] for event in emulator.ledger()])
        self.assertIn("POST /twilio/status", self.asked(HOME))
        self.assert_nothing_left_open(emulator)

    def test_no_agent_no_tunnel_and_the_wrong_port_are_3_and_say_what_to_run(self):
        emulator = self.twilio()
        nobody = self.call()
        self.assert_code(nobody, 3)
        self.assertIn("PUBLIC_URL is not set", nobody.err)
        self.assertIn(f"ngrok http {self.port}", nobody.err)
        wrong = self.call(AGENTBRIDGE_NGROK_API=self.agent((self.home, "http://localhost:3000")).url)
        self.assert_code(wrong, 3)
        self.assertIn("port 3000", wrong.err)
        self.assertIn(f"ngrok http {self.port}", wrong.err)
        empty = self.call(AGENTBRIDGE_NGROK_API=self.agent().url)
        self.assert_code(empty, 3)
        self.assertIn("has no tunnel", empty.err)
        self.assertEqual(emulator.ledger(), [])

    def test_a_new_address_is_followed_within_ten_seconds(self):
        self.twilio()
        agent = self.agent((self.home, f"localhost:{self.port}"))
        serve = self.start(["serve"], self.settings(AGENTBRIDGE_NGROK_API=agent.url))
        wait_for("the address", lambda: f"Twilio reaches this at {self.home}" in serve.err)
        port = agent.server.server_port
        agent.close()
        wait_for("it is told", lambda: "the ngrok agent no longer answers" in serve.err, 10)
        began = time.monotonic()
        self.agent((self.second, f"localhost:{self.port}"), port=port)
        wait_for("it is followed", lambda: f"new calls use {self.second} from now on" in serve.err, 10)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(serve.err.count("no longer answers"), 1, "told once")
        serve.signal(signal.SIGINT)
        self.assertEqual(serve.wait(10), 0)

    def voice_url(self, emulator):
        numbers = emulator.get(f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json")
        return next(one["voice_url"] for one in numbers["incoming_phone_numbers"] if one["phone_number"] == OUR_NUMBER)

    def test_a_number_follows_the_address_and_is_given_back(self):
        emulator = self.twilio()
        agent = self.agent((self.home, f"localhost:{self.port}"))
        serve = self.start(["serve", "--use-number"], self.settings(AGENTBRIDGE_NGROK_API=agent.url))
        wait_for("it leads here", lambda: self.voice_url(emulator) == self.home + "/twilio/voice")
        port = agent.server.server_port
        agent.close()
        self.agent((self.second, f"localhost:{self.port}"), port=port)
        wait_for("it follows", lambda: self.voice_url(emulator) == self.second + "/twilio/voice", 15)
        serve.signal(signal.SIGINT)
        self.assertEqual(serve.wait(10), 0)
        self.assertEqual(self.voice_url(emulator), "")

    def test_a_number_is_taken_once_the_address_leads_here(self):
        emulator = self.twilio()
        self.internet.names[HOME] = "offline"
        serve = self.start(["serve", "--use-number"], self.settings(PUBLIC_URL=self.home))
        wait_for("it waits", lambda: "is used once the public address leads here" in serve.err)
        self.assertEqual(self.voice_url(emulator), "")
        self.internet.names[HOME] = self.port
        wait_for("it leads here", lambda: self.voice_url(emulator) == self.home + "/twilio/voice", 20)
        serve.signal(signal.SIGINT)
        self.assertEqual(serve.wait(10), 0)
        self.assertEqual(self.voice_url(emulator), "")

    # --- PUBLIC_URL

    def test_a_public_url_that_leads_elsewhere_is_7_and_nothing_is_dialled(self):
        emulator = self.twilio()
        for name, words in ((GONE, "ERR_NGROK_3200"), ("nowhere.ngrok.app", "nowhere.ngrok.app")):
            with self.subTest(name=name):
                call = self.call(PUBLIC_URL=f"https://{name}")
                self.assert_code(call, 7)
                self.assertIn(words, call.err)
        self.assertEqual(emulator.ledger(), [])

    def test_the_check_can_be_left_out(self):
        emulator = self.twilio()
        call = self.call("--url-check", "off", PUBLIC_URL=self.home)
        self.assert_code(call, 0)
        self.assertFalse([line for _, line in self.internet.requests if "probe=" in line])
        self.assert_nothing_left_open(emulator)

    def test_a_stale_public_url_gives_way_to_the_running_agent(self):
        self.twilio()
        agent = self.agent((self.home, f"{self.port}"))
        call = self.call(PUBLIC_URL=f"https://{GONE}", AGENTBRIDGE_NGROK_API=agent.url)
        self.assert_code(call, 0)
        self.assertIn(f"{self.home} does and is used", call.err)

    # --- a tunnel of our own

    def tunnel(self, *urls, which=("ngrok", "cloudflared")):
        programs = Programs(self.folder, urls, which)
        environment = self.settings()
        environment.update(programs.environment(self.environment()))
        return programs, environment

    def started(self, programs, name, environment):
        serve = self.start(["serve", "--tunnel", name], environment)
        wait_for("the tunnel", lambda: "runs; Twilio reaches this at" in serve.err)
        return serve, programs.starts(name)[0]["pid"]

    def test_ngrok_is_started_used_and_ended(self):
        emulator = self.twilio()
        programs, environment = self.tunnel(self.home)
        environment["PUBLIC_URL"] = f"https://{GONE}"  # a tunnel comes before it
        call = self.run_to_end(["call", "--target", "+12025550100", "--tunnel", "ngrok"], environment)
        self.assert_code(call, 0)
        self.assertIn("stream_opened", [event["event"] for event in emulator.ledger()])
        start = programs.starts("ngrok")[0]
        self.assertFalse(alive(start["pid"]))
        self.assertIn(f"http://127.0.0.1:{self.port}", start["argv"])
        self.assertNotIn(TOKEN, " ".join(start["argv"]))
        self.assertNotIn("TWILIO_AUTH_TOKEN", start["names"])
        self.assert_nothing_left_open(emulator)

    def test_cloudflared_is_started_by_the_setting_and_ended(self):
        self.twilio()
        programs, environment = self.tunnel(f"https://{QUICK}")
        environment["AGENTBRIDGE_TUNNEL"] = "cloudflared"
        serve = self.start(["serve"], environment)
        wait_for("the tunnel", lambda: f"cloudflared runs; Twilio reaches this at https://{QUICK}" in serve.err)
        serve.signal(signal.SIGINT)
        self.assertEqual(serve.wait(10), 0)
        start = programs.starts("cloudflared")[0]
        self.assertFalse(alive(start["pid"]))
        self.assertIn(f"http://127.0.0.1:{self.port}", start["argv"])
        programs.set("offline")
        offline = self.run_to_end(["serve"], environment)
        self.assert_code(offline, 7)
        self.assertIn("failed to request quick Tunnel", offline.err)

    def test_what_is_wrong_with_a_tunnel_is_said(self):
        self.twilio()
        programs, environment = self.tunnel(f"https://{GONE}", which=("ngrok",))
        missing = self.run_to_end(["call", "--target", "+12025550100", "--tunnel", "cloudflared"], environment)
        self.assert_code(missing, 3)
        self.assertIn("install it from", missing.err)
        programs.set("unauthenticated")
        refused = self.run_to_end(["call", "--target", "+12025550100", "--tunnel", "ngrok"], environment)
        self.assert_code(refused, 7)
        self.assertIn("requires a verified account and authtoken", refused.err)

    def test_a_tunnel_that_dies_is_started_again_and_its_new_address_used(self):
        self.twilio()
        programs, environment = self.tunnel(self.home, self.second)
        serve, pid = self.started(programs, "ngrok", environment)
        os.kill(pid, signal.SIGKILL)
        wait_for("it is told", lambda: "ngrok ended (exit code 137)" in serve.err)
        wait_for("the new address", lambda: f"new calls use {self.second} from now on" in serve.err)
        serve.signal(signal.SIGINT)
        self.assertEqual(serve.wait(10), 0)
        self.assertFalse(any(alive(start["pid"]) for start in programs.starts("ngrok")))

    def test_no_tunnel_outlives_the_program(self):
        self.twilio()
        programs, environment = self.tunnel(self.home)
        programs.set("ignore-term")
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(ending=ending):
                (programs.state / "ngrok.starts").unlink(missing_ok=True)
                serve, pid = self.started(programs, "ngrok", environment)
                serve.signal(ending)
                serve.wait(10)
                wait_for("the tunnel is gone", lambda pid=pid: not alive(pid), 3)


if __name__ == "__main__":
    main()
