#!/usr/bin/env python3
"""Backups and restores of blobs, and `cp -a` and `rsync --link-dest` on the same tree, in turns.

    blobs.py --ours PROGRAM --python INTERPRETER [--size 200] [--rounds 3] [--only TEXT]
             [--work DIR] [--write docs/PERFORMANCE.md]

SIZE is how many blobs there are, in thousands; each has 20 KB. It takes four times 25 KB a blob on the disk, and the time
to make them once.
"""
import filecmp
import os
import shutil
import struct
import subprocess
import sys

import command
import synthetic
import table
from machine import machine
from place import Place
from rows import Row
from run import run_rows

BLOB_LEN = 20_000
NEW_COUNT = 100
HEAD = ('operation', 'otherwise', 'so', 'faster', 'wanted')
COSTS = ('operation', 'peak MiB: otherwise', 'so', 'MiB read / written: otherwise', 'so',
         'system calls: otherwise', 'so')


def blob_path(oid, tid):
    return os.path.join(*('0x%02x' % byte for byte in struct.pack('>Q', oid)), '0x%016x.blob' % tid)


def write_blobs(blob_dir, revisions):
    """The files of these, as ZODB has them, of bytes that do not repeat."""
    noise = os.urandom(BLOB_LEN)
    for oid, tid in revisions:
        path = os.path.join(blob_dir, blob_path(oid, tid))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(struct.pack('>QQ', oid, tid) + noise[16:])
            os.fchmod(file.fileno(), 0o444)


class BlobRows:
    """`python` is what one did otherwise, `ours` the program."""

    def __init__(self, place, count):
        self.place, self.count = place, count

    def database(self):
        """A database and its blobs; `grown` has 100 more, and so has the directory, which does no harm."""
        def make(part):
            blob_dir = os.path.join(part, 'blobs')
            os.mkdir(blob_dir)
            with open(os.path.join(blob_dir, '.layout'), 'w') as file:
                file.write('bushy')
            path = os.path.join(part, 'Data.fs')
            write_blobs(blob_dir, synthetic.write_blob_records(path, 0, self.count))
        return self.place.once('blobs-%d' % self.count, make)

    def grown(self):
        def make(part):
            path = os.path.join(part, 'Data.fs')
            shutil.copyfile(os.path.join(self.database(), 'Data.fs'), path)
            write_blobs(os.path.join(part, 'blobs'), synthetic.write_blob_records(path, self.count, NEW_COUNT))
        return self.place.once('blobs-grown-%d' % self.count, make)

    def blob_dir(self, *, is_grown=False):
        """The directory, with or without the new ones."""
        old, new = os.path.join(self.database(), 'blobs'), os.path.join(self.grown(), 'blobs')
        for path, _, names in os.walk(new):
            for name in names:
                source = os.path.join(path, name)
                target = os.path.join(old, os.path.relpath(source, new))
                if is_grown and not os.path.exists(target):
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    os.link(source, target)
                elif not is_grown and os.path.exists(target):
                    os.unlink(target)
        return old

    def backed_up(self, *flags):
        def make(part):
            subprocess.run([*self.place.ours, 'backup', '-r', part, *flags, '--blobs', self.blob_dir(),
                            os.path.join(self.database(), 'Data.fs')], check=True)
        return self.place.once('ours-blobs-%d%s' % (self.count, ''.join(flags)), make)

    def mirrored(self):
        """The generation before, as rsync makes it."""
        def make(part):
            subprocess.run(['rsync', '-a', self.blob_dir() + '/', part + '/'], check=True)
        return self.place.once('mirror-%d' % self.count, make)

    def first(self, *flags):
        def words(who):
            blob_dir, scratch = self.blob_dir(), self.place.scratch(keeps_old=True)
            if who == 'ours':
                return [*self.place.ours, 'backup', '-r', scratch, *flags, '--blobs', blob_dir,
                        os.path.join(self.database(), 'Data.fs')]
            return ['sh', '-c', 'cp -a "$0" "$1" && sync', blob_dir, scratch]
        return words

    def grow(self, *flags):
        def words(who):
            scratch = self.place.scratch()
            mirror, repository = self.mirrored(), self.backed_up(*flags)
            blob_dir = self.blob_dir(is_grown=True)
            if who == 'ours':
                os.rmdir(scratch)
                subprocess.run(['cp', '-al', repository, scratch], check=True)
                # What is appended to, or replaced, is a file of its own.
                for name in os.listdir(scratch):
                    if not os.path.isdir(os.path.join(scratch, name)):
                        os.unlink(os.path.join(scratch, name))
                        shutil.copy2(os.path.join(repository, name), scratch)
                return [*self.place.ours, 'backup', '--quick', '-r', scratch, *flags, '--blobs', blob_dir,
                        os.path.join(self.grown(), 'Data.fs')]
            return ['rsync', '-a', '--link-dest', mirror, blob_dir + '/', scratch + '/']
        return words

    def restore(self, *flags):
        def words(who):
            repository, scratch = self.backed_up(*flags), self.place.scratch(keeps_old=True)
            if who == 'ours':
                return [*self.place.ours, 'restore', '-r', repository, '-o', os.path.join(scratch, 'Data.fs'),
                        '--blobs', os.path.join(scratch, 'blobs')]
            return ['sh', '-c', 'cp -a "$0" "$1" && sync', self.blob_dir(), scratch]
        return words

    def restored(self, who, scratch):
        """Some of them, byte for byte."""
        old, new = self.blob_dir(), os.path.join(scratch, 'blobs')
        for oid in range(0, self.count, max(1, self.count // 100)):
            path = blob_path(oid, synthetic.blob_tid(oid))
            assert filecmp.cmp(os.path.join(old, path), os.path.join(new, path), shallow=False), (who, path)

    def all(self):
        blobs = '%d blobs of %d KB' % (self.count, BLOB_LEN // 1000)
        first, more = ', and `cp -a` and `sync`', ', and `rsync -a --link-dest`'
        once = dict(takes_python_minutes=True)
        twice = dict(takes_minutes=True, written_len=self.count * BLOB_LEN)
        return [
            Row('first `backup --blobs`, ' + blobs + first, self.first(), wanted=1, **twice),
            Row('the same with `--containers`', self.first('--containers'), **twice),
            Row('`backup --quick --blobs`, %d new ones%s' % (NEW_COUNT, more), self.grow(), wanted=50, **once),
            Row('the same with `--containers`', self.grow('--containers'), **once),
            Row('`restore --blobs`' + first, self.restore(), self.restored, wanted=1, **twice),
            Row('the same out of containers', self.restore('--containers'), self.restored, **twice),
        ]


def main():
    args = command.arguments(__doc__, 3, size='200')
    place = command.place_of(Place, args)
    chosen = command.chosen(BlobRows(place, 1000 * int(args.size)).all(), args)
    results = run_rows(chosen, place, args.rounds, lambda row, cells: table.times(row, cells, None))
    text = '\n'.join([
        machine(args) + ' Seconds: median (least-most) of %d.' % args.rounds, '',
        table.markdown(HEAD, [table.times(row, cells, None)[:5] for row, cells in results]),
        table.markdown(COSTS, [table.costs(row, cells) for row, cells in results])])
    command.show(args, 'blobs', text)


if __name__ == '__main__':
    sys.exit(main())
