"""What ZODB says of a database, for the tests of the verbs that look inside.

    inside.py classes FILE      for each class: objects, revisions, bytes of its records in the file
    inside.py pack FILE [BLOBS] packs it up to now; how many objects are left
    inside.py objects FILE      for each object: its data, and the opcodes of its two pickles
    inside.py state FILE [TID]  a digest of the data of each object, as of the end or of this tid
    inside.py blobs DIR LAYOUT  makes a database with blobs; their files

Each prints one JSON value.
"""
import base64
import contextlib
import hashlib
import io
import json
import os
import pickletools
import sys
import time

import transaction
import ZODB
from blobs import new_database
from reading import alone
from ZODB.blob import Blob
from ZODB.FileStorage import FileIterator
from ZODB.FileStorage import FileStorage
from ZODB.POSException import POSKeyError
from ZODB.serialize import referencesf
from ZODB.utils import get_pickle_metadata
from ZODB.utils import p64
from ZODB.utils import u64

HEADER_LEN, BACK_POINTER_LEN = 42, 8


def classes(path):
    found, last = {}, {}
    for record in (record for txn in FileIterator(path) for record in txn):
        if record.data is None:
            last.pop(record.oid, None)
            continue
        module, name = get_pickle_metadata(record.data)
        counts = found.setdefault('%s.%s' % (module, name), {'objects': 0, 'revisions': 0, 'len': 0, 'current_len': 0})
        counts['revisions'] += 1
        counts['len'] += HEADER_LEN + (BACK_POINTER_LEN if record.data_txn else len(record.data))
        last[record.oid] = (counts, HEADER_LEN + len(record.data))
    for counts, length in last.values():
        counts['objects'] += 1
        counts['current_len'] += length
    return found


def pack(path, blob_dir=None):
    storage = FileStorage(path, blob_dir=blob_dir)
    # A pack up to a time before the last transaction leaves more than what is current.
    storage.pack(time.time() + 1, referencesf)
    count = len(storage)
    storage.close()
    return count


def state(path, tid=None):
    found = {}
    with alone(path) as name, contextlib.closing(FileStorage(name, read_only=True)) as storage:
        before = p64(u64(bytes.fromhex(tid) if tid else storage.lastTransaction()) + 1)
        oid = None
        while True:
            oid, _, _, next_oid = storage.record_iternext(oid)
            with contextlib.suppress(POSKeyError):
                loaded = storage.loadBefore(oid, before)
                if loaded is not None:
                    found[oid.hex()] = hashlib.sha256(loaded[0]).hexdigest()
            if next_oid is None:
                return found
            oid = next_oid


def objects(path):
    found = {}
    with alone(path) as name, contextlib.closing(FileStorage(name, read_only=True)) as storage:
        for oid in storage._index:
            with contextlib.suppress(POSKeyError):
                data = storage.load(oid)[0]
                stream = io.BytesIO(data)
                opcodes = [[opcode.name, pos] for _ in range(2) for opcode, _, pos in pickletools.genops(stream)]
                found['0x%016x' % u64(oid)] = [base64.b64encode(data).decode(), opcodes]
    return found


def blobs(path, layout):
    blob_dir = new_database(path, layout)
    db = ZODB.DB(FileStorage(os.path.join(path, 'Data.fs'), blob_dir=blob_dir))
    root = db.open().root()
    for name in ('changed', 'undone', 'deleted'):
        root[name] = Blob(name.encode())
    transaction.commit()
    for _ in range(3):
        with root['changed'].open('w') as file:
            file.write(os.urandom(100))
        transaction.commit()
    with root['undone'].open('w') as file:
        file.write(b'undone')
    transaction.commit()
    db.undo(db.undoLog(0, 1)[0]['id'])
    transaction.commit()
    del root['deleted']
    transaction.commit()
    db.close()
    found = [os.path.join(where, name) for where, _, names in os.walk(blob_dir) for name in names]
    return sorted(name for name in found if name.endswith('.blob'))


if __name__ == '__main__':
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
