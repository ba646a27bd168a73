"""What the benchmarks have in common: their arguments, the rows that are asked for, and where the table goes."""
import argparse
import os

import limits
import table


def arguments(text, rounds, **more):
    """The arguments of one; `more` are further options with their defaults."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--ours', required=True)
    parser.add_argument('--python', required=True)
    for name, default in more.items():
        parser.add_argument('--' + name.replace('_', '-'), default=default)
    parser.add_argument('--rounds', type=int, default=rounds)
    parser.add_argument('--only', default='', help='rows whose titles have this')
    parser.add_argument('--work', default='target/bench')
    parser.add_argument('--write', help='the document to put the table into')
    args = parser.parse_args()
    limits.needed_tools()
    return args


def place_of(kind, args):
    """The place, of this kind, where the databases are, and both programs."""
    return kind(os.path.abspath(args.work), [os.path.abspath(args.ours)], [os.path.abspath(args.python)])


def chosen(rows, args):
    return [row for row in rows if args.only in row.title]


def show(args, mark, text):
    """Prints the tables, and puts them between the marks of the document if there is one."""
    print('\n' + text)
    if args.write:
        table.put_between(args.write, mark, text)
