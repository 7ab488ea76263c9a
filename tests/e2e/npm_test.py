"""The official Twilio client for Node drives the built-in Twilio and checks its signatures (tests/npm)."""

import os
import shutil
import subprocess

from harness import ACCOUNT, BUILD, SOURCE, TOKEN, EndToEnd, Emulator, main, skip

MODULES = BUILD / "npm" / "node_modules"


class OfficialClient(EndToEnd):
    def test_it_drives_the_emulator_and_accepts_its_signatures(self):
        emulator = Emulator(self)
        node = self.start_program([shutil.which("node"), str(SOURCE / "tests/npm/emulator_test.js")],
                                  {"NODE_PATH": str(MODULES), "EMULATOR_URL": emulator.url, "TWILIO_ACCOUNT_SID": ACCOUNT,
                                   "TWILIO_AUTH_TOKEN": TOKEN}, name="node")
        node.code = node.wait(60)
        print(node.out, flush=True)
        self.assert_code(node, 0)
        self.assertIn("refusals: ok", node.out)
        self.assertIn("account and numbers: ok", node.out)
        self.assert_nothing_left_open(emulator)


if __name__ == "__main__":
    if shutil.which("node") is None or not (MODULES / "twilio").is_dir():
        if os.environ.get("CI") == "true":
            raise SystemExit("the npm packages of tests/npm are not installed; ./run-tests does it")
        skip("the npm packages of tests/npm are not installed; ./run-tests does it")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    print("node", version.strip(), flush=True)
    main()
