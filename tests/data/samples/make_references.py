#!/usr/bin/env python3
"""Write references.tsv: each different record of the *.fs beside it and of every form, and what ZODB finds in it.

Needs:  pip install ZODB      Usage:  make_references.py

Columns: the first sample that has it, or its form, data in base64, class as ZODB's tools
print it, and the oids of its references in order, or the name of the exception.
"""
import base64
import io
import logging
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
from ZODB.FileStorage import FileIterator                      # noqa: E402
from ZODB.serialize import referencesf                         # noqa: E402
from ZODB.utils import get_pickle_metadata                     # noqa: E402
from zodbpickle import binary                                  # noqa: E402
from zodbpickle import pickle                                  # noqa: E402


def references(data):
    try:
        return ' '.join(oid.hex() for oid in referencesf(data)) or '-'
    except Exception as e:
        return type(e).__name__


def records(path):
    """The data of all records; of a file of Python 2, too, which ZODB reads under another magic."""
    with open(path, 'rb') as file:
        content = file.read()
    with tempfile.NamedTemporaryFile() as file:
        file.write(content.replace(b'FS21', b'FS30', 1))
        file.flush()
        try:
            for transaction in FileIterator(file.name):
                for record in transaction:
                    if record.data:
                        yield record.data
        except Exception:
            # What stops ZODB is in EXPECT.tsv.
            pass


class Referred:
    """Something that is pickled as a reference of this form."""

    def __init__(self, form):
        self.form = form


def made(protocol, *forms):
    """A record in that protocol, with references in every place that a state has."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol)
    pickler.persistent_id = lambda value: value.form if isinstance(value, Referred) else None
    pickler.dump(Exception)
    objects = [Referred(form) for form in forms]
    first = objects[0]
    pickler.dump({
        'numbers': [0, -1, 255, 256, 65536, -2 ** 31, 2 ** 40, 2 ** 600, 2 ** 2200, 1.5, True, None],
        'texts': ['', 'a', '\u20ac' * 300, b'', b'\xff' * 300, binary(b'\x00' * 8)],
        'tuples': [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), (first, [first])],
        'made by a call': complex(1, 2),
        first: frozenset([first]),
        'all': objects,
        'again': objects,
    })
    return file.getvalue()


def every_form():
    """Records as Python pickles them, by name."""
    # Below protocol 3 bytes are made by a call, which counts as nothing: Python 2 had its own strings (fs21.fs).
    texts = ['ASCII.:%d' % number for number in range(1, 9)]
    yield 'protocol 0', made(0, *texts)
    yield 'protocol 1', made(1, *forms(texts))
    yield 'protocol 2', made(2, *forms(texts))
    yield 'protocol 3', made(3, *forms([binary(bytes(7) + bytes([number])) for number in range(1, 9)]))


def forms(oids):
    return (oids[0], (oids[1], Exception), (oids[2], ('module', 'name')), (oids[3],),
            ['w', (oids[4],)], ['w', (oids[5], 'other')], ['n', ('other', oids[6])],
            ['m', ('other', oids[7], Exception)], [oids[0]], ('ASCII.:1', None))


def main():
    logging.disable(logging.CRITICAL)
    rows = {}
    for name in sorted(n for n in os.listdir(HERE) if n.endswith('.fs')):
        for data in records(os.path.join(HERE, name)):
            rows.setdefault(data, name)
    for name, data in every_form():
        rows[data] = name
    with open(os.path.join(HERE, 'references.tsv'), 'w') as file:
        for data, name in rows.items():
            label = '.'.join(get_pickle_metadata(data))
            file.write('\t'.join([name, base64.b64encode(data).decode(), label, references(data)]) + '\n')


if __name__ == '__main__':
    main()
