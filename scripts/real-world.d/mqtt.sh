# shellcheck shell=bash disable=SC2154 # Sourced by scripts/real-world.
# Two MQTT brokers with TLS behind one port, told apart by the name that clients ask for.

start_broker() {
    local name=$1
    free_port
    brokers[$name]=$port
    cat >"$work/$name.conf" <<CONF
listener $port 127.0.0.1
certfile $work/$name.pem
keyfile $work/$name.key
allow_anonymous true
persistence false
# The broker would drop what a subscriber is too slow for.
max_queued_messages 0
user root
CONF
    start "$name.log" "$(command -v mosquitto || echo /usr/sbin/mosquitto)" -c "$work/$name.conf"
    until_ok "the broker $name" listens "$port"
}

# named COMMAND…: where the names of the brokers are those of this machine. Clients take what they connect to as the name
# that they ask for, and /etc/hosts is not ours to change.
named() {
    unshare -rm sh -c 'hosts=$1; shift; mount --bind "$hosts" /etc/hosts && exec "$@"' sh "$work/hosts" "$@"
}

# mqtt pub|sub NAME PORT FLAGS…
mqtt() {
    local what=$1 name=$2 to=$3
    shift 3
    named timeout 20 "mosquitto_$what" -h "$name" -p "$to" --cafile "$work/$name.pem" -q 2 "$@"
}

# Whether what was left at a broker through evenkeel is there, and not at the other one.
is_left_at() {
    [[ $(mqtt sub "$1" "${brokers[$1]}" -t note -C 1 -W 5) == "for $1" ]]
}

has_ended() { [[ $(grep -Ec '"end":"(ok|client-reset|backend-reset)"' "$work/mqtt.log") == "$1" ]]; }

# How many clients a broker has seen.
clients_of() { grep -c 'New client' "$work/$1.log" || true; }

has_clients() { (($(clients_of "$1") >= $2)); }

run_mqtt() {
    need mosquitto_sub mosquitto-clients && { [[ -x /usr/sbin/mosquitto ]] || need mosquitto mosquitto; } &&
        need openssl openssl || return 1
    printf '127.0.0.1 localhost one.test two.test\n' >"$work/hosts"
    if ! named true 2>/dev/null; then
        say "no names can be given in a namespace here"
        return 1
    fi
    local name
    declare -A brokers
    for name in one.test two.test; do
        certificate "$name"
        start_broker "$name"
    done
    free_port
    front=$port
    {
        echo 'admin = "off"'
        service mqtt "$front" ""
        printf '[tcp.mqtt.route]\n"one.test" = "127.0.0.1:%s"\n"two.test" = "127.0.0.1:%s"\n' \
            "${brokers[one.test]}" "${brokers[two.test]}"
    } >"$work/mqtt.toml"
    balance_by mqtt
    for name in one.test two.test; do mqtt pub "$name" "$front" -t note -r -m "for $name"; done
    check mqtt "a note left at one is there" is_left_at one.test
    check mqtt "and that at the other there" is_left_at two.test
    local at before
    before=$(clients_of one.test)
    for at in "${brokers[one.test]}" "$front"; do
        start "sub-$at.log" named timeout 30 mosquitto_sub -h one.test -p "$at" --cafile "$work/one.test.pem" -q 2 -t many -C 5000
    done
    local subscriber=$started
    until_ok "both subscribers" has_clients one.test $((before + 2))
    seq 5000 | mqtt pub one.test "$front" -t many -l
    wait "$subscriber" || true
    check mqtt "5,000 messages, once each, in order" cmp -s "$work/sub-$front.log" <(seq 5000)
    # Whoever says good-bye in MQTT closes, and does not wait for the end of TLS, which then meets a reset.
    check mqtt "every session has ended" within has_ended 4
}
