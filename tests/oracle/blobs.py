"""Databases with blobs, made and read by ZODB.

    blobs.py make DIR LAYOUT            DIR/Data.fs and DIR/blobs
    blobs.py grow DIR SEED COUNT        so many transactions that add, change and forget blobs
    blobs.py undo DIR                   undoes the last transaction
    blobs.py pack DIR KEEP_OLD          packs up to now; KEEP_OLD is 0 or 1
    blobs.py plant DIR SEED COUNT       so many new blobs, 500 a transaction
    blobs.py live DIR SEED              goes on with all of that until its input ends; a line for each transaction with blobs
    blobs.py read DATA BLOBS            what ZODB reads of each record of a blob, by oid and tid; null where it cannot
"""
import hashlib
import json
import os
import random
import select
import sys
import time

from persistent.mapping import PersistentMapping
import transaction
import ZODB
from ZODB.blob import Blob
from ZODB.blob import is_blob_record
from ZODB.FileStorage import FileStorage
from ZODB.POSException import POSKeyError
from ZODB.POSException import UndoError
from ZODB.serialize import referencesf


def storage_of(path, **more):
    return FileStorage(os.path.join(path, 'Data.fs'), blob_dir=os.path.join(path, 'blobs'), **more)


def new_database(path, layout):
    """An empty one, and its blob directory."""
    # A storage that makes its file empties its blob directory: the layout is chosen behind that.
    FileStorage(os.path.join(path, 'Data.fs')).close()
    blob_dir = os.path.join(path, 'blobs')
    os.mkdir(blob_dir)
    with open(os.path.join(blob_dir, '.layout'), 'w') as marker:
        marker.write(layout)
    return blob_dir


def make(path, layout):
    blob_dir = new_database(path, layout)
    grow(path, '0', '3')
    with open(os.path.join(blob_dir, '.layout')) as marker:
        assert marker.read() == layout


def content(rng):
    # Some empty, some of several pieces of a buffer.
    return rng.randbytes(rng.choice([0, 1, 100, 5000, 300_000]))


def grow(path, seed, count):
    rng = random.Random(int(seed))
    db = ZODB.DB(storage_of(path))
    connection = db.open()
    root = connection.root()
    for number in range(int(count)):
        for name in ('blob-%d' % rng.randrange(6), 'new-%s-%d' % (seed, number)):
            if name not in root:
                root[name] = Blob()
            with root[name].open('w') as file:
                file.write(content(rng))
        if rng.random() < 0.3:
            del root[rng.choice(sorted(root.keys()))]
        # A record that is none of a blob and tells of one.
        root['words'] = 'ZODB.blob Blob %d' % number
        transaction.commit()
    db.close()


def undo(path):
    db = ZODB.DB(storage_of(path))
    db.undo(db.undoLog(0, 1)[0]['id'])
    transaction.commit()
    db.close()


def pack(path, keep_old):
    storage = storage_of(path, pack_keep_old=keep_old == '1')
    storage.pack(time.time() + 1, referencesf)
    storage.close()


def plant(path, seed, count):
    rng = random.Random(int(seed))
    db = ZODB.DB(storage_of(path))
    connection = db.open()
    root = connection.root()
    for begin in range(0, int(count), 500):
        shelf = root['shelf-%s-%d' % (seed, begin)] = PersistentMapping()
        for number in range(begin, min(begin + 500, int(count))):
            blob = shelf[number] = Blob()
            with blob.open('w') as file:
                # Thumbnails, a few pictures.
                file.write(rng.randbytes(rng.choice([0, 300, 2000, 8000] + [100_000] * (number % 50 == 0))))
        transaction.commit()
    # Some are changed, some are garbage for a pack.
    for shelf in [root[name] for name in root.keys() if str(name).startswith('shelf')]:
        with rng.choice(list(shelf.values())).open('w') as file:
            file.write(b'changed by ' + seed.encode())
        del shelf[rng.choice(list(shelf.keys()))]
    transaction.commit()
    db.close()


class Refusing:
    """Takes part in a transaction, and says no when the storage has voted."""
    transaction_manager = transaction.manager

    def sortKey(self):
        return '~'

    def tpc_vote(self, _):
        raise RuntimeError('no')

    def __getattr__(self, _):
        return lambda *_: None


class Live:
    """A server at work; each transaction that holds is told when it is over."""

    def __init__(self, path, seed):
        self.rng = random.Random(int(seed))
        self.storage = storage_of(path)
        self.db = ZODB.DB(self.storage)
        self.root = self.db.open().root()

    def step(self):
        choice = self.rng.random()
        if choice < 0.005:
            self.storage.pack_keep_old = self.rng.random() < 0.5
            self.db.pack(time.time())
        elif choice < 0.1 and self.db.undoLog(0, 1):
            self.undo()
        else:
            self.commit(choice)

    def commit(self, choice):
        names = self.rng.sample(['blob-%d' % number for number in range(12)], self.rng.choice([1, 1, 3]))
        for name in names:
            if name not in self.root or self.rng.random() < 0.2:
                self.root[name] = Blob()
            with self.root[name].open('w') as file:
                file.write(self.rng.randbytes(self.rng.choice([0, 10, 5000, 200_000])))
        if choice < 0.2:
            transaction.get().join(Refusing())
        if choice < 0.28:
            try:
                transaction.commit() if choice < 0.2 else transaction.savepoint()
            except RuntimeError:
                pass
            transaction.abort()
            return
        transaction.commit()
        self.tell(self.root[name]._p_oid for name in names)

    def undo(self):
        before = self.storage.lastTransaction()
        try:
            self.db.undo(self.db.undoLog(0, 1)[0]['id'])
            transaction.commit()
        except UndoError:
            transaction.abort()
        self.root._p_jar.sync()
        if self.storage.lastTransaction() != before:
            names = [name for name in self.root.keys() if str(name).startswith('blob')]
            self.tell(self.root[name]._p_oid for name in names)

    def tell(self, oids):
        """Their current revisions."""
        told = {}
        for oid in oids:
            tid = self.storage.load(oid)[1]
            with open(self.storage.loadBlob(oid, tid), 'rb') as file:
                told['%s-%s' % (oid.hex(), tid.hex())] = hashlib.sha256(file.read()).hexdigest()
        print(json.dumps(told), flush=True)


def live(path, seed):
    server = Live(path, seed)
    while not select.select([sys.stdin], [], [], 0)[0]:
        server.step()
    server.db.close()
    return {}


def read(data, blobs):
    found = {}
    storage = FileStorage(data, blob_dir=blobs, read_only=True)
    for txn in storage.iterator():
        for record in txn:
            if record.data and is_blob_record(record.data):
                name = '%s-%s' % (record.oid.hex(), record.tid.hex())
                try:
                    with open(storage.loadBlob(record.oid, record.tid), 'rb') as file:
                        found[name] = hashlib.sha256(file.read()).hexdigest()
                except POSKeyError:
                    found[name] = None
    storage.close()
    return found


if __name__ == '__main__':
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
