#!/usr/bin/env python3
"""The scoreboard: ours and Python's repozo in turns, in one run, on the same files.

    scoreboard.py --ours PROGRAM --python PROGRAM [--size 1G] [--rounds 5]
                  [--only TEXT] [--work DIR] [--write docs/PERFORMANCE.md]

Every row is run once by each program unmeasured (the page cache is warm then),
then in turns, `--rounds` times each, with a `sync` before every run; then once
under /usr/bin/time for the memory and once under strace for the bytes.
"""
import os
import sys

import command
import limits
import table
from machine import machine
from place import Place
from place import parse_size
from rows import Rows
from run import run_rows


def main():
    args = command.arguments(__doc__, 5, size='1G', gzip_size='128M')
    place = command.place_of(Place, args)
    rows = Rows(place, parse_size(args.size), parse_size(args.gzip_size))
    source = os.path.join(place.database(rows.size), 'Data.fs')
    found = limits.measured(place, source, args.rounds)
    named = limits.of_rows(found)
    for name, took in found.items():
        print('limit: %-20s %.2f s' % (name, took), flush=True)
    chosen = command.chosen(rows.all(), args)
    results = run_rows(chosen, place, args.rounds, lambda row, cells: table.times(row, cells, named.get(row.limit)))
    text = '\n'.join([
        '%s Database of %s; %s for gzip. Seconds: median (least-most) of %d.' % (
            machine(args), args.size, args.gzip_size, args.rounds), '',
        table.markdown(table.TIMES, [table.times(row, cells, named.get(row.limit)) for row, cells in results]),
        table.markdown(('limit', 'seconds'), [(name, '%.2f' % took) for name, took in found.items()]),
        table.markdown(table.COSTS, [table.costs(row, cells) for row, cells in results])])
    command.show(args, 'scoreboard', text)


if __name__ == '__main__':
    sys.exit(main())
