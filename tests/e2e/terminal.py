"""A pseudo-terminal with agentbridge on it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

from harness import PROGRAM, wait_for


class Terminal:
    """agentbridge on a pseudo-terminal of 100 columns, as the leader of a session of its own."""

    def __init__(self, arguments, environment, folder):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=folder,
                                        env=environment, preexec_fn=own_terminal)
        self.bytes = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                return
            if not piece:
                return
            self.bytes += piece

    @property
    def text(self):
        return self.bytes.decode(errors="replace")

    def press(self, keys):
        os.write(self.master, keys.encode())

    def shows(self, pattern, seconds=15):
        try:
            return wait_for(f"the screen shows {pattern!r}", lambda: re.search(pattern, self.text), seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None

    def single_keys(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def as_before(self):
        return termios.tcgetattr(self.slave) == self.before

    def wait(self, seconds=20):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {seconds} s\n{self.text}") from None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        # The reader ends with the terminal's other side. It must be gone before its descriptor is: the next terminal
        # gets the same number, and its first lines would be read here.
        os.close(self.slave)
        self.reader.join(10)
        os.close(self.master)
