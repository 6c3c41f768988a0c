# shellcheck shell=bash disable=SC2154 # Sourced by scripts/real-world.
# Two name servers behind one address, over UDP and, for answers that are too long for it, over TCP; one dies under load.

start_names() {
    local name=$1 port=$2 long
    long=$(printf 'x%.0s' {1..200})
    # All settings are here: nothing of this machine's is read.
    start "$name.log" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file \
        --port="$port" --listen-address=127.0.0.1 --bind-interfaces --local=/test/ --cache-size=0 \
        --host-record=a.test,192.0.2.1,2001:db8::1 --cname=c.test,a.test --mx-host=test,a.test,10 \
        --srv-host=_web._tcp.test,a.test,80 --txt-record="who.test,$name" \
        --txt-record="long.test,$long,$long,$long,$long,$long,$long,$long,$long"
    started_names[$name]=$started
    until_ok "dnsmasq $name" dig +short +time=1 +tries=1 -p "$port" @127.0.0.1 a.test
}

# dig_from PORT WORDS…: what dig is answered, without what differs each time.
dig_from() { dig +noall +answer +comments +time=2 +tries=1 -p "$1" @127.0.0.1 "${@:2}" | sed -E 's/, id: [0-9]+//'; }

# asked PORT: the answers to many questions, one after the other.
asked() {
    local words
    for words in a.test "a.test AAAA" "c.test" "test MX" "_web._tcp.test SRV" "no.test" "example.com" "a.test +noedns" \
        "long.test TXT +ignore +noedns" "long.test TXT +noedns" "long.test TXT +bufsize=4096"; do
        # shellcheck disable=SC2086 # Words are to be split.
        dig_from "$1" $words
    done
}

# who PORT: which server answers.
who() { dig +short +time=2 +tries=1 -p "$1" @127.0.0.1 who.test TXT | tr -d '"'; }

both_answer() { [[ $(for _ in {1..40}; do who "$front"; done | sort -u | tr '\n' ' ') == "one two " ]]; }

# perf PORT SECONDS LOG: dnsperf from 20 sockets.
perf() {
    dnsperf -s 127.0.0.1 -p "$1" -d "$work/questions" -c 20 -T 1 -l "$2" -t 2 >"$work/$3" 2>&1 || true
}

figure() { sed -n "s/^ *$1: *\([0-9]*\).*/\1/p" "$work/$2"; }

run_dns() {
    need dnsmasq dnsmasq-base && need dig dnsutils && need dnsperf dnsperf || return 1
    declare -A names started_names
    local name
    for name in one two; do
        free_port
        names[$name]=$port
        start_names "$name" "$port"
    done
    free_port
    front=$port
    cat >"$work/dns.toml" <<TOML
admin = "off"
[pool.dns]
to = ["127.0.0.1:${names[one]}", "127.0.0.1:${names[two]}"]
health = { dns = "a.test", interval = "200ms", timeout = "200ms" }
[udp.dns]
listen = "127.0.0.1:$front"
to = "pool:dns"
answers = 1
[tcp.dns-tcp]
listen = "127.0.0.1:$front"
to = "pool:dns"
TOML
    balance_by dns
    check dns "dig, eleven questions" cmp -s <(asked "${names[one]}") <(asked "$front")
    check dns "both servers answer" both_answer
    printf '%s A\n' a.test c.test no.test >"$work/questions"
    perf "${names[one]}" "$seconds" dns-direct.log
    perf "$front" "$seconds" dns-front.log
    row dns "dnsperf, answers a second" "$(figure 'Queries per second' dns-direct.log)" "$(figure 'Queries per second' dns-front.log)"
    check dns "no question was lost" test "$(figure 'Queries lost' dns-front.log)" = 0
    perf "$front" "$((seconds * 2))" dns-killed.log &
    local load=$!
    sleep "$seconds"
    { kill -9 "${started_names[two]}" && wait "${started_names[two]}"; } 2>/dev/null || true
    wait "$load"
    row dns "lost, one killed in the middle" "" "$(figure 'Queries lost' dns-killed.log) of $(figure 'Queries sent' dns-killed.log)"
    # What it had received and not answered yet is gone with it: a hundred questions at most, as many as dnsperf has open.
    check dns "it took with it what it had" test "$(figure 'Queries lost' dns-killed.log)" -le 100
    check dns "it is known to be down" within grep -q '"event":"down".*connection refused' "$work/dns.log"
    start_names two "${names[two]}"
    check dns "and comes back when it does" within grep -q '"event":"up"' "$work/dns.log"
}
