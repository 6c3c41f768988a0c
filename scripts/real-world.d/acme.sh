# shellcheck shell=bash disable=SC2154 # Sourced by scripts/real-world.
# Certificates that are obtained from pebble, the test authority of Let's Encrypt, by both challenges: first ones, renewals of
# certificates that last a minute, an authority that is away, restarts, reloads, names that lead nowhere, an upgrade.

# pebble_config: what pebble is to be; it asks at the ports in $https_port and $http_port, and names lead to 127.0.0.1.
pebble_config() {
    local dir=$work/acme
    mkdir -p "$dir"
    sign directory
    openssl x509 -req -in "$work/tls/directory.csr" -CA "$work/tls/ca.pem" -CAkey "$work/tls/ca.key" -CAcreateserial \
        -days 2 -out "$work/tls/directory.pem" -extfile <(echo "subjectAltName=DNS:localhost") 2>/dev/null
    cat >"$dir/pebble.json" <<JSON
{"pebble": {"listenAddress": "127.0.0.1:$directory_port", "managementListenAddress": "127.0.0.1:$management_port",
  "certificate": "$work/tls/directory.pem", "privateKey": "$work/tls/directory.key", "httpPort": $http_port,
  "tlsPort": $https_port, "ocspResponderURL": "", "certificateValidityPeriod": 60,
  "domainBlocklist": ["blocked.example"]}}
JSON
}

start_pebble() {
    start "pebble-$1.log" env PEBBLE_VA_NOSLEEP=1 pebble -config "$work/acme/pebble.json" -dnsserver "127.0.0.1:$dns_port"
    pebble=$started
    until_ok pebble listens "$directory_port"
}

# acme_config NAMES LINES…: evenkeel for these names, with more lines for [acme].
acme_config() {
    cat >"$work/acme.toml" <<TOML
log = "json"
admin.listen = "unix:$work/acme.sock"
upgrade-timeout = "20s"
[acme]
agree-to-terms = true
directory = "https://localhost:$directory_port/dir"
ca = "$work/tls/ca.pem"
contact = "ops@example.org"
state = "$work/acme/state"
retry = "1s"
$(printf '%s\n' "${@:2}")
[tcp.web]
listen = "127.0.0.1:$https_port"
to = "127.0.0.1:$backend_port"
tls = { acme = $1 }
TOML
}

# start_acme LOG: evenkeel with that configuration.
start_acme() {
    start "$1.log" "$evenkeel" run -c "$work/acme.toml"
    acme=$started
    acme_log=$work/$1.log
    until_ok evenkeel grep -q '"event":"ready"' "$acme_log"
}

stop_acme() {
    kill "$acme"
    wait "$acme" 2>/dev/null || true
}

# patient COMMAND…: whether it comes true within 60 s: certificates of a minute are renewed after 40 s.
patient() {
    local tries=600
    until "$@"; do
        tries=$((tries - 1))
        if ((tries == 0)); then return 1; fi
        sleep 0.1
    done
}

serial() { echo | openssl s_client -connect "127.0.0.1:$https_port" -servername "$1" 2>/dev/null | openssl x509 -noout -serial 2>/dev/null; }

# By curl, which trusts the authority that signs and nobody else.
answers() {
    curl -sf --noproxy '*' --max-time 5 --cacert "$work/acme/root.pem" --connect-to "::127.0.0.1:$https_port" \
        "https://$1/" >/dev/null
}

trust_pebble() { curl -sf --cacert "$work/tls/ca.pem" "https://localhost:$management_port/roots/0" >"$work/acme/root.pem"; }

told() { grep -q "$1" "$acme_log"; }
count_told() { grep -c "$1" "$acme_log" || true; }
told_times() { (($(count_told "$1") >= $2)); }
has_renewed() { [[ $(serial "$1") != "$2" && -n $(serial "$1") ]]; }
is_private() { [[ -z $(find "$work/acme/state" \( -type f ! -perm 600 \) -o \( -type d ! -perm 700 \)) ]]; }
knows() { "$evenkeel" status --admin "unix:$work/acme.sock" | grep -q "$1"; }
reloads() { "$evenkeel" reload --quiet --admin "unix:$work/acme.sock"; }

acme_by_tls() {
    acme_config '["one.example", "two.example"]'
    start_acme acme-tls
    check acme "tls-alpn-01: both names, by curl" patient answers one.example
    check acme "each has its own certificate" patient answers two.example
    check acme "the authority was a session" within told '"end":"acme-challenge"'
    check acme "status says where from, until when" knows 'one.example  acme  '
    check acme "files are for us alone" is_private
    local before
    before=$(serial one.example)
    check acme "renewed in time" patient has_renewed one.example "$before"
    check acme "and good" answers one.example
}

acme_over_restarts() {
    local before
    kill "$pebble"
    wait "$pebble" 2>/dev/null || true
    before=$(serial one.example)
    stop_acme
    start_acme acme-again
    check acme "restart, authority away: what is kept" test "$(serial one.example)" = "$before"
    check acme "renewing fails and is told" patient told '"event":"certificate-not-obtained"'
    check acme "and changes nothing" test "$(serial one.example)" = "$before"
    start_pebble again
    trust_pebble
    check acme "authority back, without our account" patient has_renewed one.example "$before"
    check acme "and good" patient answers one.example
}

acme_over_changes() {
    local before
    before=$(serial one.example)
    acme_config '["one.example", "three.example", "blocked.example"]'
    reloads
    check acme "reload with a name more" patient answers three.example
    check acme "one that is refused: its own words" patient told 'certificate-not-obtained.*blocked.example.*rejectedIdentifier'
    check acme "and the others go on" answers three.example
    check acme "status says what is wrong" knows 'blocked.example .*rejectedIdentifier'
    acme_config '["one.example", "three.example"]'
    reloads
    "$evenkeel" upgrade --quiet --admin "unix:$work/acme.sock"
    before=$(serial three.example)
    check acme "after an upgrade: renewed by the new one" patient has_renewed three.example "$before"
    check acme "and good" patient answers three.example
    kill "$(newest_acme)"
    patient sh -c "! [ -e $work/acme.sock ]" || true
}

newest_acme() { grep '"event":"ready"' "$acme_log" | tail -n 1 | sed 's/.*"pid":\([0-9]*\).*/\1/'; }

acme_by_http() {
    acme_config '["four.example"]' 'challenge = "http-01"' "listen = \"127.0.0.1:$http_port\"" 'else = "redirect"'
    start_acme acme-http
    check acme "http-01" patient answers four.example
    local location
    location=$(curl -s --noproxy '*' -o /dev/null -w '%{redirect_url}' -H 'Host: four.example' "http://127.0.0.1:$http_port/a?b")
    check acme "others are sent to https" test "$location" = "https://four.example/a?b"
    stop_acme
}

acme_refused() {
    acme_config '["five.example"]'
    sed -i "s/^listen = .*/listen = \"127.0.0.1:$other_port\"/" "$work/acme.toml"
    start_acme acme-refused
    check acme "a name that leads elsewhere: why" patient told 'certificate-not-obtained.*five.example.*Failed to connect'
    check acme "tried again, later each time" patient told_times 'certificate-not-obtained' 3
    stop_acme
    check acme "a leftover of nothing" test -z "$(find "$work/acme/state" -name '*.new')"
}

run_acme() {
    need curl curl && need openssl openssl && need pebble pebble && need python3 python3 || return 1
    local directory_port management_port https_port http_port dns_port other_port backend_port pebble acme acme_log
    for name in directory management https http dns other backend; do
        free_port
        printf -v "${name}_port" %s "$port"
    done
    pebble_config
    start chall.log pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" -dns01 "127.0.0.1:$dns_port" -http01 "" \
        -https01 "" -tlsalpn01 "" -management ""
    start backend.log python3 -m http.server --bind 127.0.0.1 --directory "$work/acme" "$backend_port"
    until_ok "a backend" listens "$backend_port"
    start_pebble first
    trust_pebble
    acme_by_tls
    acme_over_restarts
    acme_over_changes
    acme_by_http
    acme_refused
}
