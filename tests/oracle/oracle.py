#!/usr/bin/env python3
"""An oracle for the tests: Python's ZODB and repozo behind a line protocol.

Each line of stdin is a JSON object with a field "op"; each answer is a JSON
object on one line of stdout.  Nothing else goes to stdout.  Answers are
    {"ok": true, ...}
    {"ok": false, "type": CLASS, "error": TEXT, "traceback": TEXT}
tids, oids and byte strings of a database are lower-case hex.  "now" is a time
in seconds since 1970 that the op sees as the current time; transaction ids
follow from it.  Without "now" the real clock is used.

Running repozo
  repozo        argv (or argv_b64, base64 per argument, for names that are not
                UTF-8), now, cwd, program: status, stdout_b64, stderr

Changing a database; "path" is the Data.fs, "now" as above, and
"index": "fresh" (default; as close() writes it), "none" (removed) or "keep"
(as it was before, like beside a running server).  These answer end and tid.
  create        a new database with an empty root
  commit        seed, objects, size, user, description, extension, pool: puts
                new content into some of pool (default 20) root entries.
                objects 0: a transaction without records
  undo          undoes the last undoable transaction; answers undone
  pack          days (0), gc (true)
  abort_after_vote  leave, size: a voted transaction, aborted or left there
  blob          blobs (directory), data_b64, name ("blob")
  delete_object oid
Changing files beside ZODB's back
  tail          kind voted|cut|zeros|garbage|header: appends that unfinished
                tail; finish: gives a voted tail its final status
  delete_index  removes Data.fs.index; answers existed
  hold_lock, release_lock   a FileStorage kept open for writing

Looking; nothing beside the file is read or written
  inspect       end, len, last_tid, objects, md5 (of the bytes before end),
                transactions [[tid, tpos, tlen with trailer, status, records]]
  history       end, len, objects, transactions [[tid, status, [[oid, md5]]]]; an
                error unless ZODB's fstest and its storage find it sound
  blobs         blobs (directory): blobs {oid-tid: sha256, null where ZODB cannot
                read it}, files below the directory, last_tid
  index         out: saves the index made by a scan; answers end
  load_index    pos, items [[oid, position]]
  iterate       digest (false): records, transactions, stopped_by
  tid           times: tids.      tid_time   tids: times, texts
  gunzip        len, md5.         ping
"""
import base64
import gc
import io
import json
import logging
import os
import sys
import time
import traceback
from unittest import mock

import actions
import reading
from ZODB.scripts import repozo


def plain(text):
    """Text without lone surrogates, which many JSON readers refuse."""
    return text.encode('utf-8', 'backslashreplace').decode()


class RepozoTime:
    """Stands for the module `time` inside repozo."""

    def __init__(self, now):
        self.now = now

    def gmtime(self, seconds=None):
        return time.gmtime(self.now if seconds is None else seconds)


def op_repozo(request):
    now = request.get('now')
    argv = request.get('argv')
    if argv is None:
        argv = [os.fsdecode(base64.b64decode(a)) for a in request['argv_b64']]
    out = io.TextIOWrapper(io.BytesIO(), 'utf-8')
    # Python's own stderr writes what it cannot encode with backslashes, too.
    err = io.TextIOWrapper(io.BytesIO(), 'utf-8', errors='backslashreplace')
    home = os.getcwd()
    os.chdir(request.get('cwd', home))
    logging.disable(logging.NOTSET)     # warnings of ZODB show on its stderr
    try:
        with actions.clock(now), mock.patch.multiple(
                repozo, VERBOSE=False, time=RepozoTime(now),
                program=request.get('program', 'repozo')), \
                mock.patch.multiple(sys, stdout=out, stderr=err):
            status = repozo_status(argv)
    finally:
        logging.disable(logging.CRITICAL)
        os.chdir(home)
    out.flush()
    err.flush()
    return {'status': status,
            'stdout_b64': base64.b64encode(out.buffer.getvalue()).decode(),
            'stderr': err.buffer.getvalue().decode()}


def repozo_status(argv):
    """The exit status that the command would have."""
    try:
        repozo.main(argv)
    except SystemExit as e:
        if e.code is None or isinstance(e.code, int):
            return e.code or 0
        print(e.code, file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def op_ping(request):
    return {}


OPS = {name[3:]: function
       for module in (actions, reading, sys.modules[__name__])
       for name, function in vars(module).items() if name.startswith('op_')}


def answer(line):
    try:
        request = json.loads(line)
        return dict(OPS[request['op']](request), ok=True)
    except Exception as e:
        return {'ok': False, 'type': type(e).__name__, 'error': plain(str(e)),
                'traceback': plain(traceback.format_exc())}


def main():
    logging.disable(logging.CRITICAL)
    answers = os.fdopen(os.dup(1), 'w', encoding='ascii')
    sys.stdout = sys.stderr             # stray prints must not reach the pipe
    for line in sys.stdin.buffer:
        result = answer(line)
        if not result['ok']:
            gc.collect()                # a failed open may still hold a lock
        answers.write(json.dumps(result) + '\n')
        answers.flush()


if __name__ == '__main__':
    main()
