"""Ops that change a database, or the files of one.

See oracle.py for the requests.  Every function here takes the request and
returns the fields of the answer.
"""
import base64
import contextlib
import os
import random
import struct
import time
from unittest import mock

import reading
import transaction
from persistent.mapping import PersistentMapping
from ZODB.blob import Blob
from ZODB.Connection import TransactionMetaData
from ZODB.DB import DB
from ZODB.FileStorage import FileStorage
from ZODB.POSException import UndoError
from ZODB.serialize import ObjectWriter
from ZODB.serialize import referencesf
from ZODB.utils import p64
from ZODB.utils import u64
from ZODB.utils import z64

HELD = {}           # path -> FileStorage open for writing


def clock(now):
    """Makes time.time() stand still at `now`."""
    if now is None:
        return contextlib.nullcontext()
    return mock.patch('time.time', lambda: float(now))


def read_or_none(path):
    with contextlib.suppress(FileNotFoundError), open(path, 'rb') as f:
        return f.read()


def remove(path):
    """Whether there was such a file."""
    try:
        os.remove(path)
    except FileNotFoundError:
        return False
    return True


def settle_index(path, wish, before):
    index = path + '.index'
    if wish == 'none' or (wish == 'keep' and before is None):
        remove(index)
    elif wish == 'keep':
        with open(index, 'wb') as f:
            f.write(before)
    elif wish != 'fresh':
        raise ValueError('index is %r' % (wish,))


@contextlib.contextmanager
def storage(request, **options):
    """The storage of the request, open for writing."""
    path = request['path']
    before = read_or_none(path + '.index')
    with clock(request.get('now')):
        fs = FileStorage(path, **options)
        try:
            yield fs
        finally:
            fs.close()
    settle_index(path, request.get('index', 'fresh'), before)


@contextlib.contextmanager
def connection(fs):
    """A connection whose changes are committed at the end."""
    manager = transaction.TransactionManager()
    db = DB(fs)
    try:
        yield db.open(transaction_manager=manager)
        manager.commit()
    finally:
        manager.abort()
        db.close()


def state_of(fs):
    return {'end': fs.getSize(), 'tid': fs.lastTransaction().hex()}


def content(rng, size):
    """`size` bytes, half of them random and half easy to compress."""
    noise = rng.randbytes(size // 2)
    text = b'all work and no play ' * (size // 20 + 1)
    return noise + text[:size - len(noise)]


# ------------------------ transactions

def op_create(request):
    with storage(request, create=True) as fs:
        with connection(fs):
            pass
        return state_of(fs)


def op_commit(request):
    rng = random.Random(request.get('seed', 0))
    count, size = request.get('objects', 1), request.get('size', 200)
    with storage(request) as fs:
        if count:
            with connection(fs) as conn:
                describe(conn.transaction_manager.get(), request)
                for _ in range(count):
                    name = 'object-%d' % rng.randrange(request.get('pool', 20))
                    change(conn.root(), name, content(rng, size))
        else:
            by_storage(fs, lambda txn: None, request)
        return state_of(fs)


def describe(txn, request):
    txn.user = request.get('user', '')
    txn.description = request.get('description', '')
    for key, value in request.get('extension', {}).items():
        txn.setExtendedInfo(key, value)


def change(root, name, data):
    if name in root:
        root[name]['data'] = data
    else:
        root[name] = PersistentMapping(data=data)


def by_storage(fs, action, request, end='finish'):
    """One transaction through the storage API."""
    txn = TransactionMetaData(request.get('user', ''),
                              request.get('description', ''),
                              request.get('extension', {}))
    fs.tpc_begin(txn)
    try:
        action(txn)
        fs.tpc_vote(txn)
        if end == 'finish':
            fs.tpc_finish(txn)
    except BaseException:
        fs.tpc_abort(txn)
        raise
    if end == 'abort':
        fs.tpc_abort(txn)


def op_undo(request):
    with storage(request) as fs:
        log = fs.undoLog(0, 1)
        undone = bool(log) and log[0]['description'] != \
            b'initial database creation'
        if undone:
            try:
                by_storage(fs, lambda txn: fs.undo(log[0]['id'], txn), request)
            except UndoError:
                undone = False
        return dict(state_of(fs), undone=undone)


def op_pack(request):
    with storage(request) as fs:
        fs.pack(time.time() - request.get('days', 0) * 86400, referencesf,
                gc=request.get('gc', True))
        return state_of(fs)


def op_abort_after_vote(request):
    rng = random.Random(request.get('seed', 0))
    new = PersistentMapping(data=content(rng, request.get('size', 200)))

    def store(txn):
        fs.store(fs.new_oid(), z64, ObjectWriter().serialize(new), '', txn)
    with storage(request) as fs:
        before = state_of(fs)
        by_storage(fs, store, request,
                   end='leave' if request.get('leave') else 'abort')
        # the tid that the storage names now is not that of a transaction
        return dict(before, len=os.path.getsize(request['path']))


def op_blob(request):
    data = base64.b64decode(request['data_b64'])
    name = request.get('name', 'blob')
    with storage(request, blob_dir=request['blobs']) as fs:
        with connection(fs) as conn:
            describe(conn.transaction_manager.get(), request)
            root = conn.root()
            if name not in root:
                root[name] = Blob()
                conn.add(root[name])
            oid = root[name]._p_oid
            with root[name].open('w') as f:
                f.write(data)
        return dict(state_of(fs), oid=oid.hex())


def op_delete_object(request):
    oid = bytes.fromhex(request['oid'])
    with storage(request) as fs:
        serial = fs.getTid(oid)
        by_storage(fs, lambda txn: fs.deleteObject(oid, serial, txn), request)
        return state_of(fs)


# ------------------ files behind ZODB's back

def raw_transaction(tid, tpos, status):
    """A transaction with one small record, to be placed at tpos."""
    data = ObjectWriter().serialize(PersistentMapping(data='tail' * 50))
    record = p64(0xffff) + tid + z64 + p64(tpos) + b'\0\0' \
        + p64(len(data)) + data
    length = p64(23 + 4 + len(record))
    return tid + length + status + struct.pack('>HHH', 0, 4, 0) \
        + b'tail' + record + length


def op_tail(request):
    path, kind = request['path'], request['kind']
    if kind == 'finish':
        return finish_tail(path)
    size, last = os.path.getsize(path), z64
    for txn in reading.transactions_before(path, reading.end_of(path)):
        last = txn.tid
    tid = p64(u64(last) + 0x10000)
    whole = raw_transaction(tid, size, b' ')
    tail = {'voted': raw_transaction(tid, size, b'c'),
            'cut': whole[:len(whole) // 2],
            'zeros': bytes(4096),
            'garbage': bytes(range(7, 207)),
            'header': whole[:22]}[kind]
    with open(path, 'ab') as f:
        f.write(tail)
    return {'end': size, 'len': size + len(tail)}


def finish_tail(path):
    end = reading.end_of(path)
    with open(path, 'r+b') as f:
        f.seek(end + 16)
        if f.read(1) != b'c':
            raise ValueError('no voted transaction at %d' % end)
        f.seek(end + 16)
        f.write(b' ')
    return {'end': reading.end_of(path), 'len': os.path.getsize(path)}


def op_delete_index(request):
    return {'existed': remove(request['path'] + '.index')}


def op_hold_lock(request):
    HELD[request['path']] = FileStorage(request['path'])
    return {}


def op_release_lock(request):
    HELD.pop(request['path']).close()
    return {}
