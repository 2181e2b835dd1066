#!/bin/sh
# Before the files go (deb: remove, upgrade; rpm: 0 for a removal, 1 for an upgrade): stop. An
# upgrade restarts the service afterwards, so that it is never stopped for long.
set -e

unit=log2aws-agent.service

case "$1" in
    remove | 0) ;;
    *) exit 0 ;;
esac

command -v systemctl >/dev/null || exit 0
if [ -d /run/systemd/system ]; then
    if command -v deb-systemd-invoke >/dev/null; then
        deb-systemd-invoke stop "$unit" || true
    else
        systemctl stop "$unit" || true
    fi
fi
# Debian keeps in mind whether it was enabled, for an install that follows.
[ "$1" = 0 ] && systemctl disable "$unit" >/dev/null 2>&1
exit 0
