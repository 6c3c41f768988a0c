# What the scripts that look at evenkeel from outside have in common; to be sourced. They set `name`, `home` (a folder below
# target/), `wanted` (a list for pip), `parts` (what is to be run) and `allow_missing`.

say() { printf '%s: %s\n' "$name" "$*" >&2; }

# missing WHAT PART…: these parts cannot be run.
missing() {
    say "MISSING: $1"
    if [[ $allow_missing == no ]]; then
        say "so ${*:2} cannot be checked; --allow-missing leaves them out"
        exit 1
    fi
    say "LEFT OUT: ${*:2}"
    local part left=()
    for part in "${parts[@]}"; do
        [[ " ${*:2} " == *" $part "* ]] || left+=("$part")
    done
    parts=(${left[@]+"${left[@]}"})
}

# apt PACKAGE…: installs them, if this user may.
apt() {
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        say "only root may install $* (apt-get install $*)"
        return 1
    fi
    say "installing $* (apt-get)"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"; } \
        >"$home/apt.log" 2>&1 || { tail -n 3 "$home/apt.log" >&2 && return 1; }
}

# A folder of Python packages that belongs to this tree. It is made anew when another one is wanted.
python_packages() {
    local stamp=$home/venv/stamp
    cmp -s "$wanted" "$stamp" && return 0
    say "installing into ${home#"$PWD/"} (pip): $(grep -v '^#' "$wanted" | tr '\n' ' ')"
    rm -rf "$home/venv"
    python3 -m venv "$home/venv" 2>"$home/venv.log" || { apt python3-venv && python3 -m venv "$home/venv"; } || return 1
    "$home/venv/bin/pip" install -q --disable-pip-version-check -r "$wanted" || return 1
    cp "$wanted" "$stamp"
}

# The binary that is looked at: EVENKEEL, or the debug build of this tree.
build() {
    if [[ -z ${EVENKEEL-} ]]; then
        cargo build --quiet --locked -p evenkeel
        export EVENKEEL=$PWD/target/debug/evenkeel
    fi
}

# look WORDS…: goes on as what looks, in Python. Nothing is written into the tree.
look() { PYTHONPATH=$PWD/scripts PYTHONDONTWRITEBYTECODE=1 exec "$home/venv/bin/python" "scripts/$name.d/main.py" "$@"; }
