"""Phone bots that were not written here, with the bridge as their Twilio: the built-in Twilio's phone, the bridge
with `--agent ws://…`, and a bot from npm (tests/npm), judged at all three ends."""

import json
import os
import shutil
import signal
import urllib.request

from harness import BUILD, SOURCE, EndToEnd, Emulator, main, skip, wait_for
from two_way_call import mulaw, strength

MODULES = BUILD / "npm" / "node_modules"
TARGET = "+12025550142"

CALLER_OF_THE_GREETER = """
wait speech 300
wait silence 400
say Good morning. Do you have a table for two on Friday evening?
wait speech 2s
say Excuse me, I have to interrupt you here. It is Saturday that I mean.
wait speech 1s
press 5
pause 500
hangup
"""

CALLER_OF_THE_PARROT = """
wait speech 500
wait silence 600
say Polly wants a cracker.
wait speech 600
wait silence 800
press 9
pause 20s
hangup
"""


class Bots(EndToEnd):
    def begin(self, script, bot_script, **settings):
        """A call to a phone with that script, with a bot on it; returns (emulator, bot, call)."""
        persona = self.folder / "caller.txt"
        persona.write_text(script)
        self.emulator = Emulator(self, "--persona", f"{TARGET}=script:{persona},ring=1500")
        self.bot = self.start_program([shutil.which("node"), str(SOURCE / "tests/npm" / bot_script)],
                                      {"NODE_PATH": str(MODULES)}, name="bot")
        port = wait_for("the bot listens", lambda: self.find("listening"), 30)["listening"]
        environment = self.bridge_environment(self.emulator, **settings)
        self.call = self.start(["--json", "call", "--target", TARGET, "--agent", f"ws://127.0.0.1:{port}/media-stream",
                                "--yes"], environment, name="call")

    def told(self):
        """What the bot has printed."""
        if not self.bot.running():
            self.fail(f"the bot ended\n{self.bot}")
        return [json.loads(line) for line in self.bot.out.splitlines() if line.endswith("}")]

    def find(self, key, value=None):
        """The first line of the bot with that key (and value)."""
        return next((line for line in self.told() if key in line and value in (None, line[key])), None)

    def all(self, key, value):
        return [line for line in self.told() if line.get(key) == value]

    def finish(self):
        """The call comes to its own end; returns what the phone heard, 8 kHz."""
        self.call.code = self.call.wait(90)
        self.assert_code(self.call, 0)
        wait_for("the bot's stream is closed", lambda: self.find("twilio", "closed"))
        sid = self.find("twilio", "start")["start"]["callSid"]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.emulator.url}/emulator/v1/calls/{sid}/heard.wav", timeout=10) as answer:
            content = answer.read()
        self.assert_nothing_left_open(self.emulator)
        return [mulaw(byte) for byte in content[content.index(b"data") + 8:]]

    def tone_ms(self, samples, hz):
        """How long the phone heard a tone, and the longest pause within it, in ms."""
        heard = [at for at in range(0, len(samples) - 160, 160) if strength(samples[at:at + 160], hz) > 0.8]
        gaps = [(after - before) // 8 - 20 for before, after in zip(heard, heard[1:])]
        return len(heard) * 20, max(gaps, default=0)

    def expect_a_clean_stream(self, parameters):
        self.assertEqual([line["twilio"] for line in self.told() if line.get("twilio") in ("connected", "start")],
                         ["connected", "start"])
        start = self.find("twilio", "start")["start"]
        self.assertEqual(start["customParameters"], parameters)
        self.assertEqual(start["mediaFormat"], {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1})
        self.assertEqual(start["accountSid"], self.emulator.ledger()[0].get("account", start["accountSid"]))
        closed = self.find("twilio", "closed")
        self.assertEqual(closed["faults"], [])
        self.assertGreater(closed["media"], 100)

    def test_openai_s_own_twilio_transport(self):
        self.begin(CALLER_OF_THE_GREETER, "realtime_bot.js", AGENTBRIDGE_BOT_PARAMETERS="tenant=42")
        samples = self.finish()
        self.expect_a_clean_stream({"tenant": "42"})
        self.assertEqual(self.all("session", "error") + self.all("realtime", "error"), [])
        self.assertEqual(self.find("twilio", "dtmf")["dtmf"]["digit"], "5")
        self.assertTrue(self.find("twilio", "stop"))

        # The bot's ear: the caller spoke twice, and all of the call came through.
        self.assertEqual(len(self.all("realtime", "speech_started")), 2)
        media = self.find("twilio", "closed")["media"]
        self.assertGreaterEqual(self.find("realtime", "closed")["appended_ms"], media * 20 - 1000)

        # The phone: the greeting, whole, although it was said while the phone rang …
        greeting, gap = self.tone_ms(samples, 700)
        self.assertGreaterEqual(greeting, 960)
        self.assertEqual(gap, 0)
        # … and an answer that was cut off: the bot knows where, within a mark and a round trip.
        answer, gap = self.tone_ms(samples, 900)
        self.assertEqual(gap, 0)
        truncated = self.find("realtime", "truncated")
        print("heard", answer, "ms of", truncated, flush=True)
        self.assertLess(answer, 5000)
        self.assertLessEqual(abs(truncated["at_ms"] - answer), 400)
        # Every mark that was set after `start` has come back.
        self.assertGreaterEqual(len(self.all("twilio", "mark")), truncated["length_ms"] // 125)

    def test_a_parrot_on_agentos(self):
        self.begin(CALLER_OF_THE_PARROT, "parrot_bot.mjs")
        samples = self.finish()
        self.expect_a_clean_stream({})
        greeting, gap = self.tone_ms(samples, 600)
        self.assertGreaterEqual(greeting, 960)
        self.assertEqual(gap, 0)
        self.assertEqual([line["mark"]["name"] for line in self.all("twilio", "mark")][:2], ["greeted", "said back"])
        # What the caller said came back to it: as much sound after the greeting as it was told.
        said = self.find("parrot", "says back")["ms"]
        tail = samples[next(at for at in range(len(samples)) if strength(samples[at:at + 160], 600) > 0.8) + 8000:]
        loud = sum(1 for at in range(0, len(tail) - 160, 160) if sum(abs(x) for x in tail[at:at + 160]) > 160 * 200)
        print("said back", said, "ms, heard", loud * 20, "ms loud", flush=True)
        self.assertGreater(loud * 20, 500)
        # This transport answers `start` with a `connected` of its own, of which Twilio would warn; it goes on.
        self.assertIn("31951", self.call.out + self.call.err)
        # It closes with 1000: the call is over, and not by the caller, who would have stayed.
        self.assertEqual(self.find("twilio", "closed")["code"], 1000)


if __name__ == "__main__":
    needed = [MODULES / "@openai/agents-extensions", MODULES / "@framers/agentos"]
    if shutil.which("node") is None or not all(package.is_dir() for package in needed):
        if os.environ.get("CI") == "true":
            raise SystemExit("the npm packages of tests/npm are not installed; ./run-tests does it")
        skip("the npm packages of tests/npm are not installed; ./run-tests does it")
    main()
