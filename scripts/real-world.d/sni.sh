# shellcheck shell=bash disable=SC2154 # Sourced by scripts/real-world.
# Several TLS servers behind one port, told apart by name and protocol; nothing is decrypted, so that each client sees its
# server's own certificate: HTTP/1.1, HTTP/2 and gRPC.

# certificate NAME: for this host, signed by itself.
certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -addext "subjectAltName=DNS:$1" \
        -keyout "$work/$1.key" -out "$work/$1.pem" 2>/dev/null
}

# One nginx with a server for each name, at the ports in $tls.
start_tls_nginx() {
    local name
    mkdir -p "$work/tls"
    {
        cat <<CONF
worker_processes 1;
daemon off;
pid $work/tls/pid;
error_log $work/tls-errors.log;
events { worker_connections 2000; }
http {
    access_log off;
    client_body_temp_path $work/tls/body;
    proxy_temp_path $work/tls/proxy;
    fastcgi_temp_path $work/tls/fastcgi;
    uwsgi_temp_path $work/tls/uwsgi;
    scgi_temp_path $work/tls/scgi;
CONF
        for name in "$@"; do
            free_port
            tls[$name]=$port
            cat <<CONF
    server {
        listen 127.0.0.1:$port ssl http2;
        ssl_certificate $work/$name.pem;
        ssl_certificate_key $work/$name.key;
        location / { return 200 "$name by \$server_protocol"; }
    }
CONF
        done
        echo "}"
    } >"$work/tls.conf"
    start tls.log nginx -e "$work/tls-start.log" -c "$work/tls.conf"
    until_ok "nginx with TLS" listens "${tls[one.test]}"
}

# ask NAME FLAGS…: what the server of that name says through evenkeel, its certificate being its own.
ask() {
    local name=$1
    shift
    curl -sf --noproxy '*' --max-time 5 --cacert "$work/$name.pem" --connect-to "::127.0.0.1:$front" "$@" "https://$name/"
}

says() { [[ $(ask "${@:2}") == "$1" ]]; }

refuses() { ! ask "$@"; }

# Requests a second of one run, or nothing when any failed.
h2load_rate() {
    h2load -n 20000 -c 20 -m 10 --connect-to "127.0.0.1:$1" https://one.test/ >"$work/h2load-$1.log" 2>&1 || true
    grep -q " 20000 succeeded, 0 failed" "$work/h2load-$1.log" &&
        sed -n 's/^finished in .*, \([0-9]*\)[.0-9]* req\/s.*/\1/p' "$work/h2load-$1.log"
}

write_grpc() {
    cat >"$work/grpc-echo.py" <<'PY'
"""An echo by gRPC, each message and each stream of them; without generated code, as bytes are bytes."""
import sys
import time
from concurrent import futures

import grpc

role, port, name, folder = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4]
certificate = open(f"{folder}/{name}.pem", "rb").read()


def serve():
    one = grpc.unary_unary_rpc_method_handler(lambda message, _: message)
    many = grpc.stream_stream_rpc_method_handler(lambda messages, _: messages)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"One": one, "Many": many}),))
    key = open(f"{folder}/{name}.key", "rb").read()
    server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    server.wait_for_termination()


def ask():
    options = [("grpc.ssl_target_name_override", name), ("grpc.enable_http_proxy", 0)]
    credentials = grpc.ssl_channel_credentials(certificate)
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        one = channel.unary_unary("/test.Echo/One")
        many = channel.stream_stream("/test.Echo/Many")
        began = time.monotonic()
        for size in range(1000):
            message = bytes([size % 256]) * (size * 7)
            assert one(message, timeout=10) == message
        took = time.monotonic() - began
        messages = [bytes([at % 256]) * 10_000 for at in range(500)]
        assert list(many(iter(messages), timeout=20)) == messages
    print(round(1000 / took))


serve() if role == "serve" else ask()
PY
}

# gRPC keeps one connection and names its host in every hello.
run_grpc() {
    say "installing the Python package grpcio into a temporary folder"
    if ! { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet grpcio; } >"$work/pip.log" 2>&1; then
        skip grpc "grpcio cannot be had: $(tail -n 1 "$work/pip.log")"
        return
    fi
    start grpc.log "$work/venv/bin/python" "$work/grpc-echo.py" serve "$grpc_port" grpc.test "$work"
    until_ok "the gRPC server" listens "$grpc_port"
    local at rates=() status=0
    for at in "$grpc_port" "$front"; do
        rates+=("$("$work/venv/bin/python" "$work/grpc-echo.py" ask "$at" grpc.test "$work" 2>>"$work/grpc-ask.log")") ||
            status=1
    done
    row sni "gRPC, calls a second" "${rates[0]:-}" "${rates[1]:-}"
    check sni "gRPC, 1,000 calls and a stream of 5 MB" test "$status" = 0
}

run_sni() {
    need curl curl && need openssl openssl && need nginx nginx-light || return 1
    local name
    declare -A tls
    for name in one.test two.test h2.test grpc.test; do certificate "$name"; done
    start_tls_nginx one.test two.test h2.test
    free_port
    front=$port
    free_port
    local grpc_port=$port
    {
        echo 'admin = "off"'
        service tls "$front" "" 'hello = { timeout = "1s" }'
        cat <<CONF
[tcp.tls.route]
"one.test" = "127.0.0.1:${tls[one.test]}"
"two.test" = [{ to = "127.0.0.1:${tls[h2.test]}", alpn = ["h2"] }, { to = "127.0.0.1:${tls[two.test]}" }]
"grpc.test" = { to = "127.0.0.1:$grpc_port", health = "off" }
CONF
    } >"$work/sni.toml"
    write_grpc
    balance_by sni
    check sni "one server by its name" says "one.test by HTTP/1.1" one.test --http1.1
    check sni "the other one by its own" says "two.test by HTTP/1.1" two.test --http1.1
    check sni "HTTP/2 passes through" says "one.test by HTTP/2.0" one.test --http2
    # The server for HTTP/2 has another certificate: that it is not taken for two.test shows who was asked.
    check sni "the protocol decides as well" says "h2.test by HTTP/2.0" two.test --http2 --insecure
    check sni "an end to end certificate" refuses two.test --http2
    check sni "TLS 1.2" says "one.test by HTTP/1.1" one.test --http1.1 --tls-max 1.2
    certificate other.test
    check sni "a name that nobody has" refuses other.test
    check sni "who speaks no TLS" bash -c "! curl -sf --max-time 5 http://127.0.0.1:$front/"
    check sni "each refusal has its word" within grep -q '"end":"not-tls"' "$work/sni.log"
    check sni "and its name" within grep -q '"sni":"other.test".*"end":"no-route"' "$work/sni.log"
    if need h2load nghttp2-client; then
        row sni "h2load, requests a second" "$(h2load_rate "${tls[one.test]}")" "$(h2load_rate "$front")"
        check sni "h2load, 20,000 of 20,000" grep -q " 20000 succeeded, 0 failed" "$work/h2load-$front.log"
    else
        skip sni "h2load cannot be had here"
    fi
    run_grpc
}
