"""What tests of two-way calls share: a call with a microphone on a private sound server, and the built-in Twilio's own
recording of what the phone heard."""

import array
import math
import signal
import urllib.request
import wave

from harness import Emulator, wait_for
from sound_server import WithSoundServer

TARGET = "+12025550142"
PLAIN = {"AGENTBRIDGE_ECHO_CANCELLATION": "off", "AGENTBRIDGE_NOISE_SUPPRESSION": "off",
         "AGENTBRIDGE_AUTO_GAIN": "off", "AGENTBRIDGE_HIGH_PASS": "off"}


def mulaw(byte):
    """G.711: a byte's 16-bit sample."""
    byte ^= 0xFF
    size = (((byte & 15) << 3) + 132 << ((byte & 0x70) >> 4)) - 132
    return -size if byte & 0x80 else size


def loudness(samples):
    """In dB below full scale."""
    energy = sum(x * x for x in samples) / max(len(samples), 1)
    return 10 * math.log10(max(energy, 0.1) / 32768 ** 2)


def strength(samples, hz):
    """The share of a tone in 8 kHz samples, 0 to 1 (Goertzel)."""
    energy = sum(x * x for x in samples)
    if energy < len(samples) * 100:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * hz / 8000)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    power = before * before + last * last - turn * before * last
    return power / (energy * len(samples) / 2)


class TwoWayCalls(WithSoundServer):
    def begin(self, persona, **settings):
        """A call with the microphone that stays up; returns (emulator, call process, its CallSid)."""
        emulator = Emulator(self, "--persona", f"{TARGET}={persona}")
        environment = self.bridge_environment(emulator)
        environment.update(self.sound)
        environment.update({"AGENTBRIDGE_SPEAKER": "default", **settings})
        call = self.start(["--json", "call", "--target", TARGET, "--mic", "--yes"], environment, name="call")
        wait_for("the stream is up", lambda: self.streams(emulator, call), 20)
        sid = emulator.live_calls()[0]["sid"]
        return emulator, call, sid

    def streams(self, emulator, call):
        self.alive_or_fail(call)
        return any(event.get("event") == "stream_opened" for event in emulator.ledger())

    def alive_or_fail(self, call):
        if not call.running():
            self.fail(f"the call ended early\n{call}")

    def end(self, call):
        call.signal(signal.SIGINT)
        call.code = call.wait(20)
        self.assert_code(call, 0)

    def heard(self, emulator, sid):
        """What the phone heard so far, as a file."""
        path = self.folder / "heard.wav"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{emulator.url}/emulator/v1/calls/{sid}/heard.wav", timeout=10) as answer:
            path.write_bytes(answer.read())
        return path

    def samples(self, path):
        """Of a 16-bit file, or of the built-in Twilio's mu-law."""
        content = path.read_bytes()
        if content[20:22] == b"\x07\x00":
            return [mulaw(byte) for byte in content[content.index(b"data") + 8:]]
        with wave.open(str(path)) as file:
            data = array.array("h")
            data.frombytes(file.readframes(file.getnframes()))
        return data
