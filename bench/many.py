"""A repository of many small backups, as years of them leave it."""
import hashlib
import os
import time

from ZODB.fsIndex import fsIndex

import synthetic

# 2024-01-01 in UTC: none of them is of the future.
FIRST_SECOND = 1_704_067_200
CHAIN_COUNT = 500
OBJECTS_COUNT = 100


def _name(number):
    """An hour between two of them."""
    return time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime(FIRST_SECOND + number * 3600))


def _transaction(number, pos):
    data = hashlib.shake_128(b'%d' % number).digest(100)
    header = synthetic._transaction_header(number, 42 + len(data))
    record = synthetic._record_header(number % OBJECTS_COUNT, number, pos, len(data))
    return header + record + data + (23 + 42 + len(data)).to_bytes(8, 'big')


def write(directory, count):
    """So many backups of one transaction more each, a full every `CHAIN_COUNT`."""
    data, index = bytearray(synthetic.MAGIC), fsIndex()
    for number in range(count):
        start_pos = len(data)
        data += _transaction(number, start_pos)
        index[(number % OBJECTS_COUNT).to_bytes(8, 'big')] = start_pos + 23
        is_full = number % CHAIN_COUNT == 0
        if is_full:
            stamp, start_pos = _name(number), 0
        path = os.path.join(directory, _name(number) + ('.fs' if is_full else '.deltafs'))
        with open(path, 'wb') as file:
            file.write(data[start_pos:])
        index.save(len(data), os.path.join(directory, _name(number) + '.index'))
        with open(os.path.join(directory, stamp + '.dat'), 'a') as dat:
            dat.write('%s %d %d %s\n' % (path, start_pos, len(data), hashlib.md5(data[start_pos:]).hexdigest()))
