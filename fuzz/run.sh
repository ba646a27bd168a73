#!/bin/sh
# Runs fuzz targets: all, or those in TARGETS, for SECONDS_EACH (30) seconds each. Works with a stable compiler:
# libFuzzer needs no sanitizer, and memory is counted by the targets themselves.
set -eu
cd "$(dirname "$0")"
CARGO=${CARGO:-cargo}
CARGO_FUZZ_VERSION=0.13.1
: "${SECONDS_EACH:=30}" "${TARGETS:=$(ls targets | sed 's/\.rs$//')}"

if [ "$($CARGO fuzz --version 2>/dev/null)" != "cargo-fuzz $CARGO_FUZZ_VERSION" ]; then
    $CARGO install cargo-fuzz --locked --version "$CARGO_FUZZ_VERSION"
fi
(cd .. && $CARGO run --quiet -p hostile --example replay -- --seeds fuzz/seeds)

failed=
for target in $TARGETS; do
    mkdir -p "found/$target" "artifacts/$target" "corpus/$target"
    # What is found first is kept in found/, which is not committed.
    $CARGO fuzz run -s none --fuzz-dir . "$target" "found/$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=512 -max_len=8192 -print_final_stats=1 \
        || failed="$failed $target"
done
for target in $failed; do
    for file in artifacts/"$target"/*; do
        echo "replay with: cargo run -p hostile --example replay $target fuzz/$file" >&2
    done
done
[ -z "$failed" ]
