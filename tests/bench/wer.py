#!/usr/bin/env python3
"""Word error rate of a transcriber on telephone speech.

    tests/bench/wer.py --build build/release                       the engine the settings name
    tests/bench/wer.py --build build/release --pocketsphinx        PocketSphinx' dictation, as a yardstick

The speech: sentences spoken by Flite, and what people recorded for pocketsphinx-testdata, where that package is;
all of it at 8 kHz through mu-law with white noise so many dB below it. Errors are substitutions, insertions and
deletions of words, case and punctuation aside, over the words that were spoken.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SENTENCES = """hello this is anna speaking how can i help you
i would like to change my appointment on friday afternoon
could you please repeat the last part of the address
the parcel was delivered to my neighbour yesterday morning
my order number ends with seven four nine two
we are open from nine in the morning until six in the evening
please hold the line while i look up your account
there seems to be a problem with the internet connection
i have been waiting for an answer since last week
can i speak to somebody from the billing department
the meeting was moved to tuesday the twenty third of march
no that is not what i said let me explain it again
thank you very much for your help and have a nice day
the train leaves at a quarter past eight from platform five
i will call you back in ten minutes with the details
would you like me to send the invoice by mail
it costs twenty five dollars and fifty cents
we never received the package you sent last month
turn left after the bridge and then take the second street
sorry the connection is very bad i can hardly hear you""".splitlines()

RECORDED = pathlib.Path("/usr/share/pocketsphinx/test/data")


def words(text):
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()


def errors(said, heard):
    """The least substitutions, insertions and deletions."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        last, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (word != other))
    return row[-1]


def recorded_speech():
    """What people said: (name, words, sound file)."""
    found = []
    listings = [*RECORDED.rglob("*.transcription"), *RECORDED.rglob("transcription")] if RECORDED.exists() else []
    for listing in sorted(listings):
        for line in listing.read_text(errors="replace").splitlines():
            match = re.match(r"^(.*)\(([^)]*)\)\s*$", line.replace("<s>", "").replace("</s>", ""))
            if not match:
                continue
            for kind in ("wav", "flac"):
                sound = next(iter(listing.parent.rglob(pathlib.Path(match[2]).name + "." + kind)), None)
                if sound:
                    found.append((f"recorded-{len(found)}", " ".join(words(match[1])), str(sound)))
                    break
    return found


def by_agentbridge(build, sound):
    done = subprocess.run([build / "src/app/agentbridge", "transcribe", sound, "--format", "json"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return " ".join(piece["text"] for piece in json.loads(done.stdout)["pieces"])


def by_pocketsphinx(_, sound):
    """Dictation with the general English model."""
    done = subprocess.run(["pocketsphinx_continuous", "-infile", sound, "-logfn", "/dev/null"],
                          capture_output=True, text=True, check=True)
    return done.stdout


def measure(name, speech, build, folder, snr, understand):
    rate = 16000 if understand is by_pocketsphinx else 8000  # its model knows no other
    listing = folder / f"{name}.tsv"
    listing.write_text("".join("\t".join(one).rstrip("\t") + "\n" for one in speech))
    subprocess.run([build / "tests/bench/bench_telephone_speech", folder, str(snr), listing, str(rate)],
                   check=True)
    wrong = spoken = 0
    for one in speech:
        said = words(one[1])
        heard = words(understand(build, folder / f"{one[0]}.wav"))
        wrong += errors(said, heard)
        spoken += len(said)
    print(f"{name:<24} {snr:>3} dB  {len(speech):>3} utterances  {spoken:>4} words  "
          f"WER {100 * wrong / max(spoken, 1):5.1f} %", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--pocketsphinx", action="store_true")
    parser.add_argument("--snr", type=int, nargs="+", default=[30, 15])
    wanted = parser.parse_args()
    understand = by_pocketsphinx if wanted.pocketsphinx else by_agentbridge
    spoken = [(f"spoken-{i}", text, "") for i, text in enumerate(SENTENCES)]
    with tempfile.TemporaryDirectory(prefix="agentbridge-wer-") as folder:
        for snr in wanted.snr:
            measure("spoken by Flite", spoken, wanted.build, pathlib.Path(folder), snr, understand)
            people = recorded_speech()
            if people:
                measure("recorded by people", people, wanted.build, pathlib.Path(folder), snr, understand)


if __name__ == "__main__":
    main()
