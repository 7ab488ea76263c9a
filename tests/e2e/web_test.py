"""The page in a real browser against the real program and the built-in Twilio (tests/web, one Node script each)."""

import collections
import json
import os
import pathlib
import shutil
import signal
import sys

from harness import BUILD, MARK, PROGRAM, SOURCE, EndToEnd, main, skip
from openapi_check import Description, WrongAnswer

MODULES = BUILD / "npm" / "node_modules"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser():
    mac = pathlib.Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    return next((path for path in map(shutil.which, BROWSERS) if path), str(mac) if mac.exists() else None)


class Page(EndToEnd):
    def play(self, script, seconds):
        key, _, value = MARK.partition("=")
        answers = self.folder / "answers.jsonl"
        node = self.start_program(
            [shutil.which("node"), "--test", "--test-reporter=spec", str(SOURCE / "tests/web" / script)],
            {"NODE_PATH": str(MODULES), "E2E_PROGRAM": PROGRAM, "E2E_BUILD": str(BUILD), "CHROMIUM": browser(),
             "E2E_ANSWERS": str(answers), key: value},
            name="node")
        try:
            node.code = node.wait(seconds)
        except AssertionError:
            os.killpg(node.pid, signal.SIGKILL)
            raise
        print(node.out, flush=True)
        self.assert_code(node, 0)
        self.check_answers(answers)

    def check_answers(self, file):
        """Whatever the API answered to the page and to its test is as the program describes it."""
        answers = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        described = next(answer["body"] for answer in answers if answer["path"] == "/openapi.json")
        description = Description(json.loads(described))
        looked_into, wrong = collections.Counter(), {}
        for answer in answers:
            body = answer.get("body")
            try:
                description.check(answer["method"], answer["path"], answer["status"], answer["headers"],
                                  None if body is None else body.encode())
            except WrongAnswer as error:
                wrong.setdefault((answer["by"], error.route, error.why), str(error))
            looked_into[answer["by"]] += body is not None
        print(f"answers held against the description: {dict(looked_into)} of {len(answers)}", flush=True)
        self.assertTrue(looked_into["page"] and looked_into["tests"], "both were looked into")
        if wrong:
            self.fail("\n".join(["not as described:", *(f"asked by the {by}: {text}" for (by, _, _), text in wrong.items())]))

    def test_every_screen_is_accessible_and_fits(self):
        self.play("screens_test.mjs", 500)

    def test_a_whole_call_is_made_on_the_page(self):
        self.play("call_test.mjs", 240)

    def test_a_call_is_handed_over_and_each_phone_hears_whom_it_should(self):
        self.play("whole_call_test.mjs", 120)

    def test_the_emulator_is_played_with(self):
        self.play("emulator_test.mjs", 120)

    def test_the_settings_say_what_is_so(self):
        self.play("settings_test.mjs", 180)

    def test_sound_goes_both_ways(self):
        self.play("sound_test.mjs", 120)

    def test_sound_is_in_time(self):
        self.play("latency_test.mjs", 120)

    def test_what_was_said_is_recorded_played_searched_and_deleted(self):
        self.play("kept_test.mjs", 400)

    def test_the_gaps_of_a_captured_call_are_found(self):
        self.play("gaps_test.mjs", 120)

    def test_the_server_may_go_away_and_come_back(self):
        self.play("restart_test.mjs", 120)

    def test_a_page_of_somebody_else_gets_nothing(self):
        self.play("security_test.mjs", 120)


if __name__ == "__main__":
    missing = next((what for what, there in (
        ("Node", shutil.which("node")), ("a Chromium or Chrome", browser()),
        ("playwright-core in the build folder's npm (./run-tests installs it)", (MODULES / "playwright-core").is_dir()),
        ("axe-core in the build folder's npm (./run-tests installs it)", (MODULES / "axe-core").is_dir())) if not there), None)
    if missing and os.environ.get("CI") == "true":
        sys.exit(f"the page cannot be tested without {missing}")
    if missing:
        skip(f"the page cannot be tested without {missing}")
    main()
