#!/usr/bin/env python3
"""Checks the arrows of the architecture: which folder of src/ may include which.

    app --> edges: twilio devices emulator agents transcribers speech stores web --> call --> audio --> base
                        \\--> net (their common HTTP and WebSocket toolbox) --------------------^

Arrows point inwards only and edges never include each other. The emulator plays the other side of the
protocol, so it sees base and net only: a mistake of ours must not agree with itself. An include must also
follow what the folder's CMakeLists.txt says it NEEDS, and NEEDS must keep to the same arrows.

    tools/check_layers.py [ROOT]     prints one line for each wrong include; exit 1 if there is any
"""

import pathlib
import re
import sys

CORE = {"base", "audio", "call"}
EDGE = CORE | {"net"}

# folder -> what it may include besides itself. Longest match wins ("twilio/wire" before "twilio").
MAY_INCLUDE = {
    "base": set(),
    "audio": {"base"},
    "call": {"base", "audio"},
    "net": {"base"},
    "twilio/wire": {"base", "audio"},
    "twilio": EDGE | {"twilio/wire"},
    "devices": EDGE,
    "agents": EDGE,
    "capture": CORE,
    "transcribers": EDGE,
    "speech": EDGE,
    "stores": EDGE,
    "web": EDGE,
    "emulator": {"base", "net"},
    "app": None,  # sees everything
}

# Other people's headers that belong to one folder, with the reason a reader would ask for.
OWNED = [
    (re.compile(r"boost/beast"), {"net"}, "Beast is slow to compile and lives behind net's plain classes"),
    (re.compile(r"curl/"), {"net", "app"}, "libcurl lives behind net::HttpClient (app asks it for its version)"),
    (re.compile(r"portaudio\.h|pa_"), {"devices"}, "sound cards live in devices"),
    (re.compile(r"flite/"), {"emulator", "speech"}, "Flite's voice lives in speech; the emulator has its own"),
    (re.compile(r"pocketsphinx"), {"speech"}, "PocketSphinx lives behind speech::PhraseRecognizer"),
    (re.compile(r"whisper\.h|ggml"), {"transcribers"}, "libwhisper lives behind transcribers::WhisperLibrary"),
    (re.compile(r"CLI/"), {"app"}, "the command line belongs to app"),
]
SOCKETS = re.compile(r"boost/asio/(ip/|ssl|connect\.hpp|read\.hpp|write\.hpp|local/|posix/)|sys/socket\.h|netinet/")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
LIBRARY = re.compile(r"bridge_library\s*\(\s*(\w+)(.*?)\)", re.S)
KEYWORDS = {"SOURCES", "NEEDS", "SYSTEM"}


def folder_of(path):
    """The layer a path below src/ belongs to: "twilio/wire/twiml.hpp" -> "twilio/wire"."""
    parts = path.split("/")
    for length in (2, 1):
        if len(parts) > length and "/".join(parts[:length]) in MAY_INCLUDE:
            return "/".join(parts[:length])
    return parts[0] if len(parts) > 1 else None


def libraries(text):
    """name -> list of NEEDS, from the bridge_library(...) calls of one CMakeLists.txt."""
    text = re.sub(r"#.*", "", text)
    found = {}
    for name, body in LIBRARY.findall(text):
        needs, keyword = [], None
        for word in body.split():
            if word in KEYWORDS:
                keyword = word
            elif keyword == "NEEDS":
                needs.append(word)
        found[name] = needs
    return found


def check(root):
    """Every violation under root/src, as text lines."""
    source = pathlib.Path(root) / "src"
    problems = []

    needs, declared_in = {}, {}
    for file in sorted(source.rglob("CMakeLists.txt")):
        folder = file.parent.relative_to(source).as_posix()
        for name, listed in libraries(file.read_text(encoding="utf-8")).items():
            needs[name] = listed
            declared_in.setdefault(folder, []).append(name)

    def layer_of_library(name):
        # twilio_wire -> twilio/wire; emulator_core in src/emulator -> emulator
        slashed = name.replace("_", "/", 1)
        if slashed in MAY_INCLUDE:
            return slashed
        for folder, names in declared_in.items():
            if name in names:
                return folder
        return name

    for name, listed in needs.items():
        layer = layer_of_library(name)
        allowed = MAY_INCLUDE.get(layer, set())
        for other in listed:
            other_layer = layer_of_library(other)
            if allowed is not None and other_layer != layer and other_layer not in allowed:
                problems.append(f"src CMakeLists.txt: bridge_{name} needs {other}: {layer} may not use {other_layer}")

    def reachable(name, seen):
        for other in needs.get(name, []):
            if other not in seen:
                seen.add(other)
                reachable(other, seen)
        return seen

    for file in sorted(source.rglob("*")):
        if file.suffix not in {".hpp", ".cpp", ".h", ".cc"}:
            continue
        name = file.relative_to(source).as_posix()
        layer = folder_of(name)
        if layer not in MAY_INCLUDE:
            problems.append(f"src/{name}: folder '{layer}' has no layer; add it to tools/check_layers.py and docs")
            continue
        allowed = MAY_INCLUDE[layer]
        top = layer.split("/")[0]
        linked = None
        if top in declared_in and allowed is not None:
            # For twilio/wire its own library decides, for twilio every library of the folder.
            own = [n for n in declared_in.get(layer, []) + declared_in[top] if layer_of_library(n) == layer]
            own = own or declared_in[top]
            linked = {layer}
            for library in own:
                linked |= {layer_of_library(n) for n in reachable(library, {library})}
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, target = match.groups()
            where = f"src/{name}:{number}: includes {target}"
            if ".." in target.split("/"):
                problems.append(f"{where}: name files from src/, without '..'")
                continue
            for pattern, owners, reason in OWNED:
                if pattern.match(target) and top not in owners:
                    problems.append(f"{where}: {reason}")
            if top in CORE and SOCKETS.match(target):
                problems.append(f"{where}: no sockets in {top}")
            if quote != '"':
                continue
            other = folder_of(target)
            if other is None or other == layer or allowed is None or not (source / target).exists():
                if other is not None and other != layer and allowed is not None and other in MAY_INCLUDE \
                        and not (source / target).exists():
                    problems.append(f"{where}: there is no such file")
                continue
            if other not in allowed:
                problems.append(f"{where}: {layer} may not include {other}")
            elif linked is not None and other not in linked:
                problems.append(f"{where}: NEEDS of src/{top}/CMakeLists.txt does not name {other}")
    return problems


def main(arguments):
    root = arguments[0] if arguments else pathlib.Path(__file__).resolve().parent.parent
    problems = check(root)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} wrong; the arrows are drawn in tools/check_layers.py", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
