"""Headsets come and go in the middle of a call: the microphone, the loudspeaker or both are taken away and come back,
or the system's default changes. Both ways, sound is back within two seconds, and each time it is one gap."""

import math
import re
import subprocess
import time
import wave

from harness import main, wait_for
from sound_server import Recorder
from two_way_call import PLAIN, TwoWayCalls, loudness

BACK_WITHIN_S = 2.0
LOUD_DBFS = -35
NAMED = {"AGENTBRIDGE_SPEAKER": "test_speaker", "AGENTBRIDGE_MICROPHONE": "test_mic"}


class HotPlug(TwoWayCalls):
    def pactl(self, *arguments):
        return subprocess.run(["pactl", *arguments], env=self.sound, capture_output=True, text=True, check=True,
                              timeout=10).stdout.strip()

    def unload(self, argument):
        """Takes away the sink or source of that name. Returns how to bring it back."""
        for line in self.pactl("list", "short", "modules").splitlines():
            number, name, arguments = (line.split("\t") + ["", ""])[:3]
            if argument in arguments.split():
                self.pactl("unload-module", number)
                return [name, *re.findall(r"\S+", arguments)]
        raise AssertionError(f"no module with {argument}")

    def load(self, module):
        self.pactl("load-module", *module)

    def play(self, sink="micfeed", hz=700):
        """A tone into the microphone, until the test ends."""
        path = self.folder / f"tone-{hz}.wav"
        if not path.exists():
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 48000, 0, "NONE", ""))
                second = b"".join(int(9000 * math.sin(2 * math.pi * hz * i / 48000)).to_bytes(2, "little", signed=True)
                                  for i in range(48000))
                file.writeframes(second * 90)
        player = subprocess.Popen(["paplay", "-d", sink, str(path)], env=self.sound, stdin=subprocess.DEVNULL)
        self.addCleanup(player.wait)
        self.addCleanup(player.kill)

    def phone_hears(self):
        """Whether the phone heard something in the last 200 ms."""
        return loudness(self.samples(self.heard(self.emulator, self.sid))[-1600:]) > LOUD_DBFS

    def call_up(self, **settings):
        self.play()
        self.emulator, self.call, self.sid = self.begin("tone:440,repeat=yes,hangup=no", **PLAIN, **settings)
        wait_for("the phone hears the microphone", self.phone_hears, 20)
        self.laptop_plays("at first", 20)

    def laptop_plays(self, name, seconds=BACK_WITHIN_S, source="speaker.monitor"):
        recorder = Recorder(self.sound, self.folder / f"{name.replace(' ', '-')}.raw", source)
        self.addCleanup(recorder.stop)
        wait_for(f"the laptop plays the phone, {name}", recorder.hears, seconds)
        recorder.stop()

    def timed(self, what, condition):
        began = time.monotonic()
        wait_for(what, condition, BACK_WITHIN_S)
        print(f"{what}: {time.monotonic() - began:.2f} s", flush=True)

    def finish(self):
        """Ends the call; what the devices' last lines say: (speaker's, microphone's)."""
        self.end(self.call)
        self.assert_nothing_left_open(self.emulator)
        figures = [dict(re.findall(r"(\w+)=(\d+)", line)) for line in self.call.err.splitlines() if "callbacks=" in line]
        speaker = next(one for one in figures if "underflows" in one)
        microphone = next(one for one in figures if "overflows" in one)
        return speaker, microphone

    def second_devices(self):
        self.pactl("load-module", "module-null-sink", "sink_name=headset", "rate=48000", "channels=1", "norewinds=1")
        self.pactl("load-module", "module-null-sink", "sink_name=headfeed", "rate=48000", "channels=1", "norewinds=1")
        self.pactl("load-module", "module-remap-source", "source_name=headmic", "master=headfeed.monitor")

    def test_a_microphone_that_is_unplugged_and_plugged_in_again(self):
        self.second_devices()
        self.call_up()
        module = self.unload("source_name=mic")
        # The sound server gives the call the other microphone, at which nobody speaks.
        wait_for("the phone hears nothing", lambda: not self.phone_hears(), 5)
        self.laptop_plays("without the microphone")
        self.load(module)
        self.pactl("set-default-source", "mic")
        self.timed("the phone hears the microphone again", self.phone_hears)
        speaker, _ = self.finish()
        self.assertEqual(speaker["losses"], "0", str(self.call))

    def test_a_speaker_that_is_unplugged_and_plugged_in_again(self):
        self.second_devices()
        self.call_up()
        module = self.unload("sink_name=speaker")
        self.pactl("set-default-sink", "headset")  # of those that are left
        self.laptop_plays("on the other speaker", source="headset.monitor")
        self.timed("the phone still hears", self.phone_hears)
        self.load(module)
        self.pactl("set-default-sink", "speaker")
        self.laptop_plays("again")
        self.timed("the phone hears the microphone", self.phone_hears)
        _, microphone = self.finish()
        self.assertEqual(microphone["losses"], "0", str(self.call))

    def test_all_there_is_unplugged_and_plugged_in_again(self):
        self.call_up(**NAMED)
        modules = [self.unload(one) for one in ("source_name=mic", "sink_name=micfeed", "sink_name=speaker")]
        wait_for("it is told", lambda: "gone" in self.call.err, BACK_WITHIN_S)
        wait_for("the phone hears nothing", lambda: not self.phone_hears(), 5)
        for module in reversed(modules):
            self.load(module)
        self.pactl("set-default-sink", "speaker")
        self.pactl("set-default-source", "mic")
        self.play(hz=800)
        self.timed("the phone hears the microphone again", self.phone_hears)
        self.laptop_plays("again")
        speaker, microphone = self.finish()
        self.assertEqual((speaker["losses"], microphone["losses"], microphone["gaps"]), ("1", "1", "1"), str(self.call))

    def test_another_default_in_mid_call(self):
        self.second_devices()
        self.call_up()
        self.pactl("set-default-sink", "headset")
        self.laptop_plays("on the headset", source="headset.monitor")
        self.pactl("set-default-source", "headmic")
        wait_for("the phone hears the silent headset", lambda: not self.phone_hears(), 5)
        self.play("headfeed", 900)
        self.timed("the phone hears the headset", self.phone_hears)
        self.finish()

    def headset_of(self, rate):
        source, feed, sink = (self.unload(name) for name in
                              ("source_name=mic", "sink_name=micfeed", "sink_name=speaker"))
        for module in (sink, feed):
            self.load([re.sub(r"^rate=\d+", f"rate={rate}", one) for one in module])
        self.load(source)
        self.pactl("set-default-sink", "speaker")
        self.pactl("set-default-source", "mic")
        self.call_up()
        self.finish()

    def test_a_headset_of_8_khz(self):
        self.headset_of(8000)

    def test_a_headset_of_16_khz(self):
        self.headset_of(16000)


if __name__ == "__main__":
    main()
