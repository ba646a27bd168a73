"""Rows are run: both programs in turns, then once more for memory and once for what they move."""
import measure
import table
from place import wait_for_the_next_second


def run_rows(rows, place, rounds, line):
    """What each row gave: (row, cells) of each; shows the words of `line` as soon as they are known."""
    results = []
    for row in rows:
        if row.is_cold and not measure.forget_cache():
            print(row.title + ': left out, the page cache cannot be emptied here')
            continue
        cells = run_row(row, place, rounds)
        results.append((row, cells))
        print(' | '.join(line(row, cells)), flush=True)
        place.sweep()
    return results


def run_row(row, place, rounds):
    """The cells of a row: who -> Cell."""
    cells = {who: table.Cell() for who in ('python', 'ours')
             if who == 'ours' or not row.is_ours_alone}
    for number in range(-1, rounds):
        for who, cell in cells.items():
            if row.takes_minutes and number < 0:
                continue
            if row.takes_python_minutes and who == 'python' and number != 0:
                continue
            took = run_once(row, who, place)
            if number >= 0:
                cell.times.append(took)
    for who, cell in cells.items():
        if not row.takes_python_minutes or who == 'ours':
            cell.peak_len = measure.peak_len(row.words(who))
            if not row.takes_minutes:
                cell.moved = measure.moved(row.words(who), place.path('trace'))
    return cells


def run_once(row, who, place):
    """Seconds of one run."""
    words = row.words(who)
    if 'B' in ''.join(words):
        wait_for_the_next_second()
    measure.settle()
    if row.is_cold:
        measure.forget_cache()
    measure.warm_memory(place.path('warm'), row.written_len)
    took = measure.seconds(words)
    row.look(who, place.path('scratch'))
    return took
