#!/bin/sh
# After the files went (deb: remove, then purge if asked; rpm: 0 for a removal, 1 for an upgrade).
# Logs, state and config stay. A purge takes state and config; a day log is never removed here: it
# may be the only copy of its day. The user stays with the logs that belong to it.
set -e

unit=log2aws-agent.service

case "$1" in
    remove | 0)
        [ -d /run/systemd/system ] && systemctl daemon-reload
        # Debian: a removed service cannot be started by its name alone.
        [ "$1" = remove ] && command -v deb-systemd-helper >/dev/null &&
            deb-systemd-helper mask "$unit" >/dev/null
        exit 0
        ;;
    purge)
        if command -v deb-systemd-helper >/dev/null; then
            deb-systemd-helper purge "$unit" >/dev/null || true
            deb-systemd-helper unmask "$unit" >/dev/null || true
        fi
        rm -rf /var/lib/log2aws-agent
        if [ -d /var/log/log2aws ] && ! rmdir /var/log/log2aws 2>/dev/null; then
            echo "log2aws-agent: the day logs in /var/log/log2aws are kept;" \
                "remove the folder yourself when no log is needed any more" >&2
        fi
        rmdir /etc/log2aws 2>/dev/null || true
        ;;
esac
