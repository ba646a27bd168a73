#!/usr/bin/env python3
"""ZODB's own tests of repozo, with our program in the place of Python's.

The functions that the tests call are replaced by command lines of ours:

* what depends on no time runs the binary REPOZO_BINARY;
* a backup runs where the tests want it, at the time that they set: the line
      {"argv": [...], "now": SECONDS}
  on stdout asks whoever started this script to run the program with that
  clock, and the line on stdin answers {"status", "stderr"}.

Every test of ZODB's module is run, or is in LEFT_OUT with the reason.  Those
in DIFFERENT are run too, and must fail in the way that is written there: ours
does something else on purpose.  The last line on stdout is
    {"ran": N, "different": N, "left_out": N, "failed": N}
and stderr is the report of unittest.
"""
import calendar
import contextlib
import fnmatch
import io
import json
import os
import random
import re
import subprocess
import sys
import time
import unittest
from hashlib import md5
from unittest import mock

from ZODB.scripts import repozo
from ZODB.scripts.tests import test_repozo as upstream

BINARY = os.environ['REPOZO_BINARY']

INTERNAL = "inside of Python's program; no command line leads to it alone"
OPTIONS_ONLY = "looks at nothing but the object that Python's parser returns"
PRUNE_ALONE = 'deletes without a backup, which no command line does'

LEFT_OUT = {
    'Test_parseargs.test_short': OPTIONS_ONLY,
    'Test_parseargs.test_long': OPTIONS_ONLY,
    'Test_parseargs.test_mode_selection': OPTIONS_ONLY,
    'Test_parseargs.test_misc_flags': OPTIONS_ONLY,
    'Test_dofile.*': INTERNAL,
    'Test_checksum.*': INTERNAL,
    'Test_copyfile.*': INTERNAL,
    'Test_concat.*': INTERNAL,
    'Test_gen_filename.*': INTERNAL,
    'Test_scandat.*': INTERNAL,
    'Test_delete_old_backups.*': PRUNE_ALONE,
}

# test: (why ours does something else, how the test then fails)
NO_JUNK_INDEX = ('an index that is none is not put beside the database',
                 r'No such file or directory: .*Data\.fs\.index')
NO_PART_LEFT = ('nothing is left behind by a recovery that failed',
                r'^False is not true')
NEVER_THE_SAME_SECOND = ('ours waits for a second that has no name yet',
                         r'^WouldOverwriteFiles not raised')
DIFFERENT = {
    'Test_find_files.test_using_gen_filename': (
        'without -D the newest backup is meant, whatever the clock shows',
        r'^Lists differ'),
    'Test_do_full_backup.test_dont_overwrite_existing_file':
        NEVER_THE_SAME_SECOND,
    'Test_do_incremental_backup.test_dont_overwrite_existing_file':
        NEVER_THE_SAME_SECOND,
    'Test_do_incremental_backup.test_no_changes': (
        'where nothing changed, no empty increment is made',
        r'No such file or directory: .*2010-05-14-10-51-22\.deltafs'),
    'Test_do_recover.test_w_full_backup_latest_index': NO_JUNK_INDEX,
    'Test_do_recover.test_w_incr_backup_latest_index': NO_JUNK_INDEX,
    'Test_do_recover.test_w_incr_backup_with_verify_sum_inconsistent':
        NO_PART_LEFT,
    'Test_do_recover.test_w_incr_backup_with_verify_size_inconsistent':
        NO_PART_LEFT,
}

ERRORS = [
    (r'^No files in repository', repozo.NoFiles),
    (r'(?m) is \d+ bytes.*, should be \d+ bytes$', repozo.VerificationFail),
    (r'(?m) has checksum [0-9a-f]{32}', repozo.VerificationFail),
    (r'(?m) is missing$', repozo.VerificationFail),
]


# ------------------------ running ours

def by_binary(argv):
    """Status, stdout and stderr of the binary."""
    ran = subprocess.run([BINARY] + argv, capture_output=True)
    return (ran.returncode, ran.stdout.decode('utf-8', 'replace'),
            ran.stderr.decode('utf-8', 'replace'))


def at_time(argv, now):
    """Status, stdout and stderr of the program at a time."""
    print(json.dumps({'argv': argv, 'now': now}), file=REQUESTS, flush=True)
    answer = json.loads(sys.stdin.readline())
    return answer['status'], '', answer['stderr']


def succeed(ran):
    """Raises what Python's functions raise where ours ends with 1."""
    status, _stdout, stderr = ran
    if status == 0:
        return stderr
    for pattern, error in ERRORS:
        if re.search(pattern, stderr):
            raise error(stderr)
    raise RuntimeError('status %d: %s' % (status, stderr))


# ------------------------ what the tests call

def main(argv):
    if not any(word.startswith('-B') for word in argv):
        succeed(by_binary(argv))
        return
    # Ours runs in another process, which is in another directory.
    argv = [os.path.abspath(word) if word == 'Data.fs' else word
            for word in argv]
    succeed(at_time(argv, int(time.time())))


def parseargs(argv):
    """Messages are ours; the options, where there are any, Python's own."""
    status, stdout, stderr = by_binary(argv)
    sys.stdout.write(stdout)
    sys.stderr.write(stderr)
    if 'Usage:' in stdout + stderr:
        raise SystemExit(status)
    with contextlib.redirect_stderr(io.StringIO()):
        return PYTHONS_PARSEARGS(argv)


def find_files(options):
    """The files that -v names; nobody asks what is recovered from them."""
    argv = ['-R', '-v', '-r', options.repository, '-o', os.devnull]
    if options.date:
        argv += ['-D', options.date]
    _status, _stdout, stderr = by_binary(argv)
    return [line[1:] for line in stderr.splitlines() if line.startswith('\t')]


def do_full_backup(options):
    options.full = True
    argv = ['-B', '-F', '-r', options.repository, '-f', options.file]
    succeed(at_time(argv, calendar.timegm(options.test_now)))


def do_incremental_backup(options, reposz, repofiles):
    """The tests hand over a full that has no line in its .dat, which no run
    leaves. It gets one here, which is taken out again before they look."""
    options.full = False
    full = repofiles[0]
    dat = os.path.splitext(full)[0] + '.dat'
    with open(full, 'rb') as f:
        line = '%s 0 %d %s\n' % (full, reposz, md5(f.read()).hexdigest())
    if full.endswith('.fs'):
        with open(dat, 'x') as f:
            f.write(line)
    argv = ['-B', '-r', options.repository, '-f', options.file]
    succeed(at_time(argv, calendar.timegm(options.test_now)))
    if full.endswith('.fs'):
        with open(dat, 'r+') as f:
            rest = f.read().removeprefix(line)
            f.seek(0)
            f.truncate()
            f.write(rest)


def do_recover(options):
    argv = ['-R', '-r', options.repository]
    if options.date:
        argv += ['-D', options.date]
    if getattr(options, 'output', None):
        argv += ['-o', options.output]
    if getattr(options, 'withverify', False):
        argv.append('-w')
    succeed(by_binary(argv))


def do_verify(options):
    argv = ['-V', '-r', options.repository]
    if getattr(options, 'quick', False):
        argv.append('-Q')
    succeed(by_binary(argv))


# What each class has of ours; the rest is Python's own, as its helpers need.
OURS = {
    'Test_parseargs': [parseargs],
    'Test_find_files': [find_files],
    'Test_do_full_backup': [do_full_backup],
    'Test_do_incremental_backup': [do_incremental_backup],
    'Test_do_recover': [do_recover],
    'Test_do_verify': [do_verify],
    'MonteCarloTests': [main],
}


# ------------------------ running the tests

def all_names():
    """CLASS.METHOD of every test of the module."""
    # The module's own test_suite() may leave a class out: ask the classes.
    classes = [value for value in vars(upstream).values()
               if isinstance(value, type)
               and issubclass(value, unittest.TestCase)]
    return ['%s.%s' % (cls.__name__, method) for cls in classes
            for method in unittest.defaultTestLoader.getTestCaseNames(cls)]


def is_left_out(name):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in LEFT_OUT)


def fails_as_written(method, reason, pattern):
    def test(self):
        try:
            method(self)
        except (AssertionError, OSError) as e:
            if not re.search(pattern, str(e)):
                raise
        else:
            self.fail('passes, though it is listed as different: ' + reason)
    return test


def case(name):
    """One test of ZODB, with ours in the place of Python's functions."""
    class_name, method_name = name.split('.')
    cls = getattr(upstream, class_name)
    method = getattr(cls, method_name)
    if name in DIFFERENT:
        method = fails_as_written(method, *DIFFERENT[name])

    def test(self):
        functions = {f.__name__: f for f in OURS[class_name]}
        with mock.patch.multiple(repozo, **functions):
            method(self)
    return type(class_name, (cls,), {method_name: test})(method_name)


def run():
    random.seed(int(os.environ.get('REPOZO_TEST_SEED', '403')))
    names = all_names()
    gone = [name for name in [*DIFFERENT, *LEFT_OUT]
            if not any(fnmatch.fnmatchcase(test, name) for test in names)]
    if gone:
        raise SystemExit('listed here, but not among the tests: %s' % gone)
    wanted = [name for name in names if not is_left_out(name)]
    suite = unittest.TestSuite(case(name) for name in wanted)
    result = unittest.TextTestRunner(sys.stderr, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.skipped)
    return {'ran': result.testsRun, 'different': len(DIFFERENT),
            'left_out': len(names) - len(wanted), 'failed': failed}


if __name__ == '__main__':
    PYTHONS_PARSEARGS = repozo.parseargs
    REQUESTS = os.fdopen(os.dup(1), 'w', encoding='ascii')
    os.dup2(2, 1)               # stray prints must not reach the pipe
    print(json.dumps(run()), file=REQUESTS, flush=True)
