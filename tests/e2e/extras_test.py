"""What is made of the command line besides the program: completions for three shells, the man page, and their
place after an installation."""

import os
import re
import shutil
import subprocess

from harness import BUILD, EndToEnd, main

COMMANDS = {"demo", "call", "serve", "calls", "listen", "talk", "history", "recordings", "transcript", "transcribe", "replay", "numbers", "devices", "config", "emulator", "reap", "doctor", "completion", "version", "help"}


class Extras(EndToEnd):
    def output_of(self, *arguments):
        run = self.run_to_end(list(arguments))
        self.assert_code(run, 0)
        return run.out

    def script(self, shell):
        path = self.folder / f"completion.{shell}"
        path.write_text(self.output_of("completion", shell))
        return path

    def shell(self, *arguments):
        result = subprocess.run(arguments, capture_output=True, text=True, timeout=30, cwd=self.folder, check=False,
                                env=self.environment())
        self.assertEqual(result.stderr, "")
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def bash(self, *words):
        """The completions bash would offer for the last of the words."""
        quoted = " ".join(f"'{word}'" for word in ("agentbridge", *words))
        return set(self.shell("bash", "--norc", "-c", f"source {self.script('bash')}; COMP_WORDS=({quoted}); "
                              f"COMP_CWORD={len(words)}; _agentbridge; printf '%s\\n' \"${{COMPREPLY[@]}}\"").split())

    def test_bash_completes_commands_flags_and_values(self):
        self.assertEqual(self.bash(""), COMMANDS)
        self.assertEqual(self.bash("conf"), {"config"})
        self.assertEqual(self.bash("config", ""), {"show", "check", "init"})
        self.assertEqual(self.bash("emulator", "trigger", ""), {"incoming-call"})
        self.assertEqual(self.bash("config", "show", "--sh"), {"--show-origin"})
        self.assertIn("--json", self.bash("config", "show", "--"))
        self.assertEqual(self.bash("serve", "--tunnel", ""), {"ngrok", "cloudflared"})
        self.assertEqual(self.bash("call", "--tunnel", "c"), {"cloudflared"})
        self.assertEqual(self.bash("--log-level", "W"), {"WARNING"})
        self.assertEqual(self.bash("completion", ""), {"bash", "zsh", "fish"})
        self.assertIn("exit-codes", self.bash("help", "ex"))
        self.assertEqual(self.bash("call", "--target", ""), set(), "a number is yours to write")
        (self.folder / "my.env").write_text("")
        self.assertIn("my.env", self.bash("--env-file", "my"))

    def test_zsh_reads_its_script(self):
        script = self.script("zsh")
        text = script.read_text()
        self.assertTrue(text.startswith("#compdef agentbridge\n"))
        for command in COMMANDS:
            self.assertIn(f"'{command}:", text)
        if shutil.which("zsh") is None:
            self.skipTest("zsh is not installed")
        self.shell("zsh", "-n", str(script))

    def test_fish_completes_commands_and_values(self):
        script = self.script("fish")
        self.assertIn("complete -c agentbridge", script.read_text())
        if shutil.which("fish") is None:
            self.skipTest("fish is not installed")
        offered = self.shell("fish", "--no-config", "-c", f"source {script}; complete -C 'agentbridge '")
        self.assertEqual({line.split("\t")[0] for line in offered.splitlines()}, COMMANDS)
        offered = self.shell("fish", "--no-config", "-c", f"source {script}; complete -C 'agentbridge serve --tunnel '")
        self.assertEqual(set(offered.split()), {"ngrok", "cloudflared"})

    def test_the_man_page_is_clean_and_complete(self):
        page = self.folder / "agentbridge.1"
        page.write_text(self.output_of("help", "--man"))
        text = page.read_text().replace("\\-", "-")
        for heading in ("NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT"):
            self.assertIn(f".SH {heading}\n", text)
        for command in COMMANDS - {"calls", "numbers", "devices", "config", "emulator"}:
            self.assertRegex(text, rf'\.SS "agentbridge {command}[" ]')
        self.assertIn("AGENTBRIDGE_TUNNEL", text)
        self.assertNotRegex(text, r"(?m)^\.(?!\\\"|TH|SH|SS|TP|B|PP|nf|fi|br)")
        if shutil.which("man") is None or shutil.which("groff") is None:
            self.skipTest("man and groff are not installed")
        shown = self.shell("man", "--warnings", "-E", "UTF-8", "-l", "-P", "cat", str(page))
        self.assertIn("--show-origin", re.sub("\x1b\\[[0-9;]*m", "", shown).replace("\u2010", "-"))

    def test_an_installation_puts_everything_in_its_place(self):
        self.shell("cmake", "--install", str(BUILD), "--prefix", str(self.folder / "usr"))
        base = self.folder / "usr"
        self.assertTrue(os.access(base / "bin/agentbridge", os.X_OK))
        for place, command in (("share/man/man1/agentbridge.1", ("help", "--man")),
                               ("share/bash-completion/completions/agentbridge", ("completion", "bash")),
                               ("share/zsh/site-functions/_agentbridge", ("completion", "zsh")),
                               ("share/fish/vendor_completions.d/agentbridge.fish", ("completion", "fish"))):
            self.assertEqual((base / place).read_text(), self.output_of(*command), place)


if __name__ == "__main__":
    main()
