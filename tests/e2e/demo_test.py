"""`agentbridge demo` on a machine without a sound card: it says so, plays to a device that only keeps time, leaves
the sound in demo.wav, and ends well."""

from harness import EndToEnd, find_key, have_prompts, json_objects, main, sound_compare, write_speech


class Demo(EndToEnd):
    def setUp(self):
        super().setUp()
        devices = self.run_to_end(["devices", "list", "--json"])
        if find_key(json_objects(devices.out), "default"):
            self.skipTest("this machine has a sound card")

    def test_the_sound_is_left_in_demo_wav(self):
        if not have_prompts():
            self.skipTest("no recorded speech in /usr/share/sounds/alsa (package alsa-utils)")
        speech = self.folder / "speech.wav"
        write_speech(speech, prompts=("Front_Left", "Rear_Right", "Side_Left"))
        demo = self.run_to_end(["demo", "--persona", f"wav:{speech},delay=0"])
        self.assert_code(demo, 0)
        said = (demo.out + demo.err).lower()
        self.assertIn("demo.wav", said)
        self.assertIn("no sound", said)
        verdict, code, complaints = sound_compare(
            speech, self.folder / "demo.wav", "--from-ms", 900, "--min-windows", 8, "--min-median", 0.98, "--min-window",
            0.9, "--max-wander-ms", 10, "--max-gap-ms", 20, "--max-level-change-db", 1.5)
        print(verdict, flush=True)
        self.assertEqual(code, 0, f"{complaints}\n{demo}")

    def test_it_needs_no_settings_and_reads_none(self):
        (self.folder / ".env").write_text("TWILIO_ACCOUNT_SID=nonsense\nSERVER_PORT=99999\nPUBLIC_URL=::\n")
        demo = self.run_to_end(["demo", "--persona", "say:Hello."])
        self.assert_code(demo, 0)

    def test_a_busy_phone_is_5(self):
        self.assert_code(self.run_to_end(["demo", "--persona", "busy"]), 5)


if __name__ == "__main__":
    main()
