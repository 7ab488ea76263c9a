"""A stand-in of tests/support as a process: a vendor's agent or recognizer, which ends with its input."""

import json
import pathlib
import subprocess

from harness import BUILD, find_key, wait_for


class Service:
    def __init__(self, test, program, *arguments, ready="port"):
        """`ready`: what its first line has once it listens; that becomes an attribute."""
        self.out = open(test.folder / f"{program}.out", "w+b")
        self.process = subprocess.Popen([BUILD / "tests/support" / program, *arguments], stdin=subprocess.PIPE,
                                        stdout=self.out, stderr=subprocess.STDOUT)
        test.addCleanup(self.stop)
        setattr(self, ready, wait_for("the service listens", lambda: find_key(self.lines(), ready)))

    def lines(self):
        text = pathlib.Path(self.out.name).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def write(self, line):
        self.process.stdin.write((line + "\n").encode())
        self.process.stdin.flush()

    def do(self, what, **more):
        self.write(json.dumps({"do": what, **more}))

    def report(self):
        """It ends, and tells what it saw."""
        self.process.stdin.close()
        self.process.wait(10)
        return find_key(self.lines(), "report")

    def stop(self):
        if self.out.closed:
            return
        if not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            self.out.close()
