"""An agent of a service (the tests' own strict Realtime server) on a real call, and a person beside it: the command
line takes over, whispers and hands back, the service drops and comes back, and no key is shown anywhere. The judge is
the built-in Twilio's recording of what the phone heard."""

import array
import json
import math
import urllib.request
import wave

from harness import EndToEnd, Emulator, json_objects, main, wait_for
from services import Service
from two_way_call import mulaw, strength

TARGET = "+12025550142"
KEY = "sk-canary0123456789abcdefcanary"
GREETING, SILENCED, ANSWER, BACK, VOICE = 440, 900, 700, 1100, 300  # Hz


class Realtime(Service):
    """The Realtime service."""

    def __init__(self, test):
        super().__init__(test, "realtime_server", "--key", KEY, "--no-vad")

    def say(self, hz, ms=800):
        self.do("answer", hz=hz, ms=ms)
        self.do("say")


class Agents(EndToEnd):
    def voice_file(self):
        """A second of a tone, for a person who never stops humming."""
        path = self.folder / "voice.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(array.array("h", (int(9000 * math.sin(2 * math.pi * VOICE * i / 8000))
                                               for i in range(8000))).tobytes())
        return path

    def heard(self):
        """Ends of the 20 ms pieces of what the phone heard so far in which a tone was, by tone."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.emulator.url}/emulator/v1/calls/{self.sid}/heard.wav", timeout=10) as answer:
            content = answer.read()
        samples = [mulaw(byte) for byte in content[content.index(b"data") + 8:]]
        pieces = [samples[at:at + 160] for at in range(0, len(samples) - 159, 160)]
        return {hz: sum(strength(piece, hz) > 0.7 for piece in pieces) for hz in (GREETING, SILENCED, ANSWER, BACK, VOICE)}

    def command(self, *arguments):
        done = self.run_to_end(["--json", "calls", *arguments], self.settings, 20)
        self.assert_code(done, 0)
        return json_objects(done.out)[0]

    def agent(self):
        return self.command("show").get("agent", {})

    def test_a_person_beside_an_agent_and_a_service_that_comes_and_goes(self):
        service = Realtime(self)
        self.emulator = Emulator(self, "--persona", f"{TARGET}=silence,ring=600")
        service.do("answer", hz=GREETING, ms=1000)
        self.settings = self.bridge_environment(
            self.emulator, OPENAI_API_KEY=KEY, AGENTBRIDGE_OPENAI_URL=f"ws://127.0.0.1:{service.port}/v1/realtime",
            AGENTBRIDGE_AGENT_GREETING="Say hello.", AGENTBRIDGE_AGENT_NOTICE="off", LOG_LEVEL="DEBUG",
            AGENTBRIDGE_ECHO_CANCELLATION="off", AGENTBRIDGE_NOISE_SUPPRESSION="off", AGENTBRIDGE_AUTO_GAIN="off",
            AGENTBRIDGE_CONTROL_PORT="0")
        call = self.start(["--json", "call", "--target", TARGET, "--agent", "openai", "--mic", "--microphone",
                           f"file:{self.voice_file()},loop", "--yes"], self.settings, name="call")
        self.sid = wait_for("the call is up", lambda: [one["sid"] for one in self.emulator.live_calls()
                                                       if one["status"] == "in-progress"], 20)[0]
        wait_for("the greeting is heard, whole", lambda: self.heard()[GREETING] >= 48)
        self.assertEqual(self.heard()[VOICE], 0, "the person only listens")
        self.assertEqual((self.agent()["name"], self.agent()["status"], self.agent()["mode"]),
                         ("openai", "ready", "speaks"))

        taken = self.command("agent", "take-over")
        self.assertEqual(taken["agent"]["mode"] if "agent" in taken else "taken-over", "taken-over")
        wait_for("the person is heard", lambda: self.heard()[VOICE] >= 10)
        service.say(SILENCED)
        wait_for("the agent is told that nobody heard it",
                 lambda: any("truncate" in json.dumps(line) for line in service.lines()))
        self.command("agent", "whisper")
        voice = self.heard()[VOICE]
        service.say(ANSWER)
        wait_for("the agent is heard again", lambda: self.heard()[ANSWER] >= 38)
        self.assertLessEqual(self.heard()[VOICE], voice + 15, "whispered words are not for the phone")
        self.assertEqual(self.heard()[SILENCED], 0)

        service.do("drop")
        wait_for("the loss is told", lambda: "the agent is lost" in call.out + call.err)
        wait_for("it is back", lambda: self.agent().get("sessions", 0) >= 2 and self.agent()["status"] == "ready")
        service.say(BACK)
        wait_for("and speaks", lambda: self.heard()[BACK] >= 38)

        self.command("agent", "off")
        self.assertNotIn("agent", self.command("show"))
        before = self.heard()[VOICE]
        wait_for("the call is the person's", lambda: self.heard()[VOICE] > before + 10)
        self.command("hangup")
        call.code = call.wait(20)
        self.assert_code(call, 0)
        self.assert_nothing_left_open(self.emulator)
        for process in self.processes:
            self.assertNotIn(KEY, process.out + process.err)

    def test_a_service_that_refuses_the_key_costs_no_call(self):
        service = Realtime(self)
        self.emulator = Emulator(self, "--persona", f"{TARGET}=silence,ring=5s")
        settings = self.bridge_environment(
            self.emulator, OPENAI_API_KEY="sk-wrong", AGENTBRIDGE_OPENAI_URL=f"ws://127.0.0.1:{service.port}/v1/realtime",
            AGENTBRIDGE_CONTROL_PORT="0")
        call = self.run_to_end(["call", "--target", TARGET, "--agent", "openai", "--yes"], settings, 30)
        self.assertNotEqual(call.code, 0)
        self.assertIn("OPENAI_API_KEY", call.out + call.err)
        self.assertNotIn("sk-wrong", call.out + call.err)
        self.assert_nothing_left_open(self.emulator)

    def test_settings_that_are_missing_are_told_before_anything_is_dialled(self):
        self.emulator = Emulator(self)
        settings = self.bridge_environment(self.emulator)
        for agent, name, code in (("openai", "OPENAI_API_KEY", 3), ("elevenlabs", "ELEVENLABS_AGENT_ID", 3),
                                  ("deepgram", "DEEPGRAM_API_KEY", 3), ("opnai", "did you mean openai", 2)):
            call = self.run_to_end(["call", "--target", TARGET, "--agent", agent, "--yes"], settings, 20)
            self.assert_code(call, code)
            self.assertIn(name, call.err)
        self.assertEqual(self.emulator.calls(), [])


if __name__ == "__main__":
    main()
