"""A program that serves, and its calls heard, spoken into, said and played to from other terminals: `listen`,
`talk`, `calls say` and `calls play`. What the phone heard is read from the built-in Twilio."""

import json
import signal
import urllib.request
import wave

from harness import EndToEnd, Emulator, have_prompts, main, skip, sound_compare, wait_for, write_speech

ONE = "+12025550142"


class Ears(EndToEnd):
    def begin(self, persona):
        self.emulator = Emulator(self, "--persona", f"{ONE}={persona}")
        self.settings = self.bridge_environment(self.emulator, AGENTBRIDGE_CONTROL_PORT="0")
        self.serve = self.start(["serve"], self.settings, name="serve")
        wait_for("it can be asked", lambda: self.ask("calls", "list").code == 0, 20)
        made = self.ask("--json", "calls", "dial", ONE)
        self.assert_code(made, 0)
        self.id = json.loads(made.out)["call"]
        wait_for("the phone talks", lambda: self.show()["frames"] > 0, 20)
        self.sid = self.show()["call_sid"]

    def ask(self, *words):
        return self.run_to_end(list(words), self.settings)

    def show(self):
        return json.loads(self.ask("--json", "calls", "show", self.id).out)

    def heard(self):
        path = self.folder / "heard.wav"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.emulator.url}/emulator/v1/calls/{self.sid}/heard.wav", timeout=10) as answer:
            path.write_bytes(answer.read())
        return path

    def sounds_like(self, source, recording, *options, gaps="25"):
        verdict, code, complaints = sound_compare(source, recording, "--min-median", "0.9", "--max-gap-ms", gaps,
                                                  *options)
        self.assertEqual(code, 0, f"{complaints}\n{verdict}")

    def end(self):
        self.ask("calls", "hangup", self.id)
        self.serve.signal(signal.SIGINT)
        self.serve.code = self.serve.wait(20)
        self.assert_code(self.serve, 0)
        self.assert_nothing_left_open(self.emulator)

    def test_a_call_is_heard_from_another_terminal(self):
        source = self.folder / "speech.wav"
        write_speech(source)
        self.begin(f"wav:{source},hangup=no")
        to_file = self.folder / "listened.wav"
        listen = self.start(["listen", "--wav", str(to_file), "--side", "far"], self.settings, name="listen")
        raw = self.start(["listen", self.id, "--raw"], self.settings, name="raw")
        played = self.start(["listen", "--speaker", f"file:{self.folder / 'played.wav'}"], self.settings, name="played")
        wait_for("three listen", lambda: "three" if raw.out_path.stat().st_size > 16000 * 14 else None, 40)
        raw.signal(signal.SIGINT)
        self.assertEqual(raw.wait(10), 0, f"Ctrl-C is no failure\n{raw.err}")
        self.ask("calls", "hangup", self.id)
        self.assertEqual(listen.wait(10), 0, f"it ends with the call\n{listen.err}")
        self.assertEqual(played.wait(10), 0, played.err)
        self.assertIn("the call is over", listen.err)
        with wave.open(str(to_file)) as file:
            self.assertGreater(file.getnframes(), 8000 * 13)
        self.assertGreater((self.folder / "played.wav").stat().st_size, 8000 * 2 * 10)
        # It listened from the middle of the speech on, which is repeated: some whole prompt is in it.
        self.sounds_like(source, to_file, "--min-windows", "5")
        self.end()

    def test_a_file_is_spoken_into_a_call_by_one_terminal_and_heard_by_another(self):
        source = self.folder / "speech.wav"
        write_speech(source)
        self.begin("silence")
        listen = self.start(["listen", "--wav", str(self.folder / "near.wav"), "--side", "near"], self.settings,
                            name="listen")
        talk = self.run_to_end(["talk", self.id, "--file", str(source)], self.settings)
        self.assert_code(talk, 0)
        self.sounds_like(source, self.heard(), gaps="60")
        self.ask("calls", "hangup", self.id)
        self.assertEqual(listen.wait(10), 0, listen.err)
        self.sounds_like(source, self.folder / "near.wav", gaps="60")
        self.end()

    def test_the_microphone_of_another_terminal_is_heard_until_ctrl_c(self):
        source = self.folder / "speech.wav"
        write_speech(source)
        self.begin("silence")
        talk = self.start(["talk", self.id, "--microphone", f"file:{source},loop", "--speaker", "null"], self.settings,
                          name="talk")
        wait_for("the phone hears it", lambda: self.show()["outbound"]["frames"] > 50, 30)
        talk.signal(signal.SIGINT)
        self.assertEqual(talk.wait(10), 0, talk.err)
        frames = self.show()["outbound"]["frames"]
        self.assertLessEqual(self.show()["outbound"]["frames"], frames + 3, "the mouth is closed")
        self.end()

    def test_words_and_files_are_said_and_played(self):
        source = self.folder / "speech.wav"
        length_ms = write_speech(source)
        self.begin("silence")
        said = self.ask("calls", "say", "This call is recorded.")
        self.assert_code(said, 0)
        self.assertIn("utterance 1,", said.out)
        played = self.ask("--json", "calls", "play", self.id, str(source))
        self.assert_code(played, 0)
        self.assertAlmostEqual(json.loads(played.out)["length_ms"], length_ms, delta=2)
        wait_for("all of it is sent", lambda: self.show()["outbound"]["frames"] > length_ms / 20 + 50, 60)
        wait_for("and heard", lambda: self.show()["outbound"]["lead_ms"] == 0, 10)
        self.sounds_like(source, self.heard())
        nothing = self.ask("calls", "say")
        self.assert_code(nothing, 2)
        missing = self.ask("calls", "play", str(self.folder / "none.wav"))
        self.assert_code(missing, 2)
        self.assertIn("cannot be read", missing.err)
        wrong = self.folder / "wrong.wav"
        wrong.write_text("this is no sound")
        refused = self.ask("calls", "play", str(wrong))
        self.assert_code(refused, 2)
        self.assertIn("WAV", refused.err)
        self.end()

    def test_nobody_can_listen_to_what_is_not_there(self):
        self.begin("silence")
        self.assert_code(self.ask("listen", "c_none", "--raw"), 1)
        self.assert_code(self.ask("talk", "--file", str(self.folder / "none.wav")), 2)
        self.assert_code(self.ask("listen", "--raw", "--wav", "x.wav"), 2)
        self.end()


if __name__ == "__main__":
    if not have_prompts():
        skip("the spoken prompts of alsa-utils are not there")
    main()
