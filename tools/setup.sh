# shellcheck shell=sh
# Shared by ./quickstart and ./run-tests: finds out what system this is, what is missing, and installs
# that and nothing else, after asking. Sourced, not run. POSIX sh.
#
#   setup_options "$@"       takes --yes, -y out of the arguments: SETUP_YES
#   setup_system             SETUP_SYSTEM is bookworm, newer or brew; stops on anything older or unknown
#   setup_packages build     (or: build test) installs what is missing
#   setup_tools              checks the versions of the compiler and of CMake
#
# Tests point SETUP_ROOT at a folder with another etc/os-release, SETUP_UNAME at another kernel's name,
# and put other package tools first in PATH.

SETUP_YES=${SETUP_YES:-no}
SETUP_SYSTEM=
SETUP_NAME=
SETUP_SCRIPT=${SETUP_SCRIPT:-./quickstart}

say() { printf '%s\n' "$*"; }
stop() {
  printf '%s: %s\n' "$(basename "$SETUP_SCRIPT")" "$1" >&2
  exit "${2:-1}"
}

# True if dotted version $1 is at least $2 ("24.10" is at least "24.04").
at_least() {
  awk -v have="$1" -v want="$2" 'BEGIN {
    n = split(want, w, "."); split(have, h, ".")
    for (i = 1; i <= n; i++) { if (h[i] + 0 > w[i] + 0) exit 0; if (h[i] + 0 < w[i] + 0) exit 1 }
    exit 0 }'
}

# One field of os-release, unquoted, without running the file.
os_field() {
  sed -n "s/^$1=//p" "$setup_os_release" | head -n 1 | sed -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/"
}

setup_supported='Debian 12 or 13, Ubuntu 24.04 or newer (and systems made from them), macOS with Homebrew'

setup_system() {
  setup_kernel=${SETUP_UNAME:-$(uname -s)}
  case $setup_kernel in
    Darwin) setup_macos ;;
    Linux) setup_linux ;;
    *) stop "this system ($setup_kernel) is not one of those supported: $setup_supported" ;;
  esac
}

setup_macos() {
  SETUP_NAME="macOS"
  command -v brew >/dev/null 2>&1 ||
    stop "Homebrew was not found; install it from https://brew.sh and run this again"
  SETUP_SYSTEM=brew
}

setup_linux() {
  setup_os_release=${SETUP_ROOT:-}/etc/os-release
  [ -r "$setup_os_release" ] || stop "no /etc/os-release here; supported are: $setup_supported"
  setup_id=$(os_field ID)
  setup_like=$(os_field ID_LIKE)
  setup_version=$(os_field VERSION_ID)
  SETUP_NAME=$(os_field PRETTY_NAME)
  [ -n "$SETUP_NAME" ] || SETUP_NAME="$setup_id $setup_version"
  case $setup_id in
    debian) setup_debian "$setup_version" ;;
    ubuntu) setup_ubuntu "$setup_version" ;;
    *)
      case " $setup_like " in
        *" ubuntu "*)
          # A derivative counts versions its own way; the codename says what it was made from.
          case $(os_field UBUNTU_CODENAME) in
            trusty | xenial | bionic | focal | jammy | impish | kinetic | lunar | mantic) setup_ubuntu 22.04 ;;
            "") setup_ubuntu "$setup_version" ;;
            *) setup_ubuntu 24.04 ;;
          esac ;;
        *" debian "*)
          case $(os_field DEBIAN_CODENAME) in
            stretch | buster | bullseye) setup_debian 11 ;;
            bookworm) setup_debian 12 ;;
            "") setup_debian "$(sed -n 's/^\([0-9][0-9]*\).*/\1/p' "${SETUP_ROOT:-}/etc/debian_version" 2>/dev/null)" ;;
            *) setup_debian 13 ;;
          esac ;;
        *) stop "$SETUP_NAME is not one of the systems supported: $setup_supported" ;;
      esac ;;
  esac
}

# $1: Debian's version; empty for testing and unstable, which have none.
setup_debian() {
  if [ -z "$1" ] || at_least "$1" 13; then
    SETUP_SYSTEM=newer
  elif at_least "$1" 12; then
    SETUP_SYSTEM=bookworm
  else
    stop "$SETUP_NAME is too old: its compiler and Boost are (needed: g++ 12, CMake 3.25, Boost 1.81); use Debian 12 or newer"
  fi
}

setup_ubuntu() {
  if [ -n "$1" ] && at_least "$1" 24.04; then
    SETUP_SYSTEM=newer
  else
    stop "$SETUP_NAME is too old: its CMake and Boost are (needed: g++ 12, CMake 3.25, Boost 1.81); use Ubuntu 24.04 or newer"
  fi
}

# The packages of a group, one a line. "name" is looked up with the package manager, "name:command" counts as
# there when the command is (whoever installed it), "one|other" when either is; the first is installed.
setup_list() {
  case $SETUP_SYSTEM:$1 in
    bookworm:build) say libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev | tr ' ' '\n' ;;
    newer:build) say libboost-dev libboost-json-dev libboost-url-dev | tr ' ' '\n' ;;
  esac
  case $SETUP_SYSTEM:$1 in
    brew:build)
      say cmake:cmake ninja:ninja pkgconf:pkg-config boost openssl@3 curl fmt spdlog cli11 tl-expected simdjson \
        sqlite sqlitecpp speexdsp libsndfile zstd portaudio flite cmu-pocketsphinx libpq | tr ' ' '\n' ;;
    brew:test) say googletest node:npm python3:python3 nginx:nginx | tr ' ' '\n' ;;
    *:build)
      say g++:g++ cmake:cmake ninja-build:ninja pkg-config:pkg-config ca-certificates libssl-dev \
        'libcurl4-openssl-dev|libcurl4-gnutls-dev' libfmt-dev libspdlog-dev libcli11-dev libexpected-dev \
        libsimdjson-dev libsqlite3-dev libsqlitecpp-dev libspeexdsp-dev libsndfile1-dev libzstd-dev portaudio19-dev flite1-dev libpq-dev \
        libpocketsphinx-dev libsphinxbase-dev pocketsphinx-en-us | tr ' ' '\n' ;;
    *:test)
      say libgtest-dev libgmock-dev python3:python3 python3-websockets python3-jsonschema nodejs:node npm:npm openssl:openssl pulseaudio \
        pulseaudio-utils libasound2-plugins alsa-utils | tr ' ' '\n'
      # The browser for the page's tests. Ubuntu has it as a snap only: there they run if a Chrome is installed.
      case $SETUP_NAME in *Debian*) say chromium:chromium ;; esac
      # Debian's packages start servers, on port 80 and 5432: nobody's own machine is asked for that.
      if [ "${CI:-}" = true ]; then say 'nginx|nginx-light' postgresql | tr ' ' '\n'; fi ;;
  esac
}

setup_has_package() {
  if [ "$SETUP_SYSTEM" = brew ]; then
    brew list --versions "$1" >/dev/null 2>&1
  else
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | head -c 9)" = installed ]
  fi
}

# Prints the names of what the groups in "$@" need and this machine does not have.
setup_missing() {
  for setup_group in "$@"; do
    setup_list "$setup_group"
  done | while IFS= read -r setup_entry; do
    case $setup_entry in
      *:*)
        command -v "${setup_entry##*:}" >/dev/null 2>&1 || say "${setup_entry%%:*}" ;;
      *'|'*)
        setup_has_package "${setup_entry%%|*}" || setup_has_package "${setup_entry##*|}" ||
          say "${setup_entry%%|*}" ;;
      *)
        setup_has_package "$setup_entry" || say "$setup_entry" ;;
    esac
  done
}

setup_options() {
  for setup_argument in "$@"; do
    case $setup_argument in
      --yes | -y) SETUP_YES=yes ;;
    esac
  done
  [ "${CI:-}" = true ] && SETUP_YES=yes
  return 0
}

setup_ask() {
  [ "$SETUP_YES" = yes ] && return 0
  if [ ! -t 0 ]; then
    say "Nothing was installed: there is no terminal to ask at. To install this and go on, run:"
    say "  $SETUP_SCRIPT --yes"
    exit 1
  fi
  printf '%s [y/N] ' "$1"
  read -r setup_answer || setup_answer=
  case $setup_answer in
    y | Y | yes | Yes | YES) return 0 ;;
  esac
  say "Nothing was installed."
  exit 1
}

setup_packages() {
  setup_names=$(setup_missing "$@" | tr '\n' ' ' | sed 's/ $//')
  if [ -z "$setup_names" ]; then
    say "$SETUP_NAME: everything needed is installed."
    return 0
  fi
  say "$SETUP_NAME: missing: $setup_names"
  if [ "$SETUP_SYSTEM" = brew ]; then
    setup_ask "Install them with Homebrew now?"
    say "Running: brew install $setup_names"
    # shellcheck disable=SC2086  # a list of names
    brew install $setup_names || stop "Homebrew could not install: $setup_names"
    return 0
  fi

  case " $setup_names " in
    *libboost1.81-dev*)
      if setup_has_package libboost1.74-dev; then
        say "Note: libboost1.74-dev is installed; it and Boost 1.81 exclude each other, so it (and the libboost-*-dev packages that need it) will be replaced."
      fi ;;
  esac
  setup_sudo=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 ||
      stop "installing needs root, and there is no sudo; as root, run: apt-get install --no-install-recommends $setup_names"
    setup_sudo=sudo
    say "Installing needs root: sudo will be used for apt-get, and may ask for your password."
  fi
  setup_ask "Install them with apt-get now?"
  say "Running: apt-get update"
  $setup_sudo apt-get -qq update || stop "apt-get update failed; see the lines above"
  # shellcheck disable=SC2086  # a list of names
  setup_removed=$(apt-get -s install --no-install-recommends $setup_names 2>/dev/null | awk '/^Remv/ {print $2}' | tr '\n' ' ')
  [ -z "$setup_removed" ] || say "This replaces: $setup_removed"
  say "Running: apt-get install --no-install-recommends $setup_names"
  # shellcheck disable=SC2086  # a list of names
  $setup_sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends $setup_names >/dev/null ||
    stop "apt-get could not install: $setup_names"
}

# Too old a compiler or CMake in front of the system's own is a common surprise; say so before CMake does.
setup_tools() {
  setup_cmake=$(cmake --version 2>/dev/null | awk 'NR == 1 {print $3}')
  at_least "${setup_cmake:-0}" 3.25 ||
    stop "CMake 3.25 or newer is needed; '$(command -v cmake || echo cmake)' is ${setup_cmake:-missing}"
  if [ "$SETUP_SYSTEM" = brew ]; then
    xcode-select -p >/dev/null 2>&1 ||
      stop "Apple's compiler is missing; run: xcode-select --install"
    return 0
  fi
  setup_cxx=${CXX:-g++}
  case $setup_cxx in
    *clang*) return 0 ;;
  esac
  # shellcheck disable=SC2086  # CXX may hold arguments
  setup_gcc=$($setup_cxx -dumpfullversion 2>/dev/null)
  at_least "${setup_gcc:-0}" 12 || stop "g++ 12 or newer is needed; '$setup_cxx' is ${setup_gcc:-missing}"
}

# As many compilers at once as there are cores, but no more than the memory takes (1.5 GB each).
setup_jobs() {
  setup_cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
  if [ -r /proc/meminfo ]; then
    setup_fit=$(awk '/^MemAvailable/ {print int($2 / 1572864)}' /proc/meminfo)
    [ "${setup_fit:-1}" -ge 1 ] || setup_fit=1
    [ "$setup_fit" -lt "$setup_cores" ] && setup_cores=$setup_fit
  fi
  say "$setup_cores"
}

# setup_configure PRESET FOLDER [cmake arguments]: configures once; Ninja does it again when a CMake file changed.
# A folder left by a checkout that stood elsewhere is begun afresh. A new one compiles sources in batches, which takes half
# the time from nothing, and longer after a change of one file: for that `cmake --preset dev` has a folder of its own.
setup_configure() {
  setup_preset=$1 setup_folder=$2
  shift 2
  setup_new=yes
  if [ -f "$setup_folder/CMakeCache.txt" ]; then
    setup_home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$setup_folder/CMakeCache.txt")
    if [ "$setup_home" = "$(pwd -P)" ]; then setup_new=no; else set -- --fresh "$@"; fi
  fi
  if [ "$setup_new" = yes ] && [ "$SETUP_SYSTEM" != brew ]; then
    set -- -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=12 "$@"
  fi
  if [ "$SETUP_SYSTEM" = brew ]; then
    set -- "-DCMAKE_PREFIX_PATH=$(brew --prefix)" "-DOPENSSL_ROOT_DIR=$(brew --prefix openssl@3)" "$@"
    # libpq is kept apart from the rest.
    PKG_CONFIG_PATH="$(brew --prefix)/lib/pkgconfig:$(brew --prefix)/opt/libpq/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
    export PKG_CONFIG_PATH
  fi
  cmake --preset "$setup_preset" -B "$setup_folder" --log-level=WARNING "$@"
}

# The program that was built in FOLDER.
setup_program() {
  for setup_path in "$1/agentbridge" "$1/src/app/agentbridge"; do
    if [ -f "$setup_path" ] && [ -x "$setup_path" ]; then
      say "$setup_path"
      return 0
    fi
  done
  return 1
}
