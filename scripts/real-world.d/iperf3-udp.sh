# shellcheck shell=bash disable=SC2154 # Sourced by scripts/real-world.
# iperf3 over UDP: it agrees with its server over TCP, and then sends datagrams, with numbers and times in them.

# iperf PORT LOG FLAGS…: a client's report.
iperf() {
    iperf3 -c 127.0.0.1 -p "$1" -u -t "$seconds" -J "${@:3}" >"$work/$2" 2>"$work/iperf-said.log" || true
}

# of_report LOG PATH: a figure of a report.
of_report() { python3 -c "import json, sys; print(f'{json.load(open(sys.argv[1]))[\"end\"][\"sum\"][sys.argv[2]]:.3g}')" "$work/$1" "$2" 2>/dev/null || echo none; }

# is_about THROUGH DIRECT: whether it is hardly more, as far as that can be said of a machine that others use, too.
is_about() { [[ $1 != none && $2 != none ]] && awk "BEGIN { exit !($1 <= $2 + 5) }"; }

# compare WHAT FLAGS…
compare() {
    local what=$1 at rates=() direct_lost lost
    shift
    for at in "$direct" "$front"; do
        iperf "$at" "iperf-$at.log" "$@"
        rates+=("$(awk "BEGIN { printf \"%.0f\", $(of_report "iperf-$at.log" bits_per_second) / 1e6 }") Mbit/s")
    done
    row iperf3-udp "$what" "${rates[@]}"
    direct_lost=$(of_report "iperf-$direct.log" lost_percent)
    lost=$(of_report "iperf-$front.log" lost_percent)
    row iperf3-udp "lost, per cent" "$direct_lost" "$lost"
    check iperf3-udp "hardly more is lost" is_about "$lost" "$direct_lost"
}

run_iperf3-udp() {
    need iperf3 iperf3 && need python3 python3 || return 1
    local direct
    free_port
    direct=$port
    start iperf-server.log iperf3 -s -p "$direct"
    until_ok iperf3 listens "$direct"
    free_port
    front=$port
    cat >"$work/iperf.toml" <<TOML
admin = "off"
[tcp.iperf]
listen = "127.0.0.1:$front"
to = "127.0.0.1:$direct"
[udp.iperf-udp]
listen = "127.0.0.1:$front"
to = "127.0.0.1:$direct"
TOML
    balance_by iperf
    compare "to the server, 100 Mbit/s of 1,200 B" -b 100M -l 1200
    compare "to the client, the same" -b 100M -l 1200 -R
    compare "eight flows, 16 B each" -b 400k -l 16 -P 8
    compare "of 60,000 B, in fragments" -b 100M -l 60000
}
