"""One run of a program, measured with what the system counts itself."""
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass


@dataclass
class Moved:
    """What a program had the system do, of one traced run."""
    read_len: int = 0
    written_len: int = 0
    calls_count: int = 0


class Failed(Exception):
    pass


def check(argv, ran):
    if ran.returncode != 0:
        raise Failed('%s: exit %d\n%s' % (' '.join(argv), ran.returncode,
                                          ran.stderr.decode(errors='replace')[-2000:]))


def seconds(argv, cwd=None):
    """Runs it to its end; the time on the clock."""
    begun = time.perf_counter()
    ran = subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    ended = time.perf_counter()
    check(argv, ran)
    return ended - begun


def peak_len(argv, cwd=None):
    """The most memory that it held, in bytes: `/usr/bin/time` is small, so what it says is the program's."""
    ran = subprocess.run(['/usr/bin/time', '-f', '%M', *argv], cwd=cwd, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    check(argv, ran)
    return int(ran.stderr.split()[-1]) * 1024


READING = {'read', 'pread64', 'readv', 'preadv', 'preadv2'}
WRITING = {'write', 'pwrite64', 'writev', 'pwritev', 'pwritev2'}
COPYING = {'copy_file_range', 'sendfile', 'splice'}
CALL = re.compile(r'(?:^|\s)(\w+)(?:\(| resumed>).*\) += (\d+)$')


def moved(argv, trace_path, cwd=None):
    """Bytes read and written, and calls made, of one run; nothing where there is no strace."""
    if not shutil.which('strace'):
        return None
    check(argv, subprocess.run(
        ['strace', '-f', '-qq', '-s', '0', '-o', trace_path, *argv], cwd=cwd,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
    total = Moved()
    with open(trace_path, errors='replace') as trace:
        for line in trace:
            if ' <unfinished' not in line:
                total.calls_count += 1
            # `PID NAME(...) = COUNT` or `PID <... NAME resumed>...) = COUNT`
            found = CALL.search(line)
            if not found:
                continue
            name, count = found[1], int(found[2])
            if name in READING or name in COPYING:
                total.read_len += count
            if name in WRITING or name in COPYING:
                total.written_len += count
    os.unlink(trace_path)
    return total


def settle():
    """Nobody pays for what was written before."""
    os.sync()


def warm_memory(path, length):
    """Has so much free memory that a page cache can take at once. On a virtual machine memory that was not in use
    lately has to be fetched from the host, which takes longer than all else; who runs first would pay for both.
    """
    piece = bytes(1 << 18)
    with open(path, 'wb', buffering=0) as file:
        for _ in range(0, length, len(piece)):
            file.write(piece)
    os.unlink(path)


def forget_cache():
    """Makes the next run read from the disk; whether that can be done here."""
    os.sync()
    try:
        with open('/proc/sys/vm/drop_caches', 'w') as drop:
            drop.write('3\n')
        return True
    except OSError:
        return False
