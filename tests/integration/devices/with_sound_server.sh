#!/bin/sh
# Runs one program with a private PulseAudio of its own: with_sound_server.sh PROGRAM [ARGUMENT…]
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/agentbridge-sound.XXXXXX") || exit 1
support="$here/../../support/headless-audio.sh"

# A plain sh gives a sourced file our own arguments, bash those on the line: by variable it works in both.
use_sound_server() {
    HEADLESS_AUDIO="$1 $dir"
    set --
    . "$support"
}
finish() {
    use_sound_server stop
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

use_sound_server start
# For programs that end the server and bring it back.
export HEADLESS_AUDIO_SCRIPT="$support" HEADLESS_AUDIO_DIR="$dir"
[ "$headless_audio_ok" = 1 ] || exit 1
"$@"
