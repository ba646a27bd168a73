#!/usr/bin/env python3
"""A live database for the tests: a ZEO server and its clients, a process each.

    live.py server SOCKET FILE
    live.py setup SOCKET WRITERS        makes what the writers work on, and ends
    live.py writer SOCKET NUMBER SEED   commits all the time
    live.py packer SOCKET               packs when it is told to

Every one of them ends when its standard input does, so none outlives the test
that started it.  What happened is a line of stdout, written when it is so:

    ready
    commit TID OID:MD5 ...      the server acknowledged the transaction.  MD5 is
                                `*` where the server chose the data (a conflict
                                that it resolved); `commit TID ?` for an undo
    aborted                     after the server had voted for it
    conflict                    the server refused it, or the undo
    packed                      answer to `pack SECONDS` on stdin: a pack to so
                                many seconds ago has ended
    unpacked                    the same: ZODB gave up that pack, and left the
                                file as it was
    error TEXT                  anything else went wrong
    stopped                     the end, when stdin was closed
"""
import hashlib
import os
import random
import signal
import sys
import threading
import time
import traceback

import transaction
from BTrees.Length import Length
from persistent.mapping import PersistentMapping
from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ServerException
from ZEO.runzeo import ZEOOptions
from ZEO.runzeo import ZEOServer
from ZODB.DB import DB
from ZODB.POSException import ConflictError
from ZODB.POSException import UndoError

BOXES = 40          # objects of each writer, besides those that are replaced
THINKING = 0.008    # seconds between two transactions of a writer, on average
LINGERING = 10      # seconds for an orderly end, which needs the server
SETUP = 'setup'     # describes the transaction that writers must not undo
STOP = threading.Event()


def say(*words):
    """One line with one call, at once."""
    os.write(1, (' '.join(words) + '\n').encode())


class Refused(Exception):
    """Raised by what votes last, to have everybody else abort."""


class Refuser:
    """Takes part in a transaction, votes behind all storages, and refuses."""

    def sortKey(self):
        return '~'

    def tpc_vote(self, txn):
        raise Refused

    def nothing(self, txn):
        pass

    abort = tpc_begin = commit = tpc_finish = tpc_abort = nothing


class Recording(ClientStorage):
    """Says which data of which objects the server acknowledged."""

    stored = undone = None

    def tpc_begin(self, *args, **kw):
        self.stored, self.undone = {}, False
        return super().tpc_begin(*args, **kw)

    def store(self, oid, serial, data, version, txn):
        self.stored[oid] = hashlib.md5(data).hexdigest()
        return super().store(oid, serial, data, version, txn)

    def undo(self, trans_id, txn):
        self.undone = True
        return super().undo(trans_id, txn)

    def tpc_vote(self, txn):
        resolved = super().tpc_vote(txn) or ()
        for oid in resolved:
            self.stored[oid] = '*'
        return resolved

    def tpc_finish(self, txn, f=lambda tid: None):
        tid = super().tpc_finish(txn, f)
        records = ['?'] if self.undone else [
            '%s:%s' % (oid.hex(), md5) for oid, md5 in self.stored.items()]
        say('commit', tid.hex(), *records)
        return tid


class Writer:

    def __init__(self, db, number, seed):
        self.db, self.random = db, random.Random(seed)
        self.manager = transaction.TransactionManager()
        self.connection = db.open(self.manager)
        self.shelf = self.connection.root()['shelf-%d' % number]
        self.last_tid = None

    def bytes(self, least, most):
        return self.random.randbytes(self.random.randint(least, most))

    def box(self):
        return self.shelf[self.random.randrange(BOXES)]

    def small(self):
        for _ in range(self.random.randint(1, 4)):
            self.box()['payload'] = self.bytes(0, 2000)
        self.manager.get().note('small')

    def replaced(self):
        """The old object is garbage, which a pack takes away."""
        self.shelf[self.random.randrange(BOXES)] = PersistentMapping(
            payload=self.bytes(0, 3000))

    def many(self):
        for number in range(BOXES):
            self.shelf[number]['payload'] = self.bytes(0, 200)

    def large(self):
        self.shelf[0]['payload'] = self.bytes(200_000, 1_200_000)

    def hot(self):
        """What all writers change: one of two at a time is refused."""
        self.connection.root()['hot']['payload'] = self.bytes(1, 500)

    def counted(self):
        """What all writers change, and the server resolves."""
        self.connection.root()['count'].change(1)

    def late(self):
        """What another client of the server changed first."""
        box = self.box()
        box['payload'] = self.bytes(1, 500)
        manager = transaction.TransactionManager()
        other = self.db.open(manager)
        try:
            other.get(box._p_oid)['payload'] = self.bytes(1, 500)
            manager.commit()
        finally:
            manager.abort()
            other.close()

    def undo(self):
        """The newest transaction, unless it is the one that all work on."""
        info = self.db.undoLog(0, 1)
        if info and info[0]['description'] != SETUP:
            self.db.undo(info[0]['id'], self.manager.get())

    def step(self):
        steps = {self.small: 50, self.replaced: 15, self.many: 3,
                 self.large: 0.6, self.hot: 12, self.counted: 10,
                 self.late: 4, self.undo: 2}
        [change] = self.random.choices(list(steps), steps.values())
        self.manager.begin()
        change()
        if self.random.random() < 0.12:
            self.manager.get().join(Refuser())
        self.manager.commit()

    def run(self):
        while not STOP.is_set():
            try:
                self.step()
            except Refused:
                say('aborted')
            except (ConflictError, UndoError):
                say('conflict')
            except ServerException as e:
                # While it packs, the server refuses every undo.
                if not e.args[0].endswith('.UndoError'):
                    raise
                say('conflict')
            finally:
                self.manager.abort()
            # A client has other things to do, too.
            STOP.wait(self.random.expovariate(1 / THINKING))


def client(socket):
    return DB(Recording(socket, wait_timeout=60))


def server(socket, path):
    class Server(ZEOServer):
        def loop_forever(self):
            say('ready')
            super().loop_forever()

    options = ZEOOptions()
    options.realize(['-a', socket, '-f', path])
    stop_with_stdin(lambda: os.kill(os.getpid(), signal.SIGTERM))
    Server(options).main()


def setup(socket, writers):
    db = client(socket)
    with db.transaction(SETUP) as connection:
        root = connection.root()
        root['hot'] = PersistentMapping()
        root['count'] = Length()
        for number in range(int(writers)):
            root['shelf-%d' % number] = PersistentMapping(
                {n: PersistentMapping() for n in range(BOXES)})
    db.close()


def writer(socket, number, seed):
    stop_with_stdin(STOP.set)
    db = client(socket)
    say('ready')
    Writer(db, int(number), int(seed)).run()
    db.close()
    say('stopped')


def packer(socket):
    db = client(socket)
    say('ready')
    for line in sys.stdin:
        try:
            db.storage.pack(time.time() - float(line.split()[1]), wait=True)
            say('packed')
        except ServerException as e:
            # ZODB cannot copy an undo whose target it has just packed away.
            if not e.args[0].endswith(('.AssertionError', '.PackError')):
                raise
            say('unpacked')
    db.close()
    say('stopped')


def stop_with_stdin(stop):
    def watch():
        sys.stdin.read()
        stop()
        time.sleep(LINGERING)
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()


def main(role, *args):
    try:
        {'server': server, 'setup': setup, 'writer': writer,
         'packer': packer}[role](*args)
    except Exception as e:
        say('error', role, ' '.join(repr(e).split()))
        traceback.print_exc()
        sys.exit(1)


if __name__ == '__main__':
    main(*sys.argv[1:])
