#!/bin/sh
# Installs the package into a root of its own, works with what is there, and removes it again.
# usage: try-deb.sh PACKAGE SAMPLES-DIRECTORY
set -eu
package=$1 samples=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root="$scratch/root"
fail() {
    echo "$*" >&2
    exit 1
}
# The root has no C library and no other package, so what the package depends on is not asked for here.
on_root() {
    dpkg --root="$root" --force-depends --force-not-root --force-script-chrootless --log=/dev/null "$@"
}

for field in Package Architecture Depends; do
    test -n "$(dpkg-deb --field "$package" "$field")" || fail "the package has no field $field"
done
dpkg-deb --field "$package" Depends | grep -q libc6 || fail 'the package does not ask for the C library'
test -z "$(dpkg-deb --ctrl-tarfile "$package" | tar --list | grep conffiles)" || fail 'a configuration became active'
foreign=$(dpkg-deb --fsys-tarfile "$package" | tar --list --verbose --numeric-owner | grep -v ' 0/0 ' || :)
test -z "$foreign" || fail "these do not belong to root: $foreign"

mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
: >"$root/var/lib/dpkg/status"
on_root --install "$package" 2>"$scratch/notices" >/dev/null || fail "$(cat "$scratch/notices")"
on_root --status repozo | grep -qx 'Status: install ok installed' || fail 'it is not installed'

# By its own number, that of the package.
repozo="$root/usr/bin/repozo"
version=$("$repozo" --version)
case "$(dpkg-deb --field "$package" Version)" in
    "${version##* }"*) echo "$version" ;;
    *) fail "the program says $version, the package something else" ;;
esac

# A database, restored as it was.
for sample in plain refs; do
    mkdir "$scratch/$sample"
    "$repozo" -B -r "$scratch/$sample" -f "$samples/$sample.fs"
    "$repozo" verify -r "$scratch/$sample" >/dev/null
    "$repozo" restore -r "$scratch/$sample" -o "$scratch/$sample.fs" >/dev/null
    cmp "$samples/$sample.fs" "$scratch/$sample.fs"
done

# A page for each verb that the page of them all names.
man="$root/usr/share/man/man1"
pages=0
for verb in $(zcat "$man/repozo.1.gz" | sed -n 's/^repozo\\-\(.*\)(1)$/\1/p' | sed 's/\\//g' | grep -vx help); do
    page="$man/repozo-$verb.1.gz"
    test -f "$page" || fail "there is no manual page of $verb"
    zcat "$page" | grep -q '^\.SH OPTIONS' || fail "the manual page of $verb has no options"
    pages=$((pages + 1))
done
test "$pages" -gt 25 || fail "only $pages manual pages"
if command -v man >/dev/null; then
    man --local-file "$man/repozo-restore.1.gz" >"$scratch/shown" 2>&1 || fail "$(cat "$scratch/shown")"
fi

# Completions that their shells take, where the shells are here.
for shell in bash fish zsh; do
    case $shell in
        bash) file=usr/share/bash-completion/completions/repozo ;;
        fish) file=usr/share/fish/vendor_completions.d/repozo.fish ;;
        zsh) file=usr/share/zsh/vendor-completions/_repozo ;;
    esac
    grep -q drill "$root/$file" || fail "no completions of $shell"
    ! command -v $shell >/dev/null || $shell -n "$root/$file"
done

# Units that start the program where the package puts it; the example as it is, and nowhere active.
unit="$root/usr/lib/systemd/system/repozo@.service"
program=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$unit")
test -x "$root$program" || fail "the service starts $program, which is not there"
test -f "$root/usr/lib/systemd/system/repozo@.timer" || fail 'there is no timer'
for file in copyright examples/repozo.toml examples/crontab examples/compose.yaml examples/buildout.cfg; do
    test -s "$root/usr/share/doc/repozo/$file" || fail "there is no $file"
done
"$repozo" show-config --config "$root/usr/share/doc/repozo/examples/repozo.toml" >/dev/null
test ! -e "$root/etc" || fail "something is in /etc: $(find "$root/etc")"

on_root --remove repozo >/dev/null 2>&1 || fail 'it cannot be removed'
left=$(find "$root" ! -type d ! -path "$root/var/lib/dpkg/*")
test -z "$left" || fail "left behind: $left"
echo "the package installs, works, and goes: $pages manual pages, $(du -h "$package" | cut -f1)"
