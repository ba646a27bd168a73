#!/usr/bin/env python3
"""Write a database that grows in four stages and is packed in a fifth.

Needs:  pip install ZODB      Usage:  make_growth.py [OUTPUT_DIR]

The database is the record book of a community garden: members, plots and a
diary, changed over a month through the public API of ZODB.  Clock and
random numbers are fixed, so the same versions write the same bytes.
"""
import base64
import contextlib
import hashlib
import os
import random
import sys
import tempfile
import time


class Clock:
    now = 1741597200.0            # Monday 10 March 2025, 09:00 UTC


time.time = lambda: Clock.now     # before ZODB is imported

import transaction                                             # noqa: E402
from BTrees.OOBTree import OOBTree                             # noqa: E402
from persistent.list import PersistentList                     # noqa: E402
from persistent.mapping import PersistentMapping               # noqa: E402
from ZODB.DB import DB                                         # noqa: E402
from ZODB.FileStorage import FileStorage                       # noqa: E402
from ZODB.serialize import referencesf                         # noqa: E402

DAY = 86400
WORDS = '''beans beds bloom carrots compost dew early frost gate hedge hoe
    kale ladder late leaf mulch onions path peas pump rain rake roots row seeds
    shed soil sow spade sun thin tools trellis water weeds wind'''.split()
PEOPLE = ['alice', 'bob', 'chioma', 'dörte', 'emil']


class Garden:
    """The open database and the random numbers that change it."""

    def __init__(self, path):
        self.rng = random.Random(20250310)
        self.path = path
        self.open()

    def open(self):
        self.storage = FileStorage(self.path)
        self.db = DB(self.storage)
        self.root = self.db.open().root()

    def close(self):
        transaction.abort()
        self.db.close()

    def text(self, words):
        return ' '.join(self.rng.choices(WORDS, k=words))

    def commit(self, note='', user=None, **extension):
        """One commit, some minutes or hours after the one before."""
        Clock.now += self.rng.randrange(300, 4 * 3600) + self.rng.random()
        txn = transaction.get()
        if user:
            txn.setUser(user)
        if note:
            txn.note(note)
        for key, value in extension.items():
            txn.setExtendedInfo(key, value)
        transaction.commit()
        return self.storage.lastTransaction()

    def undo(self, tid, note, user):
        self.db.undo(base64.encodebytes(tid).rstrip(), transaction.get())
        self.commit(note, user)

    def member(self, number):
        return PersistentMapping({
            'name': '%s %03d' % (self.rng.choice(PEOPLE), number),
            'phone': '555-%04d' % self.rng.randrange(10000),
            'remark': self.text(self.rng.randrange(3, 40))})

    def diary_page(self):
        """The list of this week."""
        week = int(Clock.now // (7 * DAY))
        if week not in self.root['diary']:
            self.root['diary'][week] = PersistentList()
        return self.root['diary'][week]

    def diary_days(self, days):
        """Each day some entries; now and then a plot or a member changes."""
        root, rng = self.root, self.rng
        for _ in range(days):
            page = self.diary_page()
            for _ in range(rng.randrange(1, 4)):
                page.append(self.text(rng.randrange(5, 30)))
                self.commit('diary', rng.choice(PEOPLE), request_type='diary')
            if rng.random() < 0.7:
                plot = root['plots'][rng.randrange(1, 41)]
                plot['crop'] = rng.choice(WORDS)
                plot['log'].append(self.text(6))
                self.commit('plot %d: %s' % (plot['number'], plot['crop']),
                            rng.choice(PEOPLE), plot=plot['number'])
            if rng.random() < 0.3:
                key = rng.choice(list(root['members']))
                root['members'][key]['remark'] = self.text(12)
                self.commit()
            Clock.now = (Clock.now // DAY + 1) * DAY + 8 * 3600


# -------------------------------------------------------------------- stages

def found(garden):
    """Stage 1: members, plots and a first week."""
    root = garden.root
    root['members'] = OOBTree()
    root['plots'] = OOBTree()
    root['diary'] = OOBTree()
    garden.commit('found the garden')
    for start in range(0, 90, 30):
        for number in range(start, start + 30):
            root['members']['m%03d' % number] = garden.member(number)
        garden.commit('import members from %d' % start, 'alice',
                      request_type='import', count=30)
    for number in range(1, 41):
        root['plots'][number] = PersistentMapping(
            number=number, crop='', log=PersistentList())
    garden.commit('lay out the plots', 'bob')
    garden.diary_days(7)


def second_week(garden):
    """Stage 2: new members split buckets of the tree."""
    for number in range(90, 115):
        garden.root['members']['m%03d' % number] = garden.member(number)
    garden.commit('25 new members', 'chioma', request_type='import')
    garden.diary_days(7)


def mistake(garden):
    """Stage 3: a large record, a mistake, and its undo as the last."""
    garden.root['map'] = PersistentMapping(
        scan=garden.rng.randbytes(30000), legend=garden.text(5500))
    garden.commit('map of the garden, scanned', 'dörte', size='large')
    garden.diary_days(4)
    for number in range(1, 41):
        garden.root['plots'][number]['crop'] = 'weeds'
    tid = garden.commit('weeds everywhere?', 'emil')
    garden.undo(tid, 'undo: that was the wrong list', 'alice')


def last_week(garden):
    """Stage 4: members leave, others change."""
    for number in range(0, 30, 3):
        del garden.root['members']['m%03d' % number]
    garden.commit('members who left', 'alice')
    garden.diary_days(8)


def pack_and_go_on(garden):
    """Stage 5: packed to a time before some of the last commits."""
    garden.storage.pack(Clock.now - 4 * DAY, referencesf)
    garden.close()
    garden.open()
    garden.diary_days(3)


# ---------------------------------------------------------------------- files

def read(path):
    with open(path, 'rb') as f:
        return f.read()


def write(path, data):
    with open(path, 'wb') as f:
        f.write(data)


def grow(path):
    """The bytes of the file after each stage."""
    garden = Garden(path)
    states = []
    for stage in (found, second_week, mistake, last_week, pack_and_go_on):
        stage(garden)
        states.append(read(path))
    garden.close()
    return states


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(
        os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as folder:
        states = grow(os.path.join(folder, 'Data.fs'))
    for shorter, longer in zip(states[:3], states[1:4]):
        assert longer.startswith(shorter) and len(longer) > len(shorter)
    write(os.path.join(out, 'stage-4.fs'), states[3])
    write(os.path.join(out, 'stage-5-packed.fs'), states[4])
    with open(os.path.join(out, 'stages.txt'), 'w') as f, \
            contextlib.redirect_stdout(f):
        for number, data in enumerate(states, 1):
            print(number, len(data), hashlib.md5(data).hexdigest())


if __name__ == '__main__':
    main()
