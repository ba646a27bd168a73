#!/bin/sh
# Manual pages and completions, as the program makes them, for a package.
# usage: deb-files.sh REPOZO DIRECTORY
set -eu
repozo=$1 directory=$2
rm -rf "$directory"
mkdir -p "$directory/man" "$directory/completions"
"$repozo" man >"$directory/man/repozo.1"
# The page of them all names the page of each; `help` has none.
sed -n 's/^repozo\\-\(.*\)(1)$/\1/p' "$directory/man/repozo.1" | tr -d '\\' | grep -vx help |
    while read -r verb; do
        "$repozo" man "$verb" >"$directory/man/repozo-$verb.1"
    done
"$repozo" completion bash >"$directory/completions/repozo.bash"
"$repozo" completion zsh >"$directory/completions/_repozo"
"$repozo" completion fish >"$directory/completions/repozo.fish"
# As Debian wants them; without the time, so that the same program gives the same package.
gzip -9n "$directory"/man/*.1
