"""Builds a copy of the tree with all mutants of some crates in it, each behind a switch.

    build.py --weave WEAVE --to DIR CRATE...

Mutants are those that cargo-mutants lists. What does not compile is left out, one turn of `cargo check` after the other, and
kept in DIR/without.json with the reason.
"""

import argparse
import json
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def copy_tree(to):
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, path)
    shutil.copytree(HERE / "switch", to / "crates" / "switch", dirs_exist_ok=True)


def write_if_changed(path, text):
    """Keeps the time of what is the same, so that it is not compiled again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def depend(to, crate):
    path = to / "crates" / crate / "Cargo.toml"
    text = (ROOT / "crates" / crate / "Cargo.toml").read_text()
    head, _, tail = text.partition("[dependencies]\n")
    path.write_text(f'{head}[dependencies]\nswitch = {{ path = "../switch" }}\n{tail}')


def errors(to):
    """The errors of a check: code, file, and each place of it that counts, in bytes."""
    words = ["cargo", "check", "--message-format", "json", "--keep-going", "--workspace", "--all-targets"]
    run = subprocess.run(words, cwd=to, capture_output=True, text=True)
    found = []
    for line in run.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") != "compiler-message" or message["message"]["level"] != "error":
            continue
        message = message["message"]
        spans = sorted(message["spans"], key=lambda span: not span["is_primary"])
        if spans:
            code = (message["code"] or {}).get("code", "")
            found.append((code, message["message"], [(s["file_name"], s["byte_start"], s["byte_end"]) for s in spans]))
    return run.returncode, found, run.stderr


def guilty(maps, file, start, end):
    """The mutants that put something into this place, else those of the smallest wrap around it."""
    woven = maps.get(file)
    if woven is None:
        return [], "elsewhere"
    pieces = [r["mutants"] for r in woven["pieces"] if r["start"] < end and start < r["end"]]
    if pieces and len(pieces) < 8:
        return sum(pieces, []), "piece"
    wraps = [r for r in woven["wraps"] if r["start"] <= start and end <= r["end"]]
    if wraps:
        return min(wraps, key=lambda r: r["end"] - r["start"])["mutants"], "wrap"
    return sum(pieces, []), "piece"


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--weave", required=True)
    words.add_argument("--to", type=pathlib.Path, required=True)
    words.add_argument("crates", nargs="+")
    words = words.parse_args()
    to = words.to
    copy_tree(to)
    listed = to / "mutants.json"
    args = ["cargo", "mutants", "--list", "--json"] + sum((["-p", c] for c in words.crates), [])
    listed.write_bytes(subprocess.run(args, cwd=ROOT, check=True, capture_output=True).stdout)
    mutants = json.loads(listed.read_text())
    for crate in words.crates:
        depend(to, crate)
    # What such a function gives back has one type, which a mutant would change.
    reasons = {
        n: "impl Trait"
        for n, m in enumerate(mutants)
        if m["genre"] == "FnValue" and "impl " in (m["function"] or {}).get("return_type", "")
    }
    while True:
        (to / "without").write_text(json.dumps(sorted(reasons)))
        for name in {m["file"] for m in mutants}:
            write_if_changed(to / name, (ROOT / name).read_text())
        subprocess.run([words.weave, listed, to, to / "without", to / "map.json"], check=True)
        maps = json.loads((to / "map.json").read_text())
        code, found, stderr = errors(to)
        before = len(reasons)
        for number, text, spans in found:
            # The first place of it that belongs to a mutant.
            for file, start, end in spans:
                numbers, how = guilty(maps, file, start, end)
                for mutant in numbers:
                    reasons.setdefault(mutant, f"{how} {number} {text}")
                if numbers:
                    break
            else:
                print(f"not of a mutant: {spans[0]}: {text}")
        print(f"{len(found)} errors, {len(reasons) - before} mutants less, {len(reasons)} in all", flush=True)
        if code == 0:
            break
        if len(reasons) == before:
            raise SystemExit(stderr[-3000:])
    woven = set(sum((w["woven"] for w in maps.values()), []))
    for number, mutant in enumerate(mutants):
        if number not in woven and number not in reasons:
            reasons[number] = "not found in the syntax"
    (to / "without.json").write_text(json.dumps({str(k): v for k, v in sorted(reasons.items())}, indent=1))
    print(f"{len(mutants)} mutants, {len(woven)} woven")


main()
