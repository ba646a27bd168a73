"""The databases and repositories that are worked on, made once and kept in one directory."""
import os
import shutil
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
INCREMENTS_COUNT = 30


def parse_size(text):
    return int(float(text[:-1]) * {'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}[text[-1]])


def transaction_ends(path):
    """Where the transactions of a sound database end."""
    ends, pos = [], 4
    with open(path, 'rb') as file:
        length = file.seek(0, 2)
        while pos + 23 <= length:
            file.seek(pos + 8)
            pos += struct.unpack('>Q', file.read(8))[0] + 8
            ends.append(pos)
    return ends


def copy_head(source, target, length):
    shutil.copyfile(source, target)
    os.truncate(target, length)


class Place:
    """Where everything lies; `ours` and `python` are the words that run the two programs."""

    def __init__(self, work, ours, python):
        self.work, self.ours, self.python = work, ours, python
        os.makedirs(work, exist_ok=True)
        # What ours writes may be another thing since the last run.
        for name in os.listdir(work):
            if name.startswith('ours-'):
                shutil.rmtree(self.path(name))

    def path(self, *names):
        return os.path.join(self.work, *names)

    def once(self, name, make):
        """What `make` makes, unless an earlier run did; it gets its name when it is complete."""
        path = self.path(name)
        if not os.path.exists(path):
            print('making', name, flush=True)
            part = self.path('part')
            shutil.rmtree(part, ignore_errors=True)
            os.mkdir(part)
            make(part)
            os.rename(part, path)
        return path

    def generate(self, *words):
        subprocess.run([sys.executable, os.path.join(HERE, 'make_datafs.py'), *map(str, words)],
                       check=True, stdout=subprocess.DEVNULL)

    def database(self, size):
        """A database of that size with a fresh index, and `grown/Data.fs`: 1 % more, whose index is as old."""
        def make(part):
            self.generate(os.path.join(part, 'Data.fs'), '--size', size, '--seed', 3)
            os.mkdir(os.path.join(part, 'grown'))
            for name in ['Data.fs', 'Data.fs.index', 'Data.fs.gen']:
                shutil.copyfile(os.path.join(part, name), os.path.join(part, 'grown', name))
            self.generate(os.path.join(part, 'grown', 'Data.fs'), '--append-size', size // 100)
            os.mkdir(os.path.join(part, 'bare'))
            os.link(os.path.join(part, 'Data.fs'), os.path.join(part, 'bare', 'Data.fs'))
        return self.once('database-%d' % size, make)

    def repository(self, who, size, *flags):
        """A full of the database, made by `who`."""
        words = [*self.words(who), '-BF', *flags, '-f', os.path.join(self.database(size), 'Data.fs'), '-r']
        return self.made_by(who, 'full%s-%d' % (''.join(flags), size), words)

    def made_by(self, who, name, words):
        """A repository that the program made with these words, the last of them its `-r`."""
        return self.once('%s-%s' % (who, name), lambda part: subprocess.run([*words, part], check=True))

    def made(self, flags, repository, source):
        """Ours makes a backup, a second behind the one before."""
        subprocess.run([*self.ours, flags, '-r', repository, '-f', source], check=True)
        wait_for_the_next_second()

    def chain(self, size):
        """A full and increments, all of one size. Made by ours: Python's would be the same bytes."""
        source = os.path.join(self.database(size), 'Data.fs')

        def make(part):
            ends = transaction_ends(source)
            grown = self.path('growing.fs')
            for number in range(1, INCREMENTS_COUNT + 2):
                wanted = size * number // (INCREMENTS_COUNT + 1)
                copy_head(source, grown, max(end for end in ends if end <= wanted))
                subprocess.run([*self.ours, '-BQ', '-r', part, '-f', grown], check=True)
            os.unlink(grown)
        return self.once('chain-%d' % size, make)

    def words(self, who):
        return self.ours if who == 'ours' else self.python

    def scratch(self, keeps_old=False):
        """An empty directory for one run. That of the run before goes, now or with `sweep`."""
        path = self.path('scratch')
        if keeps_old and os.path.exists(path):
            os.rename(path, '%s-%d' % (path, time.monotonic_ns()))
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path)
        return path

    def sweep(self):
        """Removes what runs left. Where many inodes were deleted ext4 looks for others, at the cost of whoever creates files, until
        the disk has it and a minute has passed.
        """
        old = [name for name in os.listdir(self.work) if name.startswith('scratch-')]
        for name in old:
            shutil.rmtree(self.path(name))
        for seconds in (45, 30) if old else ():
            os.sync()
            time.sleep(seconds)


def clone(repository, target):
    """A repository of the same files: no run changes a data file, so these are the same on the disk, too."""
    for name in os.listdir(repository):
        place = os.link if name.endswith(('fs', 'fsz')) else shutil.copyfile
        place(os.path.join(repository, name), os.path.join(target, name))


def wait_for_the_next_second():
    """Names have a resolution of a second, which nobody should be seen to wait for."""
    now = time.time()
    time.sleep(1.02 - now % 1)
