"""Databases of a true structure and no true content: as large, or of as many objects, as a disk and an hour allow."""
import hashlib
import os
import struct

from ZODB.fsIndex import fsIndex

MAGIC = b'FS30'
# 2026-01-01; each transaction is a second later.
FIRST_TID = 0x0405_E700_0000_0000
TID_STEP = 0x0444_4444


def _tid(number):
    return FIRST_TID + number * TID_STEP


def _transaction_header(number, records_len):
    # tid, length without the trailer, status, lengths of user, description and extension
    return struct.pack('>QQcHHH', _tid(number), 23 + records_len, b' ', 0, 0, 0)


def _record_header(oid, number, transaction_pos, data_len):
    # oid, tid, previous record of the object, transaction, version length, data length
    return struct.pack('>QQQQHQ', oid, _tid(number), 0, transaction_pos, 0, data_len)


def write_huge_records(path, records_count, data_len):
    """One record of zeros a transaction; the zeros are holes, which take no place on the disk."""
    index = fsIndex()
    with open(path, 'wb') as file:
        file.write(MAGIC)
        for number in range(records_count):
            begin_pos = file.tell()
            file.write(_transaction_header(number, 42 + data_len))
            index[struct.pack('>Q', number)] = file.tell()
            file.write(_record_header(number, number, begin_pos, data_len))
            file.seek(data_len, os.SEEK_CUR)
            file.write(struct.pack('>Q', 23 + 42 + data_len))
        end_pos = file.tell()
    index.save(end_pos, path + '.index')


def append_small_records(path, first_number, records_count, data_len):
    """One record a transaction, of bytes that do not repeat; the index stays as old as it was."""
    with open(path, 'r+b') as file:
        file.seek(0, os.SEEK_END)
        for number in range(first_number, first_number + records_count):
            begin_pos = file.tell()
            data = hashlib.shake_128(b'%d' % number).digest(data_len)
            file.write(_transaction_header(number, 42 + data_len))
            file.write(_record_header(number, number, begin_pos, data_len) + data)
            file.write(struct.pack('>Q', 23 + 42 + data_len))


def _smallest_object(oid):
    """A class and a state that is a reference to one object, as two pickles."""
    return b'cm\nC\n.N0U\x08' + struct.pack('>Q', oid) + b'Q.'


def write_many_objects(path, objects_count, in_transaction=1000):
    """Small records; the oids are all below `objects_count` and come in no order, each object refers to the next, the last
    one to the root. There is no index.
    """
    step = 7_368_787
    assert objects_count % in_transaction == 0 and objects_count % step != 0
    data_len = len(_smallest_object(0))
    with open(path, 'wb', buffering=1 << 20) as file:
        file.write(MAGIC)
        pos = len(MAGIC)
        records_len = in_transaction * (42 + data_len)
        for number in range(objects_count // in_transaction):
            first = number * in_transaction
            oids = [order * step % objects_count for order in range(first, first + in_transaction)]
            records = [
                _record_header(oid, number, pos, data_len) + _smallest_object((oid + 1) % objects_count)
                for oid in oids]
            file.write(_transaction_header(number, records_len) + b''.join(records))
            file.write(struct.pack('>Q', 23 + records_len))
            pos += 23 + records_len + 8


# The class ZODB.blob.Blob and no state, as two pickles.
BLOB_RECORD = b'\x80\x03cZODB.blob\nBlob\nq\x00.\x80\x03N.'
BLOBS_IN_TRANSACTION = 1000


def blob_tid(oid):
    return _tid(oid // BLOBS_IN_TRANSACTION)


def write_blob_records(path, first_oid, count):
    """Appends records of so many new blobs, a thousand a transaction; yields the oid and tid of each. There is no index."""
    with open(path, 'ab') as file:
        if file.tell() == 0:
            file.write(MAGIC)
        for begin in range(first_oid, first_oid + count, BLOBS_IN_TRANSACTION):
            oids = range(begin, min(begin + BLOBS_IN_TRANSACTION, first_oid + count))
            number, pos = begin // BLOBS_IN_TRANSACTION, file.tell()
            records = [_record_header(oid, number, pos, len(BLOB_RECORD)) + BLOB_RECORD for oid in oids]
            records_len = sum(map(len, records))
            file.write(_transaction_header(number, records_len) + b''.join(records))
            file.write(struct.pack('>Q', 23 + records_len))
            yield from ((oid, _tid(number)) for oid in oids)
