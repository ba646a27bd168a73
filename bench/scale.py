#!/usr/bin/env python3
"""What is large in one respect: a database, a chain, a repository, an index; and how time grows with the size.

    scale.py --ours PROGRAM --python PROGRAM [--rounds 3] [--only TEXT]
             [--work DIR] [--write docs/PERFORMANCE.md]

Takes half an hour and 25 GB of disk; what is made stays for the next run.
Python's program runs once where it takes minutes.
"""
import os
import sys

import command
import limits
import table
from large_place import LargePlace
from large_rows import GROWTH_SIZES
from large_rows import LargeRows
from large_rows import OBJECTS_COUNT
from machine import machine
from place import parse_size
from run import run_rows


def growth(rows, place, rounds, only):
    """One line an operation, one column a size."""
    lines = {}
    for size, operations in rows.growing().items():
        chosen = [row for row in operations if only in row.title]
        for row, cells in run_rows(chosen, place, rounds, lambda row, cells: (size, row.title, str(cells['ours'].median))):
            lines.setdefault(row.title, {})[size] = cells['ours']
    head = ('operation, ours', *GROWTH_SIZES)
    sources = {size: os.path.join(place.database(parse_size(size)), 'Data.fs') for size in GROWTH_SIZES}
    copies = [table.spread(limits.plain_copy(place, source, rounds)) + ' s' for source in sources.values()]
    return table.markdown(head, [
        *((title, *('%s s, %s MiB' % (table.spread(cells[size].times), table.mib(cells[size].peak_len))
                    for size in GROWTH_SIZES))
          for title, cells in lines.items()),
        ('beside it: `dd bs=64k conv=fsync`', *copies)])


def bytes_an_object(results):
    """What the index of many objects costs: the peak of the full that makes it."""
    for row, cells in results:
        if 'no index' in row.title:
            return 'Of the full without an index: %.1f bytes of memory an object, all in all.\n' % (
                cells['ours'].peak_len / OBJECTS_COUNT)
    return ''


def main():
    args = command.arguments(__doc__, 3)
    place = command.place_of(LargePlace, args)
    rows = LargeRows(place)
    chosen = command.chosen(rows.all(), args)
    results = run_rows(chosen, place, args.rounds, lambda row, cells: table.times(row, cells, None))
    text = '\n'.join([
        machine(args) + ' Seconds: median (least-most) of %d.' % args.rounds, '',
        table.markdown(table.TIMES[:5], [table.times(row, cells, None)[:5] for row, cells in results]),
        table.markdown(table.COSTS, [table.costs(row, cells) for row, cells in results]),
        bytes_an_object(results),
        growth(rows, place, args.rounds, args.only)])
    command.show(args, 'scale', text)


if __name__ == '__main__':
    sys.exit(main())
