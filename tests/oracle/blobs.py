"""Databases with blobs, made and read by ZODB.

    blobs.py make DIR LAYOUT            DIR/Data.fs and DIR/blobs
    blobs.py grow DIR SEED COUNT        so many transactions that add, change and forget blobs
    blobs.py undo DIR                   undoes the last transaction
    blobs.py pack DIR KEEP_OLD          packs up to now; KEEP_OLD is 0 or 1
    blobs.py lose DIR KEEP_OLD          the blob `lost` is garbage when a pack begins, and stored again when it ends, which takes
                                        its file; its oid and tid
    blobs.py replace DIR NAME           puts another blob in the place of the one of this name
    blobs.py refuse DIR WHEN            a transaction with two blobs is aborted `before` or `after` the vote, or the process
                                        dies behind it; WHEN is `dead` then
    blobs.py plant DIR SEED COUNT       so many new blobs, 500 a transaction
    blobs.py read DATA BLOBS            what ZODB reads of each record of a blob, by oid and tid; null where it cannot
"""
import hashlib
import json
import os
import random
import sys
import time

from persistent.mapping import PersistentMapping
import transaction
import ZODB
from ZODB.blob import Blob
from ZODB.blob import is_blob_record
from ZODB.FileStorage import FileStorage
from ZODB.POSException import POSKeyError
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


def lose(path, keep_old):
    storage = storage_of(path, pack_keep_old=keep_old == '1')
    db = ZODB.DB(storage)
    root = db.open().root()
    blob = root['lost'] = Blob()
    transaction.commit()
    del root['lost']
    transaction.commit()
    when = time.time()
    root['lost'] = blob
    with blob.open('w') as file:
        file.write(b'stored again')
    transaction.commit()
    storage.pack(when, referencesf)
    name = '%s-%s' % (blob._p_oid.hex(), storage.getTid(blob._p_oid).hex())
    db.close()
    return name


def replace(path, name):
    db = ZODB.DB(storage_of(path))
    with db.transaction() as connection:
        blob = connection.root()[name] = Blob()
        with blob.open('w') as file:
            file.write(b'another')
    db.close()


class Refuser:
    """Takes part in a transaction behind all storages."""

    def __init__(self, when):
        self.when = when

    def sortKey(self):
        return '~'

    def commit(self, txn):
        if self.when == 'before':
            raise RuntimeError('refused')

    def tpc_vote(self, txn):
        if self.when == 'dead':
            print('null', flush=True)
            os._exit(0)
        raise RuntimeError('refused')

    def nothing(self, txn):
        pass

    abort = tpc_begin = tpc_finish = tpc_abort = nothing


def refuse(path, when):
    db = ZODB.DB(storage_of(path))
    root = db.open().root()
    for name in ['refused', 'blob-0']:
        blob = root[name] = Blob()
        with blob.open('w') as file:
            file.write(b'of a transaction that was not: ' + when.encode())
    transaction.get().join(Refuser(when))
    try:
        transaction.commit()
    except RuntimeError:
        transaction.abort()
    db.close()


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
