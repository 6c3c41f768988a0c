# shellcheck shell=bash disable=SC2154 # Sourced by scripts/real-world.
# Flows that are silent most of the time, as those of WireGuard: keepalives that nobody answers, a server that speaks of its
# own accord, and clients that come back after longer than a flow may be idle.

walked() { grep -qx "$1" "$work/idle-$2.log"; }

run_wireguard-like() {
    need python3 python3 || return 1
    local direct at
    free_port
    direct=$port
    start idle-server.log python3 scripts/real-world.d/idle.py serve "$direct"
    until_ok "the server" grep -q ready "$work/idle-server.log"
    free_port
    front=$port
    cat >"$work/idle.toml" <<TOML
admin = "off"
[udp.idle]
listen = "127.0.0.1:$front"
to = "127.0.0.1:$direct"
timeout = { unanswered = "2s", flow = "2s" }
TOML
    balance_by idle
    for at in "$direct" "$front"; do
        timeout 60 python3 scripts/real-world.d/idle.py walk "$at" "$direct" >"$work/idle-$at.log" 2>&1 || true
    done
    row wireguard-like "flows, handshakes answered" "$(sed -n 's/^handshakes //p' "$work/idle-$direct.log")" \
        "$(sed -n 's/^handshakes //p' "$work/idle-$front.log")"
    check wireguard-like "every handshake was answered" walked "handshakes 200" "$front"
    check wireguard-like "keepalives keep a flow" walked "kept by clients 1" "$front"
    check wireguard-like "so does what the server sends" walked "kept by the server 1" "$front"
    check wireguard-like "silence of twice the limit ends one" walked "silent 2" "$front"
    check wireguard-like "and the next datagram begins another" walked "welcome again 200" "$front"
}
