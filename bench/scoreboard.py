#!/usr/bin/env python3
"""The scoreboard: ours and Python's repozo in turns, in one run, on the same files.

    scoreboard.py --ours PROGRAM --python PROGRAM [--size 1G] [--rounds 5]
                  [--only TEXT] [--work DIR] [--write docs/PERFORMANCE.md]

Every row is run once by each program unmeasured (the page cache is warm then),
then in turns, `--rounds` times each, with a `sync` before every run; then once
under /usr/bin/time for the memory and once under strace for the bytes.
"""
import argparse
import os
import platform
import subprocess
import sys
from datetime import date

import limits
import measure
import table
from place import Place
from place import parse_size
from place import wait_for_the_next_second
from rows import Rows


def run_row(row, place, rounds):
    """The cells of a row: who -> Cell."""
    cells = {who: table.Cell() for who in ('python', 'ours')
             if who == 'ours' or not row.is_ours_alone}
    for number in range(-1, rounds):
        for who, cell in cells.items():
            words = row.words(who)
            if 'B' in ''.join(words):
                wait_for_the_next_second()
            measure.settle()
            if row.is_cold:
                measure.forget_cache()
            took = measure.seconds(words)
            row.look(who, place.path('scratch'))
            if number >= 0:
                cell.times.append(took)
    for who, cell in cells.items():
        cell.peak_len = measure.peak_len(row.words(who))
        cell.moved = measure.moved(row.words(who), place.path('trace'))
    return cells


def first_line(*words):
    ran = subprocess.run(words, capture_output=True, text=True)
    return (ran.stdout + ran.stderr).strip().splitlines()[0]


def machine(args):
    """Where and with what this was measured."""
    with open('/proc/cpuinfo') as info:
        model = next((line.split(':')[1].strip() for line in info if line.startswith('model name')), '?')
    kind = subprocess.run(['stat', '-f', '-c', '%T', args.work], capture_output=True, text=True).stdout.strip()
    python = os.path.join(os.path.dirname(args.python), 'python')
    zodb = subprocess.run([python, '-c', 'import importlib.metadata as m; print(m.version("ZODB"))'],
                          capture_output=True, text=True).stdout.strip()
    return ('%s, %d cores of %s, %s, Linux %s. %s, Python %s with ZODB %s. Database of %s; %s for gzip. '
            'Seconds: median (least-most) of %d.' % (
                date.today().isoformat(), os.cpu_count(), model, kind, platform.release(),
                first_line(args.ours, '--version'), platform.python_version(), zodb,
                args.size, args.gzip_size, args.rounds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--ours', required=True)
    parser.add_argument('--python', required=True)
    parser.add_argument('--size', default='1G')
    parser.add_argument('--gzip-size', default='128M')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--only', default='', help='rows whose titles have this')
    parser.add_argument('--work', default='target/bench')
    parser.add_argument('--write', help='the document to put the table into')
    args = parser.parse_args()
    place = Place(os.path.abspath(args.work), [os.path.abspath(args.ours)], [os.path.abspath(args.python)])
    rows = Rows(place, parse_size(args.size), parse_size(args.gzip_size))
    source = os.path.join(place.database(rows.size), 'Data.fs')
    found = limits.measured(place, source, args.rounds)
    named = limits.of_rows(found)
    for name, took in found.items():
        print('limit: %-20s %.2f s' % (name, took), flush=True)
    results = []
    for row in rows.all():
        if args.only not in row.title:
            continue
        if row.is_cold and not measure.forget_cache():
            print(row.title + ': left out, the page cache cannot be emptied here')
            continue
        cells = run_row(row, place, args.rounds)
        results.append((row, cells))
        print(' | '.join(table.times(row, cells, named.get(row.limit))), flush=True)
    text = '\n'.join([
        machine(args), '',
        table.markdown(table.TIMES, [table.times(row, cells, named.get(row.limit)) for row, cells in results]),
        table.markdown(('limit', 'seconds'), [(name, '%.2f' % took) for name, took in found.items()]),
        table.markdown(table.COSTS, [table.costs(row, cells) for row, cells in results])])
    print('\n' + text)
    if args.write:
        table.put_between(args.write, 'scoreboard', text)


if __name__ == '__main__':
    sys.exit(main())
