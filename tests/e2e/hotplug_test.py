"""Headsets come and go in the middle of a call: the microphone, the loudspeaker or both are taken away and come back,
or the system's default changes. Both ways, sound is back within two seconds. Where there is another device the sound
server gives the call that one, and nothing of ours ends; where there is none it is one loss and one gap."""

import math
import re
import subprocess
import time
import wave

from harness import main, wait_for
from sound_server import Recorder
from two_way_call import PLAIN, TwoWayCalls, loudness

BACK_WITHIN_S = 2.0
LOOKING_S = 2.0  # for the programs that record and fetch, to start and to look
THEIRS_HZ, OURS_HZ, HEADSETS_HZ = 440, 700, 900
LOUD_DBFS = -35
NAMED = {"AGENTBRIDGE_SPEAKER": "test_speaker", "AGENTBRIDGE_MICROPHONE": "test_mic"}


def level_of(samples, hz, rate):
    """Of one frequency (Goertzel's filter), in dB below a sine at full scale."""
    turn = 2 * math.cos(2 * math.pi * hz / rate)
    before, now = 0.0, 0.0
    for one in samples:
        before, now = now, one + turn * now - before
    power = max(now * now + before * before - turn * now * before, 0.0)
    return 20 * math.log10(max(2 * math.sqrt(power) / max(len(samples), 1), 0.01) / 32768)


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

    def play(self, sink="micfeed", hz=OURS_HZ):
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

    def phone_hears(self, hz=OURS_HZ):
        """Whether the phone heard that tone in all of the last 200 ms."""
        last = self.samples(self.heard(self.emulator, self.sid))[-1600:]
        return len(last) == 1600 and level_of(last, hz, 8000) > LOUD_DBFS

    def phone_hears_nothing(self):
        return loudness(self.samples(self.heard(self.emulator, self.sid))[-1600:]) < LOUD_DBFS - 15

    def call_up(self, **settings):
        self.play()
        self.emulator, self.call, self.sid = self.begin(f"tone:{THEIRS_HZ},repeat=yes,hangup=no", **PLAIN, **settings)
        wait_for("the phone hears the microphone", self.phone_hears, 20)
        self.laptop_plays("at first", seconds=20)

    def laptop_plays(self, name, since=None, source="speaker.monitor", seconds=BACK_WITHIN_S):
        """All of some 200 ms, at the latest so long after `since` (now)."""
        since = since or time.monotonic()
        recorder = Recorder(self.sound, self.folder / f"{name.replace(' ', '-')}.raw", source)
        self.addCleanup(recorder.stop)
        self.back(f"the laptop plays the phone, {name}", lambda: level_of(recorder.last(0.2), THEIRS_HZ, 48000) > LOUD_DBFS,
                  since, seconds)
        recorder.stop()

    def back(self, what, condition, since, seconds=BACK_WITHIN_S):
        wait_for(what, condition, max(since + seconds + LOOKING_S - time.monotonic(), 0.1))
        print(f"{what}: {time.monotonic() - since:.2f} s", flush=True)

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
        wait_for("the phone hears nothing", self.phone_hears_nothing, 5)
        self.laptop_plays("without the microphone")
        self.load(module)
        since = time.monotonic()
        self.pactl("set-default-source", "mic")
        self.back("the phone hears the microphone again", self.phone_hears, since)
        self.laptop_plays("still")
        speaker, _ = self.finish()
        self.assertEqual(speaker["losses"], "0", str(self.call))

    def test_a_speaker_that_is_unplugged_and_plugged_in_again(self):
        self.second_devices()
        self.call_up()
        module = self.unload("sink_name=speaker")
        since = time.monotonic()
        self.pactl("set-default-sink", "headset")  # of those that are left
        self.laptop_plays("on the other speaker", since, source="headset.monitor")
        self.play(hz=HEADSETS_HZ)  # the sound server may have taken the first tone along
        self.back("the phone still hears", lambda: self.phone_hears(HEADSETS_HZ), since)
        self.load(module)
        since = time.monotonic()
        self.pactl("set-default-sink", "speaker")
        self.laptop_plays("again", since)
        self.back("the phone hears the microphone", lambda: self.phone_hears(HEADSETS_HZ), since)
        _, microphone = self.finish()
        self.assertEqual(microphone["losses"], "0", str(self.call))

    def test_all_there_is_unplugged_and_plugged_in_again(self):
        self.call_up(**NAMED)
        modules = [self.unload(one) for one in ("source_name=mic", "sink_name=micfeed", "sink_name=speaker")]
        wait_for("it is told", lambda: "gone" in self.call.err, BACK_WITHIN_S + LOOKING_S)
        wait_for("the phone hears nothing", self.phone_hears_nothing, 5)
        for module in reversed(modules):
            self.load(module)
        since = time.monotonic()
        self.pactl("set-default-sink", "speaker")
        self.pactl("set-default-source", "mic")
        self.play(hz=HEADSETS_HZ)
        self.laptop_plays("again", since)
        self.back("the phone hears the microphone again", lambda: self.phone_hears(HEADSETS_HZ), since)
        speaker, microphone = self.finish()
        # One gap each. If the list of devices is read just between the two it takes another look, and both begin anew.
        for figure in (speaker["losses"], microphone["losses"], microphone["gaps"]):
            self.assertIn(figure, ("1", "2"), str(self.call))

    def test_another_default_in_mid_call(self):
        self.second_devices()
        self.call_up()
        self.play("headfeed", HEADSETS_HZ)
        since = time.monotonic()
        self.pactl("set-default-sink", "headset")
        self.pactl("set-default-source", "headmic")
        self.laptop_plays("on the headset", since, source="headset.monitor")
        self.back("the phone hears the headset", lambda: self.phone_hears(HEADSETS_HZ), since)
        wait_for("the phone hears nothing of the former microphone", lambda: not self.phone_hears(OURS_HZ), BACK_WITHIN_S)
        # The sound server moves the streams: nothing of ours ends.
        speaker, microphone = self.finish()
        self.assertEqual((speaker["losses"], microphone["losses"]), ("0", "0"), str(self.call))

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
