"""The ledger file after a kill -9 of the emulator itself: whole lines, and the call that was up is open in it."""

from harness import ACCOUNT, EndToEnd, Emulator, OUR_NUMBER, main, wait_for


class LedgerAfterAKill(EndToEnd):
    def test_every_line_is_there_and_whole(self):
        emulator = Emulator(self, "--persona", "default=silence,ring=50ms")
        calls = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
        form = {"From": OUR_NUMBER, "Twiml": "<Response><Pause length='600'/></Response>"}
        sids = [emulator.request("POST", calls, {**form, "To": f"+1202555012{i}"})["sid"] for i in range(5)]
        wait_for("all are answered", lambda: len([one for one in emulator.live_calls()
                                                  if one["status"] == "in-progress"]) == len(sids))
        emulator.request("POST", calls.replace(".json", f"/{sids[0]}.json"), {"Status": "completed"})
        emulator.process.kill()
        self.assertEqual(sorted(emulator.ledger_open()), sorted(sids[1:]))
        events = [event["event"] for event in emulator.ledger()]
        self.assertEqual(events.count("answered"), len(sids))
        self.assertTrue(emulator.ledger_path.read_text().endswith("\n"))


if __name__ == "__main__":
    main()
