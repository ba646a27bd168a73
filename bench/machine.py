"""The machine and the versions that were measured."""
import os
import platform
import subprocess
from datetime import date


def first_line(*words):
    ran = subprocess.run(words, capture_output=True, text=True)
    return (ran.stdout + ran.stderr).strip().splitlines()[0]


def machine(args):
    """Where and with what this was measured."""
    with open('/proc/cpuinfo') as info:
        model = next((line.split(':')[1].strip() for line in info if line.startswith('model name')), '?')
    kind = subprocess.run(['stat', '-f', '-c', '%T', args.work], capture_output=True, text=True).stdout.strip()
    python = os.path.join(os.path.dirname(args.python), 'python')
    zodb = subprocess.run([python, '-c', 'import importlib.metadata as m; print(m.version("ZODB"))'],
                          capture_output=True, text=True).stdout.strip()
    return '%s, %d cores of %s, %s, Linux %s. %s, Python %s with ZODB %s.' % (
        date.today().isoformat(), os.cpu_count(), model, kind, platform.release(),
        first_line(args.ours, '--version'), platform.python_version(), zodb)
