#!/usr/bin/env python3
"""Write EXPECT.tsv, transactions.tsv and records.tsv for the *.fs beside it.

Needs:  pip install ZODB      Usage:  make_expect.py

What the tables say is measured by letting ZODB open, iterate and check every
file under a name of its own in an empty directory, without an index.
"""
import contextlib
import hashlib
import logging
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'oracle'))

import reading                                                 # noqa: E402
from ZODB.FileStorage import FileStorage                       # noqa: E402
from ZODB.scripts import fstest                                # noqa: E402


def opened(path):
    """(end, exception class) of an open for reading."""
    try:
        with contextlib.closing(FileStorage(path, read_only=True)) as fs:
            return fs.getSize(), '-'
    except Exception as e:
        return '-', type(e).__name__


def verdict(path, name):
    try:
        fstest.check(path)
    except fstest.FormatError as e:
        return str(e).replace(path, name)
    return 'ok'


def dash(value):
    return '-' if value is None else value


def table(name, rows):
    with open(os.path.join(HERE, name), 'w') as f:
        for row in rows:
            f.write('\t'.join(str(dash(value)) for value in row) + '\n')


def main():
    logging.disable(logging.CRITICAL)
    expect, transactions, records = [], [], []
    for name in sorted(n for n in os.listdir(HERE) if n.endswith('.fs')):
        with open(os.path.join(HERE, name), 'rb') as f:
            data = f.read()
        with reading.alone(os.path.join(HERE, name)) as path:
            txns, recs, stop = reading.listing(path)
            expect.append([
                name, len(data), hashlib.md5(data).hexdigest(), *opened(path),
                len(txns), len(recs), stop and type(stop).__name__,
                verdict(path, name)])
        if stop is None:
            transactions += [[name, *txn] for txn in txns]
            records += [[name, *record] for record in recs]
    table('EXPECT.tsv', expect)
    table('transactions.tsv', transactions)
    table('records.tsv', records)


if __name__ == '__main__':
    main()
