"""Every shell block of README.md does what it says. Blocks run as one script each, in a copy of the folder's
layout, on a machine with no sound. Left out: blocks after a comment <!-- needs an account -->, and the lines
`git clone …` with the `cd` after it, and `./run-tests`."""

import os
import re
import unittest

from harness import BUILD, EndToEnd, PROGRAM, SOURCE, main

SKIPPED = re.compile(r"<!--\s*needs (an account|macOS|root)[^>]*-->\s*$")
LEFT_OUT = re.compile(r"^(git clone .*|cd agentbridge|\./run-tests.*)$")


def shell_blocks(text):
    """(line number, script) of each ```sh block that is to run."""
    blocks, script, number, before = [], None, 0, ""
    for count, line in enumerate(text.splitlines(), 1):
        if script is None and line.strip() == "```sh":
            script, number = [], count
        elif script is not None and line.strip() == "```":
            if not SKIPPED.search(before):
                kept = [each for each in script if not LEFT_OUT.match(each.strip())]
                if any(each.strip() and not each.strip().startswith("#") for each in kept):
                    blocks.append((number, "\n".join(kept)))
            script, before = None, ""
        elif script is not None:
            script.append(line)
        elif line.strip():
            before = line.strip()
    return blocks


class ShellBlocks(unittest.TestCase):
    def test_marked_blocks_and_lines_are_left_out(self):
        text = "a\n```sh\ngit clone x\ncd agentbridge\n./quickstart\n```\n<!-- needs an account -->\n```sh\nrm\n```\n```sh\n./run-tests\n```\n"
        self.assertEqual(shell_blocks(text), [(2, "./quickstart")])


class Readme(EndToEnd):
    def test_every_shell_block_runs(self):
        blocks = shell_blocks((SOURCE / "README.md").read_text(encoding="utf-8"))
        self.assertGreaterEqual(len(blocks), 2)
        # What a reader has in the folder he stands in, but none of it is written to.
        home = self.folder / "agentbridge"
        home.mkdir()
        for name in ("quickstart", "tools", "config", "CMakeLists.txt", "CMakePresets.json"):
            (home / name).symlink_to(SOURCE / name)
        (home / "build").mkdir()
        release = home / "build" / "release"
        release.mkdir()
        (release / "agentbridge").symlink_to(PROGRAM)
        for number, script in blocks:
            with self.subTest(line=number, script=script):
                # quickstart finds its own folder by its name: the real one, with the build that is there.
                script = re.sub(r"^\./quickstart", f"AGENTBRIDGE_BUILD_DIR={BUILD} {SOURCE}/quickstart", script, flags=re.M)
                path = self.folder / f"block-{number}.sh"
                path.write_text(f"set -eu\ncd '{home}'\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n{script}\n")
                # quickstart may compile: it finds the compiler's cache where it was.
                more = {"CI": "true"}
                for name in ("CCACHE_DIR", "CC", "CXX"):
                    if name in os.environ:
                        more[name] = os.environ[name]
                run = self.start_program(["bash", str(path)], more, name=f"block-{number}")
                run.code = run.wait(240)
                self.assert_code(run, 0)
                print(f"README.md line {number}: ok", flush=True)


if __name__ == "__main__":
    main()
