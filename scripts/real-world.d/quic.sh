# shellcheck shell=bash disable=SC2154 # Sourced by scripts/real-world.
# QUIC by aioquic: downloads from two servers, by clients that stay, whose NAT gives them another port in the middle, and who
# go to another port themselves.

# download PORT WAY: which server it came from, whether it was what it should be, and MB/s.
download() {
    timeout 60 "$python" scripts/real-world.d/quic.py client "$1" "$work/tls/ca.pem" "$bytes" "$2" 2>"$work/quic-client.log" || true
}

# is_whole WORDS…: whether that is a download.
is_whole() { [[ ${2:-} == same ]]; }

# nat LOG TO: a NAT in front of TO that takes another port in the middle of a download; its port is in $port.
start_nat() {
    free_port
    start "$1.log" "$python" scripts/real-world.d/quic.py nat "$port" "$2" $((bytes / 2))
    until_ok "the NAT" grep -q ready "$work/$1.log"
}

run_quic() {
    need openssl openssl && need python3 python3 || return 1
    local python=$work/venv/bin/python bytes=8000000 name servers=() direct got way
    say "installing the PyPI package aioquic into a temporary folder"
    python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q aioquic >"$work/pip.log" 2>&1 || return 1
    sign quic
    for name in one two; do
        free_port
        servers+=("$port")
        start "quic-$name.log" "$python" scripts/real-world.d/quic.py server "$port" "$name" "$work/tls/quic.pem" "$work/tls/quic.key"
        until_ok "the server $name" grep -q ready "$work/quic-$name.log"
    done
    direct=${servers[0]}
    free_port
    front=$port
    cat >"$work/quic.toml" <<TOML
admin = "off"
[udp.quic]
listen = "127.0.0.1:$front"
to = ["127.0.0.1:${servers[0]}", "127.0.0.1:${servers[1]}"]
quic = true
TOML
    balance_by quic
    local rates=() at
    for at in "$direct" "$front"; do
        read -ra got <<<"$(download "$at" stay)"
        rates+=("${got[2]:-none}")
    done
    row quic "8 MB, MB/s" "${rates[@]}"
    check quic "a download is whole" is_whole "${got[@]}"
    local answered
    answered=$(for _ in {1..8}; do download "$front" stay; done | cut -d' ' -f1 | sort -u | tr '\n' ' ')
    check quic "both servers are used" test "$answered" = "one two "
    # Four times each: with two servers a flow that is taken for a new one goes wrong half of the time.
    for way in 1 2 3 4; do
        start_nat "nat-$way" "$front"
        read -ra got <<<"$(download "$port" stay)"
        check quic "whole, the NAT took another port, $way" is_whole "${got[@]}"
        check quic "it did take one" test "$(grep -c '^from' "$work/nat-$way.log")" = 2
    done
    for way in 1 2 3 4; do
        read -ra got <<<"$(download "$front" rebind)"
        check quic "whole, the client went to another, $way" is_whole "${got[@]}"
    done
    # It takes another connection id as well, one that only its server and it know of.
    local whole=0
    for way in 1 2 3 4 5 6 7 8; do
        read -ra got <<<"$(download "$front" migrate)"
        if is_whole "${got[@]}"; then whole=$((whole + 1)); fi
    done
    read -ra got <<<"$(download "$direct" migrate)"
    row quic "whole of 8, with another id as well" "$(is_whole "${got[@]}" && echo 8)" "$whole"
}
