//! Text that is put into a source, and where it is then.

use serde::Serialize;

/// Something that belongs to mutants, as a range of bytes.
#[derive(Serialize)]
pub struct Range {
    pub start: usize,
    pub end: usize,
    pub mutants: Vec<usize>,
}

#[derive(Serialize)]
pub struct Woven {
    #[serde(skip)]
    pub text: String,
    /// What each mutant put there.
    pub pieces: Vec<Range>,
    /// What is wrapped for mutants: its own text and what they put there.
    pub wraps: Vec<Range>,
    /// Those that were found in the source.
    pub woven: Vec<usize>,
}

/// A text, and the mutant that it is of.
pub struct Piece(pub String, pub Option<usize>);

/// The order of what comes to one place: first what ends there, the inner before the outer, then what begins, the outer
/// before the inner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Close(std::cmp::Reverse<usize>),
    Open(usize),
}

struct Edit {
    start: usize,
    end: usize,
    rank: Rank,
    wrap: usize,
    pieces: Vec<Piece>,
}

#[derive(Default)]
pub struct Edits {
    edits: Vec<Edit>,
    wraps: Vec<Vec<usize>>,
}

impl Edits {
    /// Begins something that is wrapped for `mutants`; its number goes with each of its texts.
    pub fn wrap(&mut self, mutants: Vec<usize>) -> usize {
        self.wraps.push(mutants);
        self.wraps.len() - 1
    }

    /// Puts `pieces` in the place of `start..end`, as the beginning of wrap number `wrap` or as something in it.
    pub fn open(&mut self, wrap: usize, start: usize, end: usize, pieces: Vec<Piece>) {
        self.edits.push(Edit { start, end, rank: Rank::Open(wrap), wrap, pieces });
    }

    pub fn close(&mut self, wrap: usize, at: usize, pieces: Vec<Piece>) {
        self.edits.push(Edit {
            start: at,
            end: at,
            rank: Rank::Close(std::cmp::Reverse(wrap)),
            wrap,
            pieces,
        });
    }

    pub fn apply(mut self, source: &str) -> Woven {
        self.edits.sort_by_key(|edit| (edit.start, edit.rank));
        let mut woven = Woven { text: String::new(), pieces: vec![], wraps: vec![], woven: vec![] };
        let mut spans: Vec<Option<(usize, usize)>> = vec![None; self.wraps.len()];
        let mut pos = 0;
        for edit in self.edits {
            woven.text.push_str(&source[pos..edit.start]);
            pos = edit.end;
            let start = woven.text.len();
            for Piece(text, mutant) in edit.pieces {
                let start = woven.text.len();
                woven.text.push_str(&text);
                if let Some(mutant) = mutant {
                    woven.pieces.push(Range { start, end: woven.text.len(), mutants: vec![mutant] });
                }
            }
            let span = spans[edit.wrap].get_or_insert((start, start));
            span.1 = woven.text.len();
        }
        woven.text.push_str(&source[pos..]);
        for (mutants, span) in self.wraps.into_iter().zip(spans) {
            woven.woven.extend(&mutants);
            if let Some((start, end)) = span {
                woven.wraps.push(Range { start, end, mutants });
            }
        }
        woven
    }
}
