"""Runs the tests against each mutant of a build of build.py, the tests that come by it only, until one fails.

    run.py --build DIR --tests LIST --work DIR trace
    run.py --build DIR --tests LIST --work DIR each [--seconds 100] [--again unfinished] [--only TEXT]
    run.py --build DIR --tests LIST --work DIR table

LIST is what `cargo nextest list --workspace --message-format json` printed in the build. `trace` runs each test once, without a
mutant, and notes which mutants it comes by and how long it takes; what it noted before it keeps. `each` appends a line a mutant to
DIR/results: `caught`, `timeout`, `missed`, `not reached`, or `unfinished`, where not all tests that come by it fit into --seconds.
A mutant that is there is passed over, unless its last line is one of --again. `table` counts, and lists what was not caught.

Needs root and `unshare`: a mutant may do anything, so each run has its own processes, and can write below DIR only.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import threading
import time

# Servers, strace and what waits for a clock: too long, or the mutant is not on there.
LEFT_OUT = re.compile(r"^(live::|faults::|blobs::live|blobs::walk|docs::|packaging::)")
# In a namespace of its own all that a run began ends with it.
SHUT_IN = """
set -e
mount --bind "$1" "$1"; mount -o remount,bind,ro /; mount -t proc proc /proc
ulimit -f 4194304; shift; exec "$@"
"""


class Runner:
    def __init__(self, words):
        self.words = words
        self.traced_path = words.work / "traced.json"
        self.results_path = words.work / "results"
        self.mutants = json.loads((words.build / "mutants.json").read_text())
        self.tests = {}
        for suite, it in json.loads(words.tests.read_text())["rust-suites"].items():
            for name, case in it["testcases"].items():
                if not case["ignored"] and not LEFT_OUT.match(name):
                    self.tests[f"{suite} {name}"] = (it["binary-path"], it["cwd"], name)

    def run(self, room, keys, timeout, **env):
        """Tests of one binary in an empty directory: 'ok', 'failed' with the names, or 'timeout'."""
        binary, cwd, _ = self.tests[keys[0]]
        args = ["unshare", "-m", "-p", "-f", "--kill-child=KILL", "bash", "-c", SHUT_IN, "sh", str(room)]
        args += [binary, "--exact", "--test-threads=1"] + [self.tests[key][2] for key in keys]
        env = dict(os.environ, TMPDIR=str(room), **env)
        try:
            done = subprocess.run(
                args, cwd=cwd, env=env, timeout=timeout, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
            )
        except subprocess.TimeoutExpired:
            return "timeout", []
        if done.returncode == 0:
            return "ok", []
        return "failed", re.findall(r"^test (\S+)(?: - should panic)? \.\.\. FAILED", done.stdout, re.M) or ["?"]

    def side_by_side(self, one, items):
        """`one(room, item)` for each of the items, so many at once, each in an empty room."""
        rooms = queue.SimpleQueue()
        for number in range(self.words.jobs):
            rooms.put(self.words.work / f"room{number}")

        def in_room(item):
            room = rooms.get()
            try:
                shutil.rmtree(room, ignore_errors=True)
                room.mkdir(parents=True)
                one(room, item)
            finally:
                rooms.put(room)

        with concurrent.futures.ThreadPoolExecutor(self.words.jobs) as pool:
            list(pool.map(in_room, items))

    def trace(self):
        traced = json.loads(self.traced_path.read_text()) if self.traced_path.exists() else {}

        def one(room, key):
            seen = room / "seen"
            seen.mkdir()
            began = time.monotonic()
            how, _ = self.run(room, [key], 600, MUTANT_TRACE=str(seen))
            numbers = sorted({int(number) for file in seen.iterdir() for number in file.read_text().split()})
            traced[key] = {"how": how, "seconds": time.monotonic() - began, "mutants": numbers}

        self.side_by_side(one, [key for key in self.tests if traced.get(key, {}).get("how") != "ok"])
        self.traced_path.write_text(json.dumps(traced))
        reached = {number for test in traced.values() for number in test["mutants"]}
        print(f"{len(traced)} tests, {sum(t['seconds'] for t in traced.values()):.0f} s, {len(reached)} mutants reached")
        for key, test in traced.items():
            if test["how"] != "ok":
                print(f"left out, {test['how']} without a mutant: {key}")

    def each(self):
        woven = {number for file in json.loads((self.words.build / "map.json").read_text()).values() for number in file["woven"]}
        traced = {k: t for k, t in json.loads(self.traced_path.read_text()).items() if t["how"] == "ok" and k in self.tests}
        by = collections.defaultdict(list)
        for key, test in traced.items():
            for number in test["mutants"]:
                by[number].append(key)
        before = self.results()
        again = self.words.again.split(",")
        todo = [number for number in sorted(woven) if number not in before or before[number]["how"] in again]
        todo = [number for number in todo if re.search(self.words.only, self.mutants[number]["name"])]
        catchers = collections.Counter()
        for number, result in before.items():
            self.note(catchers, number, result)
        lock = threading.Lock()
        out = self.results_path.open("a")
        end = time.monotonic() + self.words.minutes * 60

        def one(room, number):
            if time.monotonic() > end:
                return
            began = time.monotonic()
            passed = before.get(number, {}).get("passed", [])
            keys = [key for key in by[number] if key not in passed]
            keys.sort(key=lambda key: traced[key]["seconds"] / (1 + self.liking(catchers, number, key)))
            result = self.judge(room, number, keys, traced) if by[number] else {"how": "not reached"}
            result["passed"] = sorted([*passed, *result.get("passed", [])]) if result["how"] in ("unfinished", "missed") else []
            result.update(number=number, name=self.mutants[number]["name"], seconds=round(time.monotonic() - began, 1))
            with lock:
                self.note(catchers, number, result)
                print(json.dumps(result), file=out, flush=True)

        self.side_by_side(one, todo)

    def places(self, number):
        mutant = self.mutants[number]
        return mutant["file"], (mutant["file"], (mutant["function"] or {}).get("function_name"))

    def note(self, catchers, number, result):
        for key in result.get("by", []):
            for place, weight in zip(self.places(number), (1, 10)):
                catchers[place, key] += weight

    def liking(self, catchers, number, key):
        return sum(catchers[place, key] for place in self.places(number))

    def judge(self, room, number, keys, traced):
        """The tests by what they cost and how often they caught what is near, in growing batches of one binary."""
        left, size, passed = self.words.seconds, 1.0, []
        while keys:
            suite = keys[0].split(" ")[0]
            batch, cost = [], 0.0
            for key in keys:
                seconds = traced[key]["seconds"]
                if key.split(" ")[0] == suite and (not batch or cost + seconds <= min(size, left)):
                    batch.append(key)
                    cost += seconds
            if cost > left:
                return {"how": "unfinished", "passed": passed, "left": len(keys)}
            # Those of the whole program change their process too much to share one.
            for together in [[key] for key in batch] if suite == "repozo::it" else [batch]:
                seconds = sum(traced[key]["seconds"] for key in together)
                how, failed = self.run(room, together, 8 + 4 * seconds, MUTANT=str(number))
                if how == "timeout":
                    return {"how": "timeout", "by": together if len(together) == 1 else []}
                if how == "failed":
                    return {"how": "caught", "by": [f"{suite} {name}" for name in failed if name != "?"][:3]}
            left, size, passed = left - cost, size * 2, passed + batch
            keys = [key for key in keys if key not in batch]
        return {"how": "missed", "passed": passed}

    def results(self):
        lines = self.results_path.read_text().splitlines() if self.results_path.exists() else []
        return {result["number"]: result for result in map(json.loads, lines)}

    def table(self):
        counts = collections.defaultdict(collections.Counter)
        for number, result in sorted(self.results().items()):
            counts[self.mutants[number]["package"]][result["how"]] += 1
            if result["how"] not in ("caught", "timeout"):
                print(result["how"], result["name"])
        print("| crate | caught | of these not ending | missed | not reached | unfinished | caught of all |\n|---|---|---|---|---|---|---|")
        for crate, how in sorted(counts.items()):
            caught, total = how["caught"] + how["timeout"], sum(how.values())
            counted = [caught, how["timeout"], how["missed"], how["not reached"], how["unfinished"]]
            print(f"| `{crate}` | {' | '.join(map(str, counted))} | {100 * caught / total:.1f} % of {total} |")


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--build", type=pathlib.Path, required=True)
    words.add_argument("--tests", type=pathlib.Path, required=True)
    words.add_argument("--work", type=pathlib.Path, required=True)
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--seconds", type=float, default=100)
    words.add_argument("--minutes", type=float, default=600)
    words.add_argument("--only", default="")
    words.add_argument("--again", default="unfinished")
    words.add_argument("what", choices=["trace", "each", "table"])
    words = words.parse_args()
    words.work.mkdir(parents=True, exist_ok=True)
    getattr(Runner(words), words.what)()


main()
