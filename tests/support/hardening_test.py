#!/usr/bin/env python3
"""Reads the finished program and says which of the protections that the build asks for it does not have.

    hardening_test.py PROGRAM [--debug]     --debug: FORTIFY is not expected (it needs an optimised build)
"""

import os
import platform
import re
import shutil
import subprocess
import sys


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def main():
    program = sys.argv[1]
    with open(program, "rb") as file:
        code = file.read()
        if code[:4] != b"\x7fELF":
            skip("the program is not an ELF file; its flags are checked by the build alone")
    if not shutil.which("readelf"):
        if os.environ.get("CI") == "true":
            print("readelf (binutils) is missing")
            sys.exit(1)
        skip("readelf (binutils) is missing")
    text = subprocess.run(["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", "--notes",
                           "--dyn-syms", program], capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout
    stack = re.search(r"GNU_STACK\s.*?\s(R\w*)\s+0x", text)
    expected = {
        "a position-independent executable (-pie)": re.search(r"Type:\s+DYN", text) and "INTERP" in text,
        "read-only relocations (-z relro)": "GNU_RELRO" in text,
        "all symbols bound at the start (-z now)": re.search(r"\(FLAGS(_1)?\).*\b(BIND_NOW|NOW)\b", text),
        "a stack that is not executable (-z noexecstack)": stack and "E" not in stack.group(1),
        "no segment that is writable and executable": not re.search(r"^\s+LOAD\s.*\sRWE\s", text, re.M),
        "stack protectors (-fstack-protector-strong)": "__stack_chk_fail" in text,
    }
    if "--debug" not in sys.argv:
        expected["checked copies (_FORTIFY_SOURCE)"] = re.search(r"__(mem|str|v?sn?printf|read|recv|fd)\w*_chk", text)
    if platform.machine() == "x86_64":
        # The note in the file needs a C runtime built the same way (Debian's is not), so the marks are counted.
        expected["targets of indirect branches marked (-fcf-protection)"] = code.count(b"\xf3\x0f\x1e\xfa") > 500
    if platform.machine() in ("aarch64", "arm64"):
        bti = sum(code.count(bytes([low, 0x24, 0x03, 0xd5])) for low in (0x5f, 0x9f, 0xdf))
        expected["targets of indirect branches marked (-mbranch-protection)"] = bti > 500
    missing = [what for what, found in expected.items() if not found]
    for what in missing:
        print(f"{program} has not: {what}")
    if not missing:
        print(f"{program} has all {len(expected)} protections")
    sys.exit(1 if missing else 0)


main()
