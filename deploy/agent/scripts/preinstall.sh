#!/bin/sh
# Before the files come (deb: install, upgrade; rpm: 1, 2): the user that the agent runs as.
set -e

case "$1" in
    install | upgrade | 1 | 2) ;;
    *) exit 0 ;;
esac

if ! getent group log2aws >/dev/null; then
    groupadd --system log2aws
fi
if ! getent passwd log2aws >/dev/null; then
    useradd --system --gid log2aws --no-create-home --home-dir /var/lib/log2aws-agent \
        --shell /usr/sbin/nologin --comment "log2aws agent" log2aws
fi
