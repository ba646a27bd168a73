"""Databases and repositories that are large in one respect, made without either program where it would take hours."""
import hashlib
import os
import shutil
import subprocess
import time

from ZODB.fsIndex import fsIndex

import synthetic
from place import Place
from place import copy_head
from place import transaction_ends

MIB = 1 << 20
PIECE_LEN = 4 * MIB


def stamp(seconds):
    return time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime(seconds))


def sum_and_copy(source, begin_pos, end_pos, target):
    """Copies a stretch of a file, holes as holes; its MD5."""
    summed = hashlib.md5()
    with open(source, 'rb') as file, open(target, 'wb') as copy:
        file.seek(begin_pos)
        while file.tell() < end_pos:
            piece = file.read(min(PIECE_LEN, end_pos - file.tell()))
            summed.update(piece)
            if piece.count(0) == len(piece):
                copy.seek(len(piece), os.SEEK_CUR)
            else:
                copy.write(piece)
        copy.truncate(end_pos - begin_pos)
    return summed.hexdigest()


class LargePlace(Place):

    def sparse(self, records_count, data_len, newer_len):
        """`Data.fs` of huge records of nothing, `repository` with a full of it, and `grown/Data.fs`."""
        def make(part):
            source = os.path.join(part, 'Data.fs')
            synthetic.write_huge_records(source, records_count, data_len)
            repository = os.path.join(part, 'repository')
            os.mkdir(repository)
            self.write_chain(repository, source, [os.path.getsize(source)], 1_780_000_000)
            shutil.copyfile(source + '.index', os.path.join(repository, stamp(1_780_000_000) + '.index'))
            # It grows in its place: a copy would take the holes' place on the disk.
            synthetic.append_small_records(source, records_count, newer_len // 10_000, 10_000 - 73)
        return self.once('sparse-%d-%d' % (records_count, data_len), make)

    def objects(self, count):
        """`Data.fs` of so many objects, without an index, and `grown/Data.fs` with a few more."""
        def make(part):
            source = os.path.join(part, 'Data.fs')
            synthetic.write_many_objects(source, count)
            os.mkdir(os.path.join(part, 'grown'))
            grown = os.path.join(part, 'grown', 'Data.fs')
            shutil.copyfile(source, grown)
            synthetic.append_small_records(grown, count, 1000, 1000)
        return self.once('objects-%d' % count, make)

    def long_chain(self, size, increments_count):
        """A full of half of the database, and increments as equal as its transactions allow, one each minute."""
        source = os.path.join(self.database(size), 'Data.fs')

        def make(part):
            ends = transaction_ends(source)
            full_end = next(end for end in ends if end >= size // 2)
            rest = [end for end in ends if end > full_end]
            assert len(rest) >= increments_count, 'too few transactions'
            chosen = [rest[len(rest) * number // increments_count - 1]
                      for number in range(1, increments_count + 1)]
            self.write_chain(part, source, [full_end, *chosen], 1_780_000_000)
        return self.once('long-%d-%d' % (size, increments_count), make)

    def crowded(self, size, files_count):
        """The full of a database, and so many files of older chains: a full, eight increments, their indexes, a list."""
        source = os.path.join(self.database(size), 'Data.fs')

        def make(part):
            begun = 1_700_000_000
            ends = transaction_ends(source)[:9]
            short = self.path('short.fs')
            copy_head(source, short, ends[-1])
            for number in range(files_count // 19):
                self.write_chain(part, short, ends, begun + number * 86_400, with_indexes=True)
            os.unlink(short)
            words = [*self.words('ours'), '-BF', '-r', part, '-f', source]
            subprocess.run(words, check=True)
        return self.once('ours-crowded-%d-%d' % (size, files_count), make)

    def write_chain(self, repository, source, ends, begun, with_indexes=False):
        """A chain as repozo writes it, a backup each minute; the first is the full."""
        lines, begin_pos = [], 0
        for number, end_pos in enumerate(ends):
            name = os.path.join(repository, stamp(begun + 60 * number))
            data = name + ('.deltafs' if number else '.fs')
            summed = sum_and_copy(source, begin_pos, end_pos, data)
            lines.append('%s %d %d %s\n' % (data, begin_pos, end_pos, summed))
            begin_pos = end_pos
            if with_indexes:
                fsIndex().save(end_pos, name + '.index')
        with open(os.path.join(repository, stamp(begun) + '.dat'), 'w') as dat:
            dat.writelines(lines)
