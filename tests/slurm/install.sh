#!/usr/bin/env bash
# SLURM and munge from Debian's packages into a folder of the project, for tests/slurm.
# They are unpacked and not installed: with SLURM's client on the PATH and no cluster behind it, each
# start of snakemake waits nine seconds for one. Needs apt-get and dpkg, no root.
set -euo pipefail
place=$(realpath -m "${1:?where to}")
packages=(slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge libmunge2
  libdbus-1-3 libhwloc15 libjson-c5 liblua5.1-0 liblz4-1 libnuma1 libreadline8 libyaml-0-2)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
download() { apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}" >"$work/said" 2>&1; }
if ! download; then
  apt-get -qq -o APT::Sandbox::User=root update
  download || { cat "$work/said" >&2; exit 1; }
fi
rm -rf "$place"
mkdir -p "$place/etc"
for package in *.deb; do dpkg -x "$package" "$place/debian"; done
# As Debian's alternatives name them: a daemon reads from its own name what it is.
for daemon in slurmctld slurmd slurmstepd; do
  ln -s "$daemon-wlm" "$place/debian/usr/sbin/$daemon"
done

# Commands that know their libraries and the config of the cluster that is under test: SLURM's own
# variables do not reach the srun inside of a job.
mkdir "$place/bin"
lib=$place/debian/usr/lib/x86_64-linux-gnu
for command in "$place"/debian/usr/bin/* "$place"/debian/usr/sbin/*; do
  name=$(basename "$command")
  # As on a cluster without accounting: neither these commands nor an account.
  case $name in sacct | sacctmgr | sshare | sreport) continue ;; esac
  cat >"$place/bin/$name" <<SCRIPT
#!/bin/sh
export LD_LIBRARY_PATH="$lib/slurm-wlm:$lib:$place/debian/lib/x86_64-linux-gnu\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export SLURM_CONF="$place/etc/slurm.conf"
exec "$command" "\$@"
SCRIPT
  chmod +x "$place/bin/$name"
done
