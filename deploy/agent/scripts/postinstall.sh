#!/bin/sh
# After the files came (deb: configure and the version before; rpm: 1 for an install, 2 for an
# upgrade): folders, and the service. A service that somebody disabled stays disabled.
set -e

unit=log2aws-agent.service

case "$1" in
    configure | 1 | 2) ;;
    *) exit 0 ;;
esac

/bin/sh /usr/lib/log2aws-agent/folders || true

command -v systemctl >/dev/null || exit 0

# Enabling is a link in /etc and works where no systemd runs, as in an image that is being built.
if [ "$1" = configure ] && command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper unmask "$unit" >/dev/null || true
    if deb-systemd-helper --quiet was-enabled "$unit"; then
        deb-systemd-helper enable "$unit" >/dev/null || true
    else
        deb-systemd-helper update-state "$unit" >/dev/null || true
    fi
elif [ "$1" != 2 ]; then
    systemctl enable "$unit" || true
fi

[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload || true
if [ "$1" = 2 ] || { [ "$1" = configure ] && [ -n "$2" ]; }; then
    # try-restart would not start a service that was removed and is installed again.
    action=restart
    [ "$1" = 2 ] && action=try-restart
else
    action=start
fi
if command -v deb-systemd-invoke >/dev/null; then
    deb-systemd-invoke "$action" "$unit" || true
else
    systemctl "$action" "$unit" || true
fi
