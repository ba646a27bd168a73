"""The rows of the scoreboard: what is run, on what, and how one sees that it did what it should."""
import filecmp
import os
import shutil
from dataclasses import dataclass
from typing import Callable

from place import INCREMENTS_COUNT
from place import clone


@dataclass
class Row:
    title: str
    # Prepares a run and gives its words: who -> words.
    words: Callable
    # Looks at what a run left: (who, scratch) -> nothing, or it raises.
    look: Callable = lambda who, scratch: None
    # How many times faster than Python's it is meant to be.
    wanted: float = 0
    # What nothing can be faster than, a name of `limits`.
    limit: str = ''
    # Whether there is nothing of Python's to compare with.
    is_ours_alone: bool = False
    # Whether the page cache is emptied before each run.
    is_cold: bool = False
    # How much a run writes, where that is a large part of its time.
    written_len: int = 0
    # Whether Python's program runs once only, and nothing but its time is measured.
    takes_python_minutes: bool = False
    # Whether both take minutes: neither is run before the rounds, and what they move is not counted.
    takes_minutes: bool = False


class Rows:

    def __init__(self, place, size, gzip_size):
        self.place, self.size, self.gzip_size = place, size, gzip_size

    def backup(self, flags, file='Data.fs', size=None, onto=None):
        """Into an empty repository, or one that holds the full that each program made with flags `onto`."""
        size = size or self.size

        def words(who):
            source = os.path.join(self.place.database(size), file)
            scratch = self.place.scratch()
            if onto is not None:
                clone(self.place.repository(who, size, *onto), scratch)
            return [*self.place.words(who), flags, '-r', scratch, '-f', source]
        return words

    def verify(self, flags, size=None, kind=()):
        size = size or self.size
        return lambda who: [*self.place.words(who), flags, '-r', self.place.repository(who, size, *kind)]

    def verify_chain(self, flags):
        return lambda who: [*self.place.words(who), flags, '-r', self.place.chain(self.size)]

    def recover(self, *flags, size=None, kind=(), is_over=False):
        """To a new file, or over one that is there."""
        size = size or self.size

        def words(who):
            target = os.path.join(self.place.scratch(), 'Data.fs')
            if is_over:
                shutil.copyfile(os.path.join(self.place.database(size), 'Data.fs'), target)
            repository = self.place.repository(who, size, *kind)
            return [*self.place.words(who), '-R', *flags, '-r', repository, '-o', target]
        return words

    def recovered(self, size=None):
        def look(who, scratch):
            source = os.path.join(self.place.database(size or self.size), 'Data.fs')
            for end in ['', '.index']:
                assert filecmp.cmp(source + end, os.path.join(scratch, 'Data.fs' + end), shallow=False), who
        return look

    def all(self):
        chain_title = 'verify, %d files of equal size' % (INCREMENTS_COUNT + 1)
        gzip, size = dict(size=self.gzip_size, kind=('-z',)), self.size
        grown = 'grown/Data.fs'
        alone = lambda words: lambda who: ['taskset', '-c', '0', *words(who)]
        return [
            Row('full, index fresh', self.backup('-BF'), made(1), 1.7, 'full', written_len=size),
            Row('full, no index', self.backup('-BF', 'bare/Data.fs'), made(1), 3.3, 'full', written_len=size),
            Row('full `-z`', self.backup('-BFz', size=self.gzip_size), made(1), 8),
            Row('full `-z`, one core', alone(self.backup('-BFz', size=self.gzip_size)), made(1),
                is_ours_alone=True),
            Row('incremental 1 %, `-Q`', self.backup('-BQ', grown, onto=()), made(2), 12),
            Row('incremental 1 %, `-Qz`', self.backup('-BQz', grown, size=self.gzip_size, onto=('-z',)), made(2)),
            Row('incremental 1 %', self.backup('-B', grown, onto=()), made(2), 6, 'md5'),
            Row('nothing changed', self.backup('-B', onto=()), made(1), 7, 'md5'),
            Row('nothing changed, `-Q`', self.backup('-BQ', onto=()), made(1), 15),
            Row('verify, one full', self.verify('-V'), wanted=1.3, limit='md5'),
            Row(chain_title, self.verify_chain('-V'), wanted=2.3, limit='two md5'),
            Row('verify `-Q`', self.verify('-VQ'), wanted=15),
            Row('verify `-Q`, gzip', self.verify('-VQ', **gzip), wanted=50),
            Row('verify, gzip', self.verify('-V', **gzip)),
            Row('recover', self.recover(), self.recovered(), 3.5, 'copy', written_len=size),
            Row('recover, over a file', self.recover(is_over=True), self.recovered(), limit='copy',
                written_len=2 * size),
            Row('recover `-w`', self.recover('-w'), self.recovered(), 1.4, 'md5', written_len=size),
            Row('recover from gzip', self.recover(**gzip), self.recovered(self.gzip_size), 2.5),
            Row('full, index fresh, cold', self.backup('-BF'), made(1), is_cold=True, written_len=size),
            Row('verify, one full, cold', self.verify('-V'), is_cold=True),
            Row('recover, cold', self.recover(), self.recovered(), is_cold=True, written_len=size),
            Row('start: `--help`', lambda who: [*self.place.words(who), '--help']),
        ]


def made(count):
    """So many data files are there."""
    def look(who, scratch):
        names = [name for name in os.listdir(scratch) if name.endswith(('fs', 'fsz'))]
        assert len(names) == count, '%s: %s' % (who, names)
    return look
