"""What nothing can be faster than, measured beside the rest."""
import os
import shutil
import statistics
import subprocess

import measure


def openssl_speed():
    """MD5 of one core by OpenSSL, bytes a second."""
    ran = subprocess.run(['openssl', 'speed', '-seconds', '2', '-bytes', '1048576', 'md5'],
                         capture_output=True, text=True, check=True)
    return float(ran.stdout.split()[-1].rstrip('k')) * 1000


def needed_tools():
    """What has to be there, and the packages of Debian that have it."""
    tools = {'/usr/bin/time': 'time', 'openssl': 'openssl', 'taskset': 'util-linux', 'md5sum': 'coreutils'}
    missing = [package for tool, package in tools.items() if not shutil.which(tool)]
    if missing:
        raise SystemExit('needs: apt-get install ' + ' '.join(missing))


def plain_copy(place, source, rounds):
    """Seconds of a copy that is synced, as often as asked for."""
    times = []
    for _ in range(rounds):
        words = commands(place, source)['dd bs=64k + fsync']
        measure.warm_memory(place.path('warm'), os.path.getsize(source))
        measure.settle()
        times.append(measure.seconds(words))
        os.unlink(place.path('limit.out'))
    return times


def commands(place, source):
    target = place.path('limit.out')
    sh = lambda text: ['sh', '-c', text, 'sh', source, target]
    named = {
        'cp + sync': sh('cp --reflink=never "$1" "$2" && sync "$2"'),
        'md5sum': ['md5sum', source],
        # Programs that write large pieces meet more of the host's memory, see `measure.warm_memory`.
        'dd bs=64k + fsync': ['dd', 'if=' + source, 'of=' + target, 'bs=64k', 'conv=fsync'],
        'dd bs=256k to nowhere': ['dd', 'if=' + source, 'of=/dev/null', 'bs=256k'],
    }
    if shutil.which('pigz'):
        named['pigz -6'] = sh('pigz -6 -c "$1" > "$2"')
    return named


def measured(place, source, rounds):
    """Name -> seconds, medians; in turns, like everything else."""
    times = {}
    for _ in range(rounds):
        for name, words in commands(place, source).items():
            measure.warm_memory(place.path('warm'), os.path.getsize(source))
            measure.settle()
            times.setdefault(name, []).append(measure.seconds(words))
            if os.path.exists(place.path('limit.out')):
                os.unlink(place.path('limit.out'))
    found = {name: statistics.median(all) for name, all in times.items()}
    found['openssl speed md5'] = os.path.getsize(source) / statistics.median(openssl_speed() for _ in range(3))
    return found


def of_rows(found):
    """The limits that the rows name: name -> (what it is, seconds)."""
    copy = min(('cp + sync', 'dd bs=64k + fsync'), key=found.get)
    full = max(('md5sum', copy), key=found.get)
    speed = 'openssl speed md5'
    return {
        # A full has to be hashed, copied and synced; at best all at once.
        'full': (full, found[full]),
        'copy': (copy, found[copy]),
        'md5': (speed, found[speed]),
        'two md5': ('half of ' + speed, found[speed] / 2),
    }
