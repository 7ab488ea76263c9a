# A private PulseAudio with a speaker and a microphone that exist only in software, for tests on machines
# without a sound card. Sourced by sh or bash:
#
#   . headless-audio.sh start DIR     starts it and exports what its clients need; DIR is made if missing
#   . headless-audio.sh stop DIR      ends it
#
# DIR is an absolute folder for this one server. In a plain sh, which gives no arguments to a sourced
# file, set HEADLESS_AUDIO="start DIR" before. After `start`: PortAudio lists test_speaker, test_mic
# and default, and nothing else; what was played is recorded with
#   parec -d speaker.monitor --raw --format=s16le --rate=48000 --channels=1 --latency-msec=20 > heard.raw
# and played into the microphone with `paplay -d micfeed FILE`. $headless_audio_ok is 1 if it answers.

if [ $# -lt 2 ] && [ -n "${HEADLESS_AUDIO:-}" ]; then
    # shellcheck disable=SC2086
    set -- $HEADLESS_AUDIO
fi
headless_audio_command=${1:-}
headless_audio_dir=${2:-}
headless_audio_ok=0

case $headless_audio_command in
start)
    mkdir -p "$headless_audio_dir/state"
    chmod 700 "$headless_audio_dir"
    # norewinds=1: without it playback stalls for seconds at its start and races while someone records.
    cat > "$headless_audio_dir/test.pa" <<P
load-module module-native-protocol-unix auth-anonymous=1 socket=$headless_audio_dir/native
load-module module-null-sink sink_name=speaker rate=48000 channels=1 format=s16le norewinds=1 sink_properties=device.description=TestSpeaker
load-module module-null-sink sink_name=micfeed rate=48000 channels=1 format=s16le norewinds=1 sink_properties=device.description=MicFeed
load-module module-remap-source source_name=mic master=micfeed.monitor source_properties=device.description=TestMic
set-default-sink speaker
set-default-source mic
P
    cat > "$headless_audio_dir/asound.conf" <<P
pcm.!default { type pulse server "unix:$headless_audio_dir/native" hint { show on description "default" } }
ctl.!default { type pulse server "unix:$headless_audio_dir/native" }
pcm.test_speaker { type pulse server "unix:$headless_audio_dir/native" device "speaker" hint { show on description "TestSpeaker" } }
pcm.test_mic { type pulse server "unix:$headless_audio_dir/native" device "mic" hint { show on description "TestMic" } }
P
    XDG_RUNTIME_DIR=$headless_audio_dir
    PULSE_RUNTIME_PATH=$headless_audio_dir
    PULSE_STATE_PATH=$headless_audio_dir/state
    PULSE_COOKIE=$headless_audio_dir/cookie
    export XDG_RUNTIME_DIR PULSE_RUNTIME_PATH PULSE_STATE_PATH PULSE_COOKIE
    unset PULSE_SERVER
    pulseaudio -n -F "$headless_audio_dir/test.pa" --daemonize=no --exit-idle-time=-1 --use-pid-file=false \
        --disable-shm=yes --realtime=no --high-priority=no \
        --log-target=file:"$headless_audio_dir/pulse.log" > /dev/null 2>&1 < /dev/null &
    echo $! > "$headless_audio_dir/pid"
    PULSE_SERVER=unix:$headless_audio_dir/native
    ALSA_CONFIG_PATH=$headless_audio_dir/asound.conf
    export PULSE_SERVER ALSA_CONFIG_PATH
    headless_audio_try=0
    while [ "$headless_audio_try" -lt 100 ]; do
        if pactl info > /dev/null 2>&1; then
            headless_audio_ok=1
            break
        fi
        kill -0 "$(cat "$headless_audio_dir/pid")" 2> /dev/null || break
        sleep 0.1
        headless_audio_try=$((headless_audio_try + 1))
    done
    [ "$headless_audio_ok" = 1 ] || echo "headless-audio: PulseAudio did not start, see $headless_audio_dir/pulse.log" >&2
    ;;
stop)
    if [ -f "$headless_audio_dir/pid" ]; then
        kill "$(cat "$headless_audio_dir/pid")" 2> /dev/null
        wait "$(cat "$headless_audio_dir/pid")" 2> /dev/null
        rm -f "$headless_audio_dir/pid"
    fi
    ;;
*)
    echo "headless-audio: start DIR or stop DIR, not '$headless_audio_command'" >&2
    ;;
esac
