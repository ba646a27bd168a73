#!/usr/bin/env python3
"""The verbs that look inside, and ZODB's tools that do the same or less, in turns on the same database.

    inside.py --ours PROGRAM --python INTERPRETER [--size 1G] [--rounds 3] [--only TEXT]
              [--work DIR] [--write docs/PERFORMANCE.md]

Python's tools run once where they take minutes.
"""
import os
import sys

import command
import table
from machine import machine
from place import Place
from place import parse_size
from rows import Row
from run import run_rows

SCAN = 'import sys; from ZODB.FileStorage import FileStorage; FileStorage(sys.argv[1], read_only=True)'


class InsideRows:

    def __init__(self, place, size):
        self.place, self.size = place, size

    def source(self, *names):
        return os.path.join(self.place.database(self.size), *names)

    def tool(self, module, *verb):
        """A module of ZODB's, and the verb of ours."""
        def words(who):
            if who == 'ours':
                return [*self.place.ours, *verb, self.source('Data.fs')]
            return [*self.place.python, '-m', module, self.source('Data.fs')]
        return words

    def index(self, who):
        """Of a database without one; Python's writes none."""
        scratch = self.place.scratch()
        file = os.path.join(scratch, 'Data.fs')
        os.link(self.source('bare', 'Data.fs'), file)
        if who == 'ours':
            return [*self.place.ours, 'index', '--rebuild', file]
        return [*self.place.python, '-c', SCAN, file]

    def all(self):
        return [
            Row('check, and fstest, which checks less', self.tool('ZODB.scripts.fstest', 'check'), wanted=6),
            Row('refs, and fsrefs', self.tool('ZODB.scripts.fsrefs', 'refs'), wanted=25, takes_python_minutes=True),
            Row('dump, and fsdump', self.tool('ZODB.FileStorage.fsdump', 'dump', '--format=fsdump'), wanted=10),
            Row('stats, and analyze, which counts less', self.tool('ZODB.scripts.analyze', 'stats'), wanted=15,
                takes_python_minutes=True),
            Row('index --rebuild, and a scan by FileStorage', self.index, wanted=12),
            Row('log', self.tool('', 'log'), is_ours_alone=True),
            Row('tail, and fstail', self.tool('ZODB.scripts.fstail', 'tail', '--format=fstail')),
        ]


def main():
    args = command.arguments(__doc__, 3, size='1G')
    place = command.place_of(Place, args)
    chosen = command.chosen(InsideRows(place, parse_size(args.size)).all(), args)
    results = run_rows(chosen, place, args.rounds, lambda row, cells: table.times(row, cells, None))
    text = '\n'.join([
        machine(args) + ' Database of %s. Seconds: median (least-most) of %d.' % (args.size, args.rounds), '',
        table.markdown(table.TIMES[:5], [table.times(row, cells, None)[:5] for row, cells in results]),
        table.markdown(table.COSTS, [table.costs(row, cells) for row, cells in results])])
    command.show(args, 'inside', text)


if __name__ == '__main__':
    sys.exit(main())
