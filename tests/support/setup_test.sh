#!/bin/sh
# tools/setup.sh on systems that this one is not: which it takes, which it refuses and why, and what it
# would install. Nothing is installed: the package tools are stand-ins.      setup_test.sh SOURCE_DIR
set -u
source_dir=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
mkdir -p "$work/bin" "$work/root/etc"

fail() {
  failures=$((failures + 1))
  printf 'FAIL: %s\n' "$1"
}
# expect WHAT TEXT PATTERN: TEXT matches the shell pattern.
expect() {
  # shellcheck disable=SC2254  # a pattern is meant
  case $2 in
    $3) ;;
    *) fail "$1: expected '$3', got '$2'" ;;
  esac
}

# Stand-ins: what is "installed" is listed in $work/installed; what is asked of apt-get and brew is written down.
cat >"$work/bin/dpkg-query" <<'END'
#!/bin/sh
for name; do :; done
grep -qx "$name" "$SETUP_TEST/installed" && printf installed
END
cat >"$work/bin/apt-get" <<'END'
#!/bin/sh
printf 'apt-get %s\n' "$*" >>"$SETUP_TEST/asked"
case "$*" in "-s install"*) [ -f "$SETUP_TEST/removes" ] && cat "$SETUP_TEST/removes" ;; esac
exit 0
END
cat >"$work/bin/brew" <<'END'
#!/bin/sh
case $1 in
  list) for name; do :; done; grep -qx "$name" "$SETUP_TEST/installed" ;;
  *) printf 'brew %s\n' "$*" >>"$SETUP_TEST/asked" ;;
esac
END
cat >"$work/bin/id" <<'END'
#!/bin/sh
echo "${SETUP_TEST_UID:-0}"
END
cat >"$work/bin/sudo" <<'END'
#!/bin/sh
printf 'sudo %s\n' "$*" >>"$SETUP_TEST/asked"
END
chmod +x "$work/bin/"*
export SETUP_TEST="$work"

# in_setup SHELL_TEXT: runs it after sourcing setup.sh, without a terminal; the output and "exit=N".
in_setup() {
  : >"$work/asked"
  env -u CI PATH="$work/bin:$PATH" SETUP_ROOT="$work/root" SETUP_UNAME="${uname:-Linux}" \
    sh -c "set -eu; cd '$source_dir'; . ./tools/setup.sh; $1" </dev/null 2>&1
  echo "exit=$?"
}
os() {
  printf '%s\n' "$@" >"$work/root/etc/os-release"
  rm -f "$work/root/etc/debian_version"
}
# shellcheck disable=SC2016  # expanded by the inner shell
which_system='setup_system; echo "system=$SETUP_SYSTEM"'

# --- systems that are taken
takes() {
  expect "$1" "$(in_setup "$which_system")" "*system=$2*exit=0"
}
os 'ID=debian' 'VERSION_ID="12"' 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"'
takes "Debian 12" bookworm
os 'ID=debian' 'VERSION_ID="13"'
takes "Debian 13" newer
os 'ID=debian' 'PRETTY_NAME="Debian GNU/Linux forky/sid"'
takes "Debian testing" newer
os 'ID=ubuntu' 'VERSION_ID="24.04"'
takes "Ubuntu 24.04" newer
os 'ID=ubuntu' 'VERSION_ID="25.10"'
takes "Ubuntu 25.10" newer
os 'ID=linuxmint' 'ID_LIKE="ubuntu debian"' 'VERSION_ID="22"' 'UBUNTU_CODENAME=noble'
takes "Mint 22" newer
os 'ID=linuxmint' 'ID_LIKE=debian' 'VERSION_ID="6"' 'DEBIAN_CODENAME=bookworm'
takes "Mint Debian edition 6" bookworm
os 'ID=raspbian' 'ID_LIKE=debian' 'VERSION_ID="12"'
echo 12.5 >"$work/root/etc/debian_version"
takes "Raspberry Pi OS 12" bookworm
os 'ID=kali' 'ID_LIKE=debian' 'VERSION_ID="2025.1"'
echo kali-rolling >"$work/root/etc/debian_version"
takes "Kali" newer
uname=Darwin
takes "macOS" brew
uname=Linux

# --- systems that are refused, each in one line that names versions
refuses() {
  answer=$(in_setup "$which_system")
  expect "$1" "$answer" "$2"
  expect "$1 ends with 1" "$answer" "*exit=1"
  [ "$(printf '%s\n' "$answer" | wc -l)" -eq 2 ] || fail "$1: more than one line: $answer"
}
os 'ID=debian' 'VERSION_ID="11"' 'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"'
refuses "Debian 11" "*Debian GNU/Linux 11 (bullseye) is too old*Debian 12 or newer*"
os 'ID=ubuntu' 'VERSION_ID="22.04"' 'PRETTY_NAME="Ubuntu 22.04.4 LTS"'
refuses "Ubuntu 22.04" "*Ubuntu 22.04.4 LTS is too old*Ubuntu 24.04 or newer*"
os 'ID=linuxmint' 'ID_LIKE="ubuntu debian"' 'VERSION_ID="21.3"' 'UBUNTU_CODENAME=jammy' 'PRETTY_NAME="Linux Mint 21.3"'
refuses "Mint 21" "*Linux Mint 21.3 is too old*"
os 'ID=fedora' 'VERSION_ID=42' 'PRETTY_NAME="Fedora Linux 42"'
refuses "Fedora" "*Fedora Linux 42 is not one of*Debian 12 or 13, Ubuntu 24.04*macOS*"
rm "$work/root/etc/os-release"
refuses "no os-release" "*no /etc/os-release*"
uname=FreeBSD
refuses "FreeBSD" "*FreeBSD*is not one of*"
uname=Linux
cat "$work/asked" >"$work/nothing"
[ -s "$work/nothing" ] && fail "a refused system was asked for packages"

# --- what is missing, and what is asked of the package manager
os 'ID=debian' 'VERSION_ID="12"' 'PRETTY_NAME="Debian 12"'
everything='libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev libcurl4-gnutls-dev libfmt-dev
  libspdlog-dev libcli11-dev libexpected-dev libsimdjson-dev libsqlite3-dev libsqlitecpp-dev libspeexdsp-dev libsndfile1-dev libzstd-dev portaudio19-dev flite1-dev libpq-dev libpocketsphinx-dev libsphinxbase-dev pocketsphinx-en-us ca-certificates'
for name in $everything; do echo "$name"; done >"$work/installed"
tools='g++ cmake ninja pkg-config'
for name in $tools; do
  printf '#!/bin/sh\nexit 0\n' >"$work/bin/$name"
  chmod +x "$work/bin/$name"
done
install='setup_system; setup_packages build; echo went-on'
expect "nothing missing" "$(in_setup "$install")" "*everything needed is installed.*went-on*exit=0"
[ -s "$work/asked" ] && fail "nothing was missing, yet: $(cat "$work/asked")"

grep -v -e libfmt-dev -e libboost1.81-dev "$work/installed" >"$work/fewer"
echo libboost1.74-dev >>"$work/fewer"
mv "$work/fewer" "$work/installed"
answer=$(in_setup "$install")
expect "missing, no terminal" "$answer" "*missing: libboost1.81-dev libfmt-dev*libboost1.74-dev is installed*replaced*Nothing was installed*./quickstart --yes*exit=1"
[ -s "$work/asked" ] && fail "installed without asking: $(cat "$work/asked")"

echo 'Remv libboost1.74-dev [1.74.0]' >"$work/removes"
answer=$(in_setup "setup_options --no-demo --yes; $install")
expect "missing, --yes" "$answer" "*Running: apt-get update*This replaces: libboost1.74-dev*Running: apt-get install*went-on*exit=0"
expect "only what is missing" "$(grep DEBIAN_FRONTEND "$work/asked"; tail -n 1 "$work/asked")" "*install --no-install-recommends libboost1.81-dev libfmt-dev"
rm "$work/removes"
grep -q sudo "$work/asked" && fail "root does not need sudo: $(cat "$work/asked")"

answer=$(SETUP_TEST_UID=1000 in_setup "setup_options -y; $install")
expect "not root" "$answer" "*sudo will be used*exit=0"
expect "sudo installs" "$(cat "$work/asked")" "*sudo apt-get -qq update*sudo env DEBIAN_FRONTEND=noninteractive apt-get*install*"

answer=$(in_setup "CI=true; setup_options; $install")
expect "CI does not ask" "$answer" "*went-on*exit=0"

os 'ID=ubuntu' 'VERSION_ID="24.04"' 'PRETTY_NAME="Ubuntu 24.04"'
expect "Ubuntu's Boost" "$(in_setup "$install")" "*missing: libboost-dev libboost-json-dev libboost-url-dev libfmt-dev*"

uname=Darwin
answer=$(in_setup "setup_options --yes; $install")
expect "Homebrew" "$answer" "*brew install*boost openssl@3*flite*went-on*exit=0"
expect "Homebrew is asked" "$(cat "$work/asked")" "brew install boost openssl@3 curl fmt spdlog cli11 tl-expected simdjson sqlite sqlitecpp speexdsp libsndfile zstd portaudio flite cmu-pocketsphinx libpq"
uname=Linux

# --- versions of the tools
os 'ID=debian' 'VERSION_ID="12"'
printf '#!/bin/sh\necho cmake version 3.22.1\n' >"$work/bin/cmake"
expect "old CMake" "$(in_setup 'setup_system; setup_tools')" "*CMake 3.25 or newer is needed*3.22.1*exit=1"
printf '#!/bin/sh\necho cmake version 3.25.1\n' >"$work/bin/cmake"
printf '#!/bin/sh\necho 11.4.0\n' >"$work/bin/g++"
expect "old g++" "$(unset CXX; in_setup 'setup_system; setup_tools')" "*g++ 12 or newer is needed*11.4.0*exit=1"
printf '#!/bin/sh\necho 12.2.0\n' >"$work/bin/g++"
expect "good tools" "$(unset CXX; in_setup 'setup_system; setup_tools; echo fine')" "*fine*exit=0"

# --- the scripts themselves
expect "quickstart refuses an option it does not know" "$(in_setup './quickstart --fast')" "*unknown option '--fast'*exit=2"
expect "quickstart --help" "$(in_setup './quickstart --help')" "usage: ./quickstart*exit=0"
expect "run-tests --help" "$(in_setup './run-tests --help')" "usage: ./run-tests*exit=0"

[ "$failures" -eq 0 ] && echo "all as it should be"
exit "$failures"
