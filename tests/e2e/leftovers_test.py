"""Runs after all other end-to-end tests: none of the processes they started is still there."""

import pathlib
import time

from harness import EndToEnd, main, processes_left, skip


class Leftovers(EndToEnd):
    def test_a_process_of_the_tests_would_be_found(self):
        process = self.start_program(["sleep", "30"])
        self.assertIn(process.pid, [pid for pid, _ in processes_left()])
        process.kill()

    def test_no_process_is_left(self):
        deadline = time.monotonic() + 5
        while (left := processes_left()) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(left, [])


if __name__ == "__main__":
    if not pathlib.Path("/proc/self/environ").exists():
        skip("no /proc on this system")
    main()
