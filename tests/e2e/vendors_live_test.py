"""A whole call with each vendor's agent: it greets, is asked for something long, is interrupted, answers again, and the
call is ended. The judge is the built-in Twilio: what its phone heard, and when.

By default the vendors are the tests' own strict servers, reached through each vendor's address setting. With
AGENTBRIDGE_LIVE_CHECKS=1 they are the real ones, each only if its key is in the environment (OPENAI_API_KEY;
ELEVENLABS_API_KEY with ELEVENLABS_AGENT_ID; DEEPGRAM_API_KEY). A live call costs a few cents at most: it is ended after
a minute, whatever happens. The phone is the built-in Twilio's in both cases; no telephone call is made."""

import os
import urllib.request

from harness import EndToEnd, Emulator, find_key, json_objects, main, skip, wait_for
from services import Service
from two_way_call import mulaw

LIVE = os.environ.get("AGENTBRIDGE_LIVE_CHECKS") == "1"
TARGET = "+12025550142"
LOUDEST_SECONDS = 60  # of a call, live or not
STAND_IN_KEY = "sk-standin0123456789abcdefstandin"

# Asks once the greeting is over, interrupts a second and a half into the answer, and hears the next answer.
CALLER = """
timeout 20s
wait speech 200
wait silence 1500
say Please tell me a long story about the sea, and take your time with it.
wait speech 200
pause 1500
say Stop, please stop. What is two and two?
wait speech 200
wait silence 2500
pause 30s
hangup
"""


def openai_stand_in(test):
    service = Service(test, "realtime_server", "--key", STAND_IN_KEY)
    for length in (1500, 6000, 1500):
        service.do("answer", ms=length, hz=500, text="All is well, and there is much to tell.")
    return service, {"OPENAI_API_KEY": STAND_IN_KEY, "AGENTBRIDGE_OPENAI_URL": f"ws://127.0.0.1:{service.port}/v1/realtime"}


def elevenlabs_stand_in(test):
    service = Service(test, "vendor_server", "--key", STAND_IN_KEY, "--vendor", "elevenlabs", "--agent-id", "agent_7")
    return service, {"ELEVENLABS_API_KEY": STAND_IN_KEY, "ELEVENLABS_AGENT_ID": "agent_7",
                     "AGENTBRIDGE_ELEVENLABS_URL": f"http://127.0.0.1:{service.port}"}


def deepgram_stand_in(test):
    service = Service(test, "vendor_server", "--key", STAND_IN_KEY, "--vendor", "deepgram")
    return service, {"DEEPGRAM_API_KEY": STAND_IN_KEY,
                     "AGENTBRIDGE_DEEPGRAM_URL": f"ws://127.0.0.1:{service.port}/v1/agent/converse"}


INSTRUCTIONS = {"AGENTBRIDGE_AGENT_INSTRUCTIONS": "You are tested over a telephone. Speak English. Answer at length when a story is asked "
                "for, and in one short sentence otherwise.",
                "AGENTBRIDGE_AGENT_GREETING": "Hello, how can I help you?"}
# name: what a live check needs, what else it is told (an ElevenLabs agent has its own words), its stand-in
VENDORS = {
    "openai": (["OPENAI_API_KEY"], INSTRUCTIONS, openai_stand_in),
    "elevenlabs": (["ELEVENLABS_API_KEY", "ELEVENLABS_AGENT_ID"], {}, elevenlabs_stand_in),
    "deepgram": (["DEEPGRAM_API_KEY"], INSTRUCTIONS, deepgram_stand_in),
}


def usable(vendor):
    return all(os.environ.get(name) for name in VENDORS[vendor][0])


class Vendors(EndToEnd):
    def test_openai(self):
        self.hold_a_conversation("openai")

    def test_elevenlabs(self):
        self.hold_a_conversation("elevenlabs")

    def test_deepgram(self):
        self.hold_a_conversation("deepgram")

    def hold_a_conversation(self, vendor):
        needs, words, stand_in = VENDORS[vendor]
        service, told = None, {}
        if LIVE:
            if not usable(vendor):
                self.skipTest(f"live check of {vendor}: set {' and '.join(needs)}")
            told = {name: os.environ[name] for name in needs}
            told.update({name: value for name, value in os.environ.items()
                         if name.startswith(f"AGENTBRIDGE_{vendor.upper()}_")})
        else:
            service, told = stand_in(self)
        script = self.folder / "caller.script"
        script.write_text(CALLER, encoding="utf-8")
        self.emulator = Emulator(self, "--persona", f"{TARGET}=script:{script},ring=500ms")
        self.settings = self.bridge_environment(
            self.emulator, **words, **told, AGENTBRIDGE_TIME_LIMIT=str(LOUDEST_SECONDS),
            AGENTBRIDGE_AGENT_NOTICE="off", AGENTBRIDGE_AGENT_FALLBACK="hangup", AGENTBRIDGE_CONTROL_PORT="0")
        call = self.start(["--json", "call", "--target", TARGET, "--agent", vendor, "--yes"], self.settings, name="call")
        self.call = call

        self.wait("the phone is answered", lambda: self.sids(), 20)
        self.sid = self.sids()[0]
        self.wait("the session is ready", lambda: self.shown().get("agent", {}).get("status") == "ready", 15)
        self.wait("the greeting is heard", lambda: self.loud_pieces() >= 15, 20)
        self.wait("the story begins", lambda: self.turns().get("count", 0) >= 1, 30)
        self.wait("the caller interrupts it", lambda: self.turns().get("interruptions", 0) >= 1, 30)
        self.assertGreaterEqual(self.shown()["outbound"]["clears"], 1, "what was not heard yet is thrown away")
        self.wait("the second question is answered", lambda: self.turns().get("count", 0) >= 2, 30)
        self.wait("and heard", lambda: "heard" in self.turns().get("last_ms", {}), 15)
        turns = self.turns()
        self.command("hangup")
        call.code = call.wait(20)
        self.assert_code(call, 0)
        self.assert_nothing_left_open(self.emulator)
        for text in (call.out, call.err):
            self.assertNotIn("the agent is lost", text)
            for name in needs:
                if name.endswith("_KEY"):
                    self.assertNotIn(told[name], text, "no key is shown")
        total = turns["legs"]["total"]
        print(f"\n{vendor}{'' if LIVE else ' (stand-in)'}: greeting after {turns.get('greeting_ms', {}).get('total', '?')} ms, "
              f"{turns['count']} turns in {total['p50_ms']} ms median, {total['max_ms']} ms at most; the last: "
              + ", ".join(f"{leg} {ms} ms" for leg, ms in turns["last_ms"].items()), flush=True)
        if service:
            self.judge(vendor, service)

    def judge(self, vendor, service):
        """What the stand-in has to say about us."""
        if vendor == "openai":
            service.do("report")
            told = wait_for("the service reports", lambda: find_key(service.lines(), "report"))
            self.assertEqual([(one["open"], one["refusals"]) for one in told["sessions"]], [(False, [])])
            return
        service.stop()
        told = find_key(service.lines(), "report")
        self.assertEqual((told["conversations"], told["closed"], told["complaints"]), (1, 1, []))
        self.assertGreaterEqual(told["interruptions"], 1)

    def wait(self, what, condition, seconds):
        """As wait_for, and a call that ended meanwhile is told with all it said."""
        def there():
            if not self.call.running():
                raise AssertionError(f"{what}: the call has ended\n{self.call}")
            return condition()
        return wait_for(what, there, seconds)

    def sids(self):
        return [one["sid"] for one in self.emulator.live_calls() if one["status"] == "in-progress"]

    def command(self, *arguments):
        done = self.run_to_end(["--json", "calls", *arguments], self.settings, 20)
        self.assert_code(done, 0)
        return json_objects(done.out)[0]

    def shown(self):
        return self.command("show")

    def turns(self):
        return self.shown().get("turns", {})

    def loud_pieces(self):
        """20 ms pieces in which the phone heard a voice."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.emulator.url}/emulator/v1/calls/{self.sid}/heard.wav", timeout=10) as answer:
            content = answer.read()
        sound = content[content.index(b"data") + 8:]
        return sum(max(abs(mulaw(byte)) for byte in sound[at:at + 160]) > 1500 for at in range(0, len(sound) - 159, 160))


if __name__ == "__main__":
    if LIVE and not any(usable(vendor) for vendor in VENDORS):
        skip("AGENTBRIDGE_LIVE_CHECKS=1, but no vendor's key is set: OPENAI_API_KEY; ELEVENLABS_API_KEY and "
             "ELEVENLABS_AGENT_ID; DEEPGRAM_API_KEY")
    main()
