#!/usr/bin/env bash
# Chromium from Debian's packages into a folder of the project, for tests/browser, with those of its
# libraries that this machine lacks. They are unpacked and not installed. Needs apt-get and dpkg, no root.
set -euo pipefail
place=$(realpath -m "${1:?where to}")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/partial"
download() {
  apt-get -qq -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Dir::Cache::archives="$work" \
    install --download-only --reinstall --no-install-recommends --yes chromium >"$work/said" 2>&1
}
if ! download; then
  apt-get -qq -o APT::Sandbox::User=root update
  download || { cat "$work/said" >&2; exit 1; }
fi
rm -rf "$place"
mkdir -p "$place/bin" "$place/home"
for package in "$work"/*.deb; do dpkg -x "$package" "$place/debian"; done

lib=$place/debian/usr/lib/x86_64-linux-gnu
cat >"$place/bin/chromium" <<SCRIPT
#!/bin/sh
export LD_LIBRARY_PATH="$lib:$lib/pulseaudio\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export HOME="$place/home"
exec "$place/debian/usr/lib/chromium/chromium" "\$@"
SCRIPT
chmod +x "$place/bin/chromium"
# What the machine lacks is found here and not in the middle of a test.
"$place/bin/chromium" --version --no-sandbox
