#!/usr/bin/env python3
"""A live database with blobs for the tests: a storage, and clients that commit all the time.

    live_blobs.py DIR KIND SEED     DIR/Data.fs and DIR/blobs, which are there

KIND is `direct`, where the clients work on the storage itself, or `served`,
where they reach it through a ZEO server.  It ends when its standard input does.
What happened is a line of stdout, written when it is so:

    ready
    commit TID OID-TID:SHA256 ...   the transaction was finished, with the blobs
                                    that were put under their names for it
    refused WHEN                    a client gave up, `before` or `after` the vote
    conflict                        the storage refused the transaction
    packing                         answer to `pack SECONDS KEEP` on stdin, before
                                    it begins: DIR/blobs.old goes
    taking KEEP NAME ...            it is about to remove these, OID-TID or OID
                                    for all of an object, or to put them into
                                    DIR/blobs.old if KEEP is 1
    packed
    unpacked                        the same: ZODB gave up that pack
    error TEXT                      anything else went wrong
    stopped                         the end
"""
import faulthandler
import hashlib
import os
import random
import sys
import tempfile
import threading
import time
import traceback

from persistent.mapping import PersistentMapping
import transaction
from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ServerException
from ZEO.StorageServer import StorageServer
from ZODB.blob import Blob
from ZODB.DB import DB
from ZODB.FileStorage import FileStorage
from ZODB.POSException import ConflictError
from ZODB.POSException import POSKeyError
from ZODB.POSException import UndoError
from ZODB.serialize import referencesf

CLIENTS = 2
SLOTS = 25          # blobs of each client, besides those that are garbage
THINKING = 0.015    # seconds between two transactions of a client, on average
STOP = threading.Event()
SPEAKING = threading.Lock()


def say(*words):
    with SPEAKING:
        print(*words, flush=True)


class Refused(Exception):
    """Raised by what takes part in a transaction to have everybody else abort."""


class Refuser:
    """Comes behind all storages, and refuses before or after they voted."""

    def __init__(self, when):
        self.when = when

    def sortKey(self):
        return '~'

    def commit(self, txn):
        if self.when == 'before':
            raise Refused

    def tpc_vote(self, txn):
        raise Refused

    def nothing(self, txn):
        pass

    abort = tpc_begin = tpc_finish = tpc_abort = nothing


class Telling(FileStorage):
    """Says which blobs got their names, and which a pack takes."""

    named = ()

    def tpc_begin(self, *args, **kw):
        super().tpc_begin(*args, **kw)
        self.named = []

    def _blob_storeblob(self, oid, serial, blobfilename):
        with open(blobfilename, 'rb') as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        self.named.append('%s-%s:%s' % (oid.hex(), serial.hex(), digest))
        super()._blob_storeblob(oid, serial, blobfilename)

    def tpc_finish(self, *args, **kw):
        # Behind this call they may be those of the next transaction.
        named = self.named
        tid = super().tpc_finish(*args, **kw)
        say('commit', tid.hex(), *named)
        return tid

    def _remove_blob_files_tagged_for_removal_during_pack(self):
        with open(os.path.join(self.blob_dir, '.removed')) as file:
            tagged = [line.strip() for line in file]
        names = ['-'.join(filter(None, (name[:16], name[16:]))) for name in tagged]
        say('taking', str(int(self.pack_keep_old)), *names)
        super()._remove_blob_files_tagged_for_removal_during_pack()


class Client:

    def __init__(self, db, number, seed):
        self.db, self.random = db, random.Random(seed)
        self.manager = transaction.TransactionManager()
        self.connection = db.open(self.manager)
        self.shelf = self.connection.root()['shelf-%d' % number]
        # Blobs that nothing refers to any more; this client may come back to them.
        self.attic = []

    def fill(self, blob, *sizes):
        with blob.open('w') as file:
            file.write(self.random.randbytes(self.random.choice(sizes)))

    def slot(self):
        return self.random.randrange(SLOTS)

    def blob(self, slot):
        if slot not in self.shelf:
            self.shelf[slot] = Blob()
        return self.shelf[slot]

    def several(self):
        for _ in range(self.random.randint(1, 6)):
            self.fill(self.blob(self.slot()), 0, 1, 400, 3000, 20_000)

    def new(self):
        """In the place of another one, if there is one: that is garbage."""
        slot = self.slot()
        if slot in self.shelf:
            self.attic.append(self.shelf[slot])
        self.shelf[slot] = Blob()
        self.fill(self.shelf[slot], 0, 100, 5000)

    def untouched(self):
        """What nobody ever wrote to is an empty one."""
        self.shelf[self.slot()] = Blob()

    def large(self):
        self.fill(self.blob(self.slot()), 150_000, 400_000, 900_000)

    def revived(self):
        """Garbage is changed and referred to again.  A pack that saw it as garbage takes the new file, too."""
        if self.attic:
            blob = self.attic.pop(self.random.randrange(len(self.attic)))
            self.fill(blob, 10, 2000)
            self.shelf[self.slot()] = blob

    def hot(self):
        """What all clients change: one of two at a time is refused, when its file has its name."""
        self.fill(self.connection.root()['hot'], 5, 500)

    def without(self):
        """No blob at all."""
        self.shelf['words'] = 'ZODB.blob Blob %f' % self.random.random()

    def undo(self):
        log = self.db.undoLog(0, 4)
        # The first transactions made what all work on.
        log = [info for info in log if info['description'] == 'of a client']
        if log:
            self.db.undo(self.random.choice(log)['id'], self.manager.get())

    def step(self):
        steps = {self.several: 45, self.new: 15, self.untouched: 3, self.large: 1.5, self.revived: 10,
                 self.hot: 8, self.without: 6, self.undo: 8}
        [change] = self.random.choices(list(steps), steps.values())
        self.manager.begin()
        self.manager.get().note('of a client')
        change()
        when = self.random.choice([None] * 6 + ['before', 'after'])
        if when:
            self.manager.get().join(Refuser(when))
        try:
            self.manager.commit()
        except Refused:
            say('refused', when)

    def run(self):
        while not STOP.is_set():
            try:
                self.step()
            except (ConflictError, UndoError, POSKeyError, FileNotFoundError):
                # POSKeyError and FileNotFoundError: a pack took the object, its blob, or the directory for the new one.
                say('conflict')
            except ServerException as e:
                # Errors of the storage that the protocol has no words for: the same ones.
                if not e.args[0].endswith(('.UndoError', '.POSKeyError', 'FileNotFoundError')):
                    raise
                say('conflict')
            finally:
                self.manager.abort()
            # A client has other things to do, too.
            STOP.wait(self.random.expovariate(1 / THINKING))


def telling_errors(work, *args):
    try:
        work(*args)
    except Exception as e:
        say('error', ' '.join(repr(e).split()))
        traceback.print_exc()
        raise


def started(work):
    thread = threading.Thread(target=telling_errors, args=(work,), daemon=True)
    thread.start()
    return thread


def set_up(db):
    with db.transaction('setup') as connection:
        root = connection.root()
        root['hot'] = Blob()
        for number in range(CLIENTS):
            root['shelf-%d' % number] = PersistentMapping()


def pack(storage, seconds, keep):
    storage.pack_keep_old = keep == '1'
    say('packing')
    try:
        storage.pack(time.time() - float(seconds), referencesf)
        say('packed')
    except (AssertionError, OSError):
        # ZODB cannot copy an undo whose target it has just packed away, nor link a file that an abort removes, nor move
        # the directory of an object twice, which a commit made anew in between.  The latter two end a pack in its middle:
        # the database is packed, and the blobs that were yet to be taken stay.
        traceback.print_exc()
        say('unpacked')


def main(path, kind, seed):
    # Who ends it with SIGABRT learns where every thread is.
    faulthandler.enable()
    storage = Telling(os.path.join(path, 'Data.fs'), blob_dir=os.path.join(path, 'blobs'))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        if kind == 'served':
            address = os.path.join(scratch, 'socket')
            server = StorageServer(address, {'1': storage})
            started(server.loop)
            db = DB(ClientStorage(address, blob_dir=os.path.join(scratch, 'cache'), wait_timeout=60))
        else:
            db = DB(storage)
        set_up(db)
        clients = [started(Client(db, number, '%s-%d' % (seed, number)).run) for number in range(CLIENTS)]
        say('ready')
        for line in sys.stdin:
            _, seconds, keep = line.split()
            pack(storage, seconds, keep)
        STOP.set()
        for client in clients:
            client.join()
        db.close()
        if kind == 'served':
            server.close()
        say('stopped')


if __name__ == '__main__':
    telling_errors(main, *sys.argv[1:])
