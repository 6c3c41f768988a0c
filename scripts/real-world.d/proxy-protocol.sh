# shellcheck shell=bash disable=SC2154 # Sourced by scripts/real-world.
# The PROXY protocol between curl, HAProxy, evenkeel and nginx: whether each learns where the client is, in both versions
# and over IPv4 and IPv6, and whether checks on either side keep everybody up and nobody complains.

# An nginx that expects the header, and answers with what it says.
start_proxy_nginx() {
    free_port
    nginx_port=$port
    mkdir -p "$work/nginx"
    cat >"$work/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $work/nginx/pid;
error_log $work/nginx-errors.log notice;
events {}
http {
    access_log off;
    client_body_temp_path $work/nginx/body;
    proxy_temp_path $work/nginx/proxy;
    fastcgi_temp_path $work/nginx/fastcgi;
    uwsgi_temp_path $work/nginx/uwsgi;
    scgi_temp_path $work/nginx/scgi;
    server {
        listen 127.0.0.1:$nginx_port proxy_protocol;
        listen [::1]:$nginx_port proxy_protocol;
        default_type text/plain;
        location / { return 200 "\$proxy_protocol_addr \$proxy_protocol_port"; }
    }
}
CONF
    start nginx.log nginx -e "$work/nginx-start.log" -c "$work/nginx.conf"
    until_ok nginx listens "$nginx_port"
}

# HAProxy in front of evenkeel with a header of each version, with checks of TCP and HTTP; and behind it, where it expects
# one. Its frontends are at $in_front, $in_front2 and $behind.
start_haproxy() {
    local trusted=$1 trusted2=$2
    cat >"$work/haproxy.cfg" <<CONF
global
    log stdout format raw local0
defaults
    log global
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    default-server inter 200ms fall 1 rise 1
listen v1
    bind 127.0.0.1:$in_front
    bind [::1]:$in_front
    server evenkeel 127.0.0.1:$trusted send-proxy check
    server evenkeel6 [::1]:$trusted send-proxy check
listen v2
    mode http
    bind 127.0.0.1:$in_front2
    bind [::1]:$in_front2
    option httpchk GET /
    server evenkeel 127.0.0.1:$trusted2 send-proxy-v2 check
    server evenkeel6 [::1]:$trusted2 send-proxy-v2 check
frontend behind
    mode http
    option dontlog-normal
    bind 127.0.0.1:$behind accept-proxy
    bind [::1]:$behind accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src] %[src_port]"
CONF
    start haproxy.log haproxy -db -f "$work/haproxy.cfg"
    until_ok HAProxy listens "$in_front"
}

# is_told FLAGS… URL: whether the answer is the address and port that curl had.
is_told() {
    local said
    said=$(curl -sf --noproxy '*' --max-time 5 -w ' %{local_ip} %{local_port}' "$@") || return 1
    [[ $said =~ ^(.+\ [0-9]+)\ (.+)$ ]] && [[ ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]]
}

all_told() {
    local at
    for ((at = 0; at < 20; at++)); do is_told "$@" || return 1; done
}

is_silent() { ! grep -Eiq "$@"; }

is_refused() { ! curl -sf --noproxy '*' --max-time 5 "$1"; }

run_proxy-protocol() {
    need curl curl && need nginx nginx-light && need haproxy haproxy || return 1
    start_proxy_nginx
    local name
    for name in in_front in_front2 behind v1 v2 to_v1 to_v2; do
        free_port
        printf -v "$name" %s "$port"
    done
    {
        echo 'admin = "off"'
        service v1 "$v1" "\"127.0.0.1:$nginx_port\"" 'accept-proxy = ["127.0.0.0/8", "::1"]' 'send-proxy = "v1"'
        service v2 "$v2" "\"[::1]:$nginx_port\"" 'accept-proxy = ["127.0.0.0/8", "::1"]' 'send-proxy = "v2"'
    } >"$work/proxy-protocol.toml"
    {
        echo 'admin = "off"'
        service to-v1 "$to_v1" "\"127.0.0.1:$behind\"" 'send-proxy = "v1"'
        service to-v2 "$to_v2" "[\"127.0.0.1:$behind\", \"[::1]:$behind\"]" \
            'send-proxy = { version = "v2", tlvs = ["unique-id", "crc32c"] }'
    } >"$work/behind.toml"
    # Each is there before those who check it.
    balance_by proxy-protocol
    start_haproxy "$v1" "$v2"
    balance_by behind
    local at
    for at in 127.0.0.1 '[::1]'; do
        check proxy "curl, v1 to nginx, $at" all_told --haproxy-protocol "http://$at:$v1/"
        check proxy "curl, v2 to nginx, $at" all_told --haproxy-protocol "http://$at:$v2/"
        check proxy "HAProxy v1, to nginx, $at" all_told "http://$at:$in_front/"
        check proxy "HAProxy v2, to nginx, $at" all_told "http://$at:$in_front2/"
        check proxy "v1 to HAProxy, $at" all_told "http://$at:$to_v1/"
        check proxy "v2 to HAProxy, $at" all_told "http://$at:$to_v2/"
        check proxy "without a header, $at" is_refused "http://$at:$v1/"
    done
    # Some ten rounds of everybody's checks.
    sleep 2
    check proxy "never down for HAProxy" is_silent "is DOWN" "$work/haproxy.log"
    check proxy "HAProxy had no wrong header" is_silent "PROXY protocol|invalid" "$work/haproxy.log"
    check proxy "nor had nginx" is_silent "broken header|invalid" "$work/nginx-errors.log"
    check proxy "no backend down for evenkeel" is_silent '"event":"(down|ejected)"' "$work/proxy-protocol.log" "$work/behind.log"
    check proxy "no wrong header but those two" \
        test "$(grep -Ec '"end":"header-' "$work/proxy-protocol.log")" = 2
}
