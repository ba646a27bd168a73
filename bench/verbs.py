#!/usr/bin/env python3
"""The verbs that restore, list, forget and follow, and how one came to the same without them, in turns.

    verbs.py --ours PROGRAM --python INTERPRETER [--size 1G] [--rounds 3] [--only TEXT]
             [--work DIR] [--write docs/PERFORMANCE.md]
"""
import filecmp
import os
import shutil
import sys

import command
import many
import synthetic
import table
from machine import machine
from place import Place
from place import parse_size
from place import transaction_ends
from rows import Row
from run import run_rows

BACKUPS_COUNT = 10_000
TRANSACTIONS_COUNT = 1_000_000
HEAD = ('operation', 'otherwise', 'so', 'faster', 'wanted')
COSTS = ('operation', 'peak MiB: otherwise', 'so', 'MiB read / written: otherwise', 'so',
         'system calls: otherwise', 'so')


class VerbRows:
    """`python` is what one did otherwise, `ours` the verb."""

    def __init__(self, place, size):
        self.place, self.size = place, size

    def grown(self):
        """A full of the database, and an increment of 1 %."""
        source = self.place.database(self.size)

        def make(part):
            for flags, file in [('-BF', 'Data.fs'), ('-BQ', 'grown/Data.fs')]:
                self.place.made(flags, part, os.path.join(source, file))
        return self.place.once('ours-grown-%d' % self.size, make)

    def restore(self, *flags, is_update=False):
        """Of all; an update begins with the database as the full has it."""
        def words(who):
            target = os.path.join(self.place.scratch(), 'Data.fs')
            if who == 'ours' and is_update:
                for end in ['', '.index']:
                    shutil.copyfile(os.path.join(self.place.database(self.size), 'Data.fs' + end), target + end)
            if who == 'ours':
                return [*self.place.ours, 'restore', *flags, '-r', self.grown(), '-o', target]
            return [*self.place.ours, '-R', '-w', '-r', self.grown(), '-o', target]
        return words

    def restored(self, who, scratch):
        source = os.path.join(self.place.database(self.size), 'grown', 'Data.fs')
        assert filecmp.cmp(source, os.path.join(scratch, 'Data.fs'), shallow=False), who

    def middle(self):
        """The tid of the last transaction of the full."""
        path = os.path.join(self.place.database(self.size), 'Data.fs')
        ends = transaction_ends(path)
        with open(path, 'rb') as file:
            file.seek(ends[-2])
            return '0x' + file.read(8).hex()

    def many(self, verb, *words):
        path = self.place.once('many-%d' % BACKUPS_COUNT, lambda part: many.write(part, BACKUPS_COUNT))
        return lambda who: [*self.place.ours, verb, '-r', path, *words]

    def log(self, *words):
        def make(part):
            path = os.path.join(part, 'Data.fs')
            with open(path, 'wb') as file:
                file.write(synthetic.MAGIC)
            synthetic.append_small_records(path, 0, TRANSACTIONS_COUNT, 100)
        path = self.place.once('transactions-%d' % TRANSACTIONS_COUNT, make)
        return lambda who: [*self.place.ours, 'log', *words, os.path.join(path, 'Data.fs')]

    def all(self):
        backups, transactions = '%d backups' % BACKUPS_COUNT, '%d transactions' % TRANSACTIONS_COUNT
        alone = dict(is_ours_alone=True)
        return [
            Row('`restore --tid`, and `-R -w`', self.restore('--tid', self.middle()), wanted=1,
                written_len=self.size),
            Row('`restore --update --quick`, 1 % missing, and `-R -w`',
                self.restore('--update', '--quick', is_update=True), self.restored, 20, written_len=self.size),
            Row('`restore --update`, 1 % missing, and `-R -w`',
                self.restore('--update', is_update=True), self.restored, written_len=self.size),
            Row('`list`, ' + backups, self.many('list'), **alone),
            Row('`status`, ' + backups, self.many('status'), **alone),
            Row('`forget --keep-daily 90`, ' + backups, self.many('forget', '--keep-daily', '90'), **alone),
            Row('`log`, ' + transactions, self.log(), **alone),
            Row('`log --json`, ' + transactions, self.log('--json'), **alone),
        ]


def main():
    args = command.arguments(__doc__, 3, size='1G')
    place = command.place_of(Place, args)
    chosen = command.chosen(VerbRows(place, parse_size(args.size)).all(), args)
    results = run_rows(chosen, place, args.rounds, lambda row, cells: table.times(row, cells, None))
    text = '\n'.join([
        machine(args) + ' Database of %s. Seconds: median (least-most) of %d.' % (args.size, args.rounds), '',
        table.markdown(HEAD, [table.times(row, cells, None)[:5] for row, cells in results]),
        table.markdown(COSTS, [table.costs(row, cells) for row, cells in results])])
    command.show(args, 'verbs', text)


if __name__ == '__main__':
    sys.exit(main())
