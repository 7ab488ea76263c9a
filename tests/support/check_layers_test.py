"""tools/check_layers.py finds each kind of wrong arrow, and is content with the right ones."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_layers  # noqa: E402

CMAKE = {
    "base": "bridge_library(base SOURCES a.cpp)",
    "audio": "bridge_library(audio SOURCES a.cpp NEEDS base)",
    "call": "bridge_library(call SOURCES a.cpp NEEDS base audio)",
    "net": "bridge_library(net SOURCES a.cpp NEEDS base SYSTEM CURL::libcurl)",
    "twilio": "bridge_library(twilio_wire SOURCES wire/a.cpp NEEDS base audio)\n"
              "bridge_library(twilio SOURCES a.cpp NEEDS twilio_wire call net)",
    "devices": "bridge_library(devices SOURCES a.cpp NEEDS audio)  # base comes with audio",
    "emulator": "bridge_library(emulator SOURCES a.cpp NEEDS base net)",
}


class CheckLayers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        for folder in list(CMAKE) + ["twilio/wire", "app"]:
            self.write(f"{folder}/a.hpp", "#pragma once\n#include <string>\n")
        for folder, text in CMAKE.items():
            self.write(f"{folder}/CMakeLists.txt", text)

    def write(self, name, text):
        path = self.root / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def problems_with(self, name, text):
        self.write(name, text)
        return check_layers.check(self.root)

    def test_right_arrows_pass(self):
        self.write("twilio/b.cpp", '#include "call/a.hpp"\n#include "net/a.hpp"\n#include "twilio/wire/a.hpp"\n')
        self.write("devices/b.cpp", '#include "base/a.hpp"\n#include <portaudio.h>\n')
        self.write("net/b.cpp", "#include <boost/beast/http.hpp>\n#include <curl/curl.h>\n")
        self.write("call/b.cpp", "#include <boost/asio/awaitable.hpp>\n")
        self.write("app/b.cpp", '#include "twilio/a.hpp"\n#include "emulator/a.hpp"\n#include <CLI/CLI.hpp>\n')
        self.assertEqual(check_layers.check(self.root), [])

    def test_wrong_arrows_are_found(self):
        for name, text in [
            ("base/b.cpp", '#include "audio/a.hpp"'),
            ("audio/b.hpp", '#include "call/a.hpp"'),
            ("call/b.cpp", '#include "twilio/a.hpp"'),
            ("call/b.cpp", '  #  include "net/a.hpp"'),
            ("net/b.cpp", '#include "call/a.hpp"'),
            ("emulator/b.cpp", '#include "twilio/wire/a.hpp"'),
            ("emulator/b.cpp", '#include "audio/a.hpp"'),
            ("twilio/b.cpp", '#include "devices/a.hpp"'),
            ("twilio/b.cpp", '#include "app/a.hpp"'),
            ("twilio/wire/b.cpp", '#include "call/a.hpp"'),
            ("twilio/wire/b.cpp", '#include "twilio/a.hpp"'),
            ("twilio/b.cpp", "#include <boost/beast/core.hpp>"),
            ("app/b.cpp", "#include <boost/beast/core.hpp>"),
            ("twilio/b.cpp", "#include <curl/curl.h>"),
            ("audio/b.cpp", "#include <portaudio.h>"),
            ("call/b.cpp", "#include <boost/asio/ip/tcp.hpp>"),
            ("call/b.cpp", '#include "../net/a.hpp"'),
            ("web/b.cpp", '#include "twilio/a.hpp"'),
            ("attic/b.cpp", "#include <string>"),
            ("call/b.cpp", '#include "audio/gone.hpp"'),
        ]:
            with self.subTest(file=name, text=text):
                found = self.problems_with(name, text + "\n")
                self.assertEqual(len(found), 1, found)
                self.assertIn(f"src/{name}", found[0])
                (self.root / "src" / name).unlink()

    def test_an_include_that_needs_does_not_name_is_found(self):
        found = self.problems_with("devices/b.cpp", '#include "net/a.hpp"\n')
        self.assertEqual(len(found), 1, found)
        self.assertIn("NEEDS", found[0])

    def test_needs_against_the_arrows_is_found(self):
        found = self.problems_with("emulator/CMakeLists.txt", "bridge_library(emulator SOURCES a.cpp NEEDS base net call)")
        self.assertEqual(len(found), 1, found)
        self.assertIn("emulator may not use call", found[0])

    def test_main_says_so_with_its_exit_code(self):
        self.assertEqual(check_layers.main([str(self.root)]), 0)
        self.write("base/b.cpp", '#include "net/a.hpp"\n')
        self.assertEqual(check_layers.main([str(self.root)]), 1)


if __name__ == "__main__":
    unittest.main()
