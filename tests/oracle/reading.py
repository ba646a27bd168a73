"""Ops that look at a file; nothing beside it is read or written.

See oracle.py for the requests.  Every op takes the request and returns the
fields of the answer.
"""
import contextlib
import gzip
import hashlib
import os
import tempfile
import time

import blobs
from persistent.TimeStamp import TimeStamp
from ZODB.FileStorage import FileIterator
from ZODB.FileStorage import FileStorage
from ZODB.fsIndex import fsIndex
from ZODB.scripts import fstest
from ZODB.utils import z64


def tid_of(seconds):
    """The tid that a storage gives at this time."""
    stamp = TimeStamp(*time.gmtime(seconds)[:5] + (seconds % 60,))
    return stamp.raw()


@contextlib.contextmanager
def alone(path):
    """A name for the file in an empty directory, so that a storage opened
    there neither uses nor writes the files beside the real one."""
    os.stat(path)               # an error then names the real file
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, 'Data.fs')
        os.symlink(os.path.abspath(path), name)
        yield name


def end_of(path):
    with alone(path) as name:
        with contextlib.closing(FileStorage(name, read_only=True)) as fs:
            return fs.getSize()


def md5_of(file, length=None):
    digest, left = hashlib.md5(), length
    while left is None or left > 0:
        block = file.read(1 << 20 if left is None else min(left, 1 << 20))
        if not block:
            break
        digest.update(block)
        left = None if left is None else left - len(block)
    return digest.hexdigest()


def transactions_before(path, end):
    """The iterator would go on into a tail, and may raise there."""
    if end <= 4:
        return
    with contextlib.closing(FileIterator(path)) as iterator:
        for txn in iterator:
            yield txn
            if txn._tend + 8 >= end:
                return


def listing(path, digest=False):
    """(transactions, records, exception) as the iterator yields them."""
    txns, records = [], []
    try:
        with contextlib.closing(FileIterator(path)) as iterator:
            for txn in iterator:
                txns.append([
                    txn.tid.hex(), txn._tpos, txn._tend - txn._tpos,
                    txn.status, txn.user.hex(), txn.description.hex(),
                    txn.extension_bytes.hex()])
                for record in txn:
                    records.append(record_line(txn, record, digest))
    except Exception as e:
        return txns, records, e
    return txns, records, None


def record_line(txn, record, digest):
    data = record.data
    line = [txn.tid.hex(), txn.status, record.oid.hex(), record.pos,
            None if data is None else len(data),
            record.data_txn.hex() if record.data_txn else None]
    if digest:
        line.append(None if data is None else hashlib.md5(data).hexdigest())
    return line


def op_inspect(request):
    path = request['path']
    with alone(path) as name:
        with contextlib.closing(FileStorage(name, read_only=True)) as fs:
            end, objects = fs.getSize(), len(fs)
    txns = [[txn.tid.hex(), txn._tpos, txn._tend + 8 - txn._tpos, txn.status,
             sum(1 for _ in txn)] for txn in transactions_before(path, end)]
    with open(path, 'rb') as f:
        digest = md5_of(f, end)
    return {'end': end, 'len': os.path.getsize(path), 'md5': digest,
            'objects': objects, 'transactions': txns,
            'last_tid': txns[-1][0] if txns else z64.hex()}


def op_history(request):
    """What ZODB's own check, the storage and its iterator make of a file."""
    path = request['path']
    fstest.check(path)
    txns, current = [], {}
    with alone(path) as name:
        with contextlib.closing(FileStorage(name, read_only=True)) as fs:
            for txn in fs.iterator():
                records = []
                for record in txn:
                    data = record.data
                    current[record.oid] = data
                    records.append([record.oid.hex(), None if data is None
                                    else hashlib.md5(data).hexdigest()])
                txns.append([txn.tid.hex(), txn.status, records])
            for oid, data in current.items():
                if data is not None and fs.load(oid)[0] != data:
                    raise ValueError('%s loads as another' % oid.hex())
            if fs.lastTransaction().hex() != txns[-1][0]:
                raise ValueError('the last transaction is another')
            return {'end': fs.getSize(), 'len': os.path.getsize(path),
                    'objects': len(fs), 'transactions': txns}


def op_blobs(request):
    """What blobs.py reads, and which files there are."""
    found = blobs.read(request['path'], request['blobs'])
    files = [os.path.relpath(os.path.join(folder, name), request['blobs'])
             for folder, _, names in os.walk(request['blobs'])
             for name in names if name.endswith('.blob')]
    with contextlib.closing(FileIterator(request['path'])) as iterator:
        last = [txn.tid.hex() for txn in iterator][-1]
    return {'blobs': found, 'files': files, 'last_tid': last}


def op_index(request):
    with alone(request['path']) as name:
        with contextlib.closing(FileStorage(name, read_only=True)) as fs:
            fs._index.save(fs.getSize(), request['out'])
            return {'end': fs.getSize()}


def op_load_index(request):
    loaded = fsIndex.load(request['path'])
    index = fsIndex(loaded['index'])        # old forms hold other mappings
    return {'pos': loaded['pos'],
            'items': [[oid.hex(), pos] for oid, pos in index.items()]}


def op_iterate(request):
    txns, records, stop = listing(request['path'], request.get('digest', False))
    return {'transactions': txns, 'records': records,
            'stopped_by': stop and type(stop).__name__}


def op_tid(request):
    return {'tids': [tid_of(t).hex() for t in request['times']]}


def op_tid_time(request):
    stamps = [TimeStamp(bytes.fromhex(tid)) for tid in request['tids']]
    return {'times': [s.timeTime() for s in stamps],
            'texts': [str(s) for s in stamps]}


def op_gunzip(request):
    with gzip.open(request['path']) as f:
        digest = md5_of(f)
        return {'len': f.tell(), 'md5': digest}
