"""The scoreboard as text."""
import statistics
from dataclasses import dataclass, field

MIB = 1 << 20


@dataclass
class Cell:
    """What one program did in one row."""
    times: list = field(default_factory=list)
    # Not measured without.
    peak_len: int = None
    moved: object = None

    @property
    def median(self):
        return statistics.median(self.times)


def spread(times):
    digits = 4 if max(times) < 0.1 else 2
    return '%.*f (%.*f-%.*f)' % (digits, statistics.median(times), digits, min(times), digits, max(times))


def mib(length):
    if length is None:
        return '-'
    return '%.1f' % (length / MIB) if length < 10 * MIB else '%.0f' % (length / MIB)


def bytes_moved(moved):
    return '-' if moved is None else '%s / %s' % (mib(moved.read_len), mib(moved.written_len))


TIMES = ('operation', 'Python', 'ours', 'faster', 'wanted', 'limit', 'ours / limit')
COSTS = ('operation', 'peak MiB: Python', 'ours', 'MiB read / written: Python', 'ours', 'system calls: Python', 'ours')


def times(row, cells, limit):
    """Seconds of one row; there may be neither Python's nor a limit."""
    python, ours = cells.get('python'), cells['ours']
    return (
        row.title,
        spread(python.times) if python else '-',
        spread(ours.times),
        '**%.1fx**' % (python.median / ours.median) if python else '-',
        '%gx' % row.wanted if row.wanted else '-',
        '%.2f (%s)' % (limit[1], limit[0]) if limit else '-',
        '%.2f' % (ours.median / limit[1]) if limit else '-',
    )


def costs(row, cells):
    """Memory, bytes and calls of one row."""
    both = [cells.get('python'), cells['ours']]
    calls = lambda cell: '%d' % cell.moved.calls_count if cell.moved else '-'
    columns = [lambda cell: mib(cell.peak_len), lambda cell: bytes_moved(cell.moved), calls]
    return (row.title, *(column(cell) if cell else '-' for column in columns for cell in both))


def markdown(head, lines):
    rows = [head, ['---'] * len(head), *lines]
    return '\n'.join('| %s |' % ' | '.join(row) for row in rows) + '\n'


def put_between(path, mark, text):
    """Puts `text` between the two lines that mark its place in a document."""
    begin, end = '<!-- %s: written by make bench -->\n' % mark, '<!-- end of %s -->\n' % mark
    with open(path) as document:
        before, rest = document.read().split(begin)
    after = rest.split(end)[1]
    with open(path, 'w') as document:
        document.write(before + begin + '\n' + text + '\n' + end + after)
