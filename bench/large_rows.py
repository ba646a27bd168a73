"""The rows of what is large, and the operations whose growth is measured."""
import os

from place import clone
from place import parse_size
from rows import Row
from rows import Rows
from rows import made

GIB = 1 << 30
HUGE_COUNT = 64
OBJECTS_COUNT = 20_000_000
INCREMENTS_COUNT = 3000
FILES_COUNT = 10_000
GROWTH_SIZES = ['100M', '1G', '4G']


class LargeRows:

    def __init__(self, place):
        self.place = place

    def backup(self, flags, repository, source):
        """Behind what a repository has; `repository` and `source` say where they are when they are needed."""
        def words(who):
            scratch = self.place.scratch()
            clone(repository(who), scratch)
            return [*self.place.words(who), flags, '-r', scratch, '-f', source()]
        return words

    def sparse(self, *names):
        return os.path.join(self.place.sparse(HUGE_COUNT, GIB, 10 << 20), *names)

    def objects(self, *names):
        return os.path.join(self.place.objects(OBJECTS_COUNT), *names)

    def objects_full(self, who):
        words = [*self.place.words(who), '-BF', '-f', self.objects('Data.fs'), '-r']
        return self.place.made_by(who, 'objects-full-%d' % OBJECTS_COUNT, words)

    def full_of_objects(self, who):
        return [*self.place.words(who), '-BF', '-r', self.place.scratch(), '-f', self.objects('Data.fs')]

    def looks_at_objects(self, *verb):
        return lambda who: [*self.place.ours, *verb, self.objects('Data.fs')]

    def restore_of_chain(self, who):
        # Half of the increments, in the middle of the chain.
        chain = self.place.long_chain(parse_size('1G'), INCREMENTS_COUNT)
        names = sorted(name for name in os.listdir(chain) if name.endswith('.deltafs'))
        date = names[INCREMENTS_COUNT // 2].split('.')[0]
        target = os.path.join(self.place.scratch(), 'Data.fs')
        return [*self.place.words(who), '-R', '-D', date, '-r', chain, '-o', target]

    def all(self):
        small = parse_size('100M')
        grown = lambda: os.path.join(self.place.database(small), 'grown', 'Data.fs')
        return [
            Row('incremental `-Q`, 10 MiB behind 64 GiB',
                self.backup('-BQ', lambda who: self.sparse('repository'), lambda: self.sparse('Data.fs')), made(2),
                takes_python_minutes=True),
            Row('recover `-D`, 1,500 of 3,000 increments', self.restore_of_chain),
            Row('incremental `-Q`, alone',
                self.backup('-BQ', lambda who: self.place.repository('ours', small), grown), made(2)),
            Row('incremental `-Q`, beside 10,000 files',
                self.backup('-BQ', lambda who: self.place.crowded(small, FILES_COUNT), grown)),
            Row('full, no index, 20 million objects', self.full_of_objects, made(1), takes_python_minutes=True),
            Row('incremental `-Q`, behind 20 million objects',
                self.backup('-BQ', self.objects_full, lambda: self.objects('grown', 'Data.fs')), made(2),
                takes_python_minutes=True),
            *(Row('%s, 20 million objects' % ' '.join(verb), self.looks_at_objects(*verb), is_ours_alone=True)
              for verb in (['check'], ['refs'], ['refs', '--garbage'], ['stats'])),
        ]

    def growing(self):
        """The rows of ours alone, by size."""
        titles = ['full, index fresh', 'full, no index', 'incremental 1 %, `-Q`', 'incremental 1 %',
                  'verify, one full', 'recover']
        found = {}
        for size in GROWTH_SIZES:
            rows = Rows(self.place, parse_size(size), parse_size('128M')).all()
            found[size] = [row for row in rows if row.title in titles]
            for row in found[size]:
                row.is_ours_alone = True
        return found
