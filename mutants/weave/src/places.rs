//! The places of a source that mutants change, found again in its syntax.

use std::ops::Range;

use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Arm, BinOp, Block, Expr, ExprBinary, ExprMatch, ExprStruct, ExprUnary, ImplItemFn, ItemFn, TraitItemFn,
};

use crate::edits::{Edits, Piece, Woven};
use crate::list::{Mutant, Mutants, Spot};

pub fn weave(source: &str, mutants: Mutants) -> syn::Result<Woven> {
    let syntax = syn::parse_file(source)?;
    let mut lines = vec![0];
    lines.extend(source.match_indices('\n').map(|(pos, _)| pos + 1));
    let mut places = Places { source, lines, mutants, edits: Edits::default() };
    places.visit_file(&syntax);
    Ok(places.edits.apply(source))
}

struct Places<'a> {
    source: &'a str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    mutants: Mutants,
    edits: Edits,
}

fn plain(text: impl Into<String>) -> Piece {
    Piece(text.into(), None)
}

fn on(number: usize) -> String {
    format!("::switch::m({number})")
}

/// `if m(1) { a } else if m(2) { b } else { c }`: what each mutant does, else `else_`.
fn choice(mutants: &[Mutant], what: impl Fn(&str) -> String, else_: &str) -> Vec<Piece> {
    let mut pieces = vec![];
    for mutant in mutants {
        let text = format!("if {} {{ {} }} else ", on(mutant.number), what(&mutant.replacement));
        pieces.push(Piece(text, Some(mutant.number)));
    }
    pieces.push(plain(format!("{{ {} }}", what(else_))));
    pieces
}

fn around(before: &str, mut pieces: Vec<Piece>, behind: &str) -> Vec<Piece> {
    pieces.insert(0, plain(before));
    pieces.push(plain(behind));
    pieces
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

impl Places<'_> {
    fn pos(&self, at: LineColumn) -> usize {
        let line = self.lines[at.line - 1];
        let text = &self.source[line..];
        line + text.char_indices().nth(at.column).map_or(text.len(), |(pos, _)| pos)
    }

    fn range(&self, what: &impl Spanned) -> Range<usize> {
        let span = what.span();
        self.pos(span.start())..self.pos(span.end())
    }

    fn take(&mut self, genre: &str, what: &impl Spanned) -> Vec<Mutant> {
        let start = what.span().start();
        let spot = Spot { line: start.line, column: start.column + 1 };
        self.mutants.remove(&(genre.to_owned(), spot)).unwrap_or_default()
    }

    fn wrap(&mut self, mutants: &[Mutant]) -> usize {
        self.edits.wrap(mutants.iter().map(|mutant| mutant.number).collect())
    }

    /// What a function gives back instead of running.
    fn body(&mut self, block: &Block) {
        let Some(first) = block.stmts.first() else { return };
        let mutants = self.take("FnValue", first);
        if mutants.is_empty() {
            return;
        }
        let wrap = self.wrap(&mutants);
        let pieces = mutants
            .iter()
            .map(|mutant| {
                Piece(
                    format!("if {} {{ return {}; }} ", on(mutant.number), mutant.replacement),
                    Some(mutant.number),
                )
            })
            .collect();
        let start = self.range(first).start;
        self.edits.open(wrap, start, start, pieces);
    }

    /// Each side is looked at once; the operator is chosen behind that. The second side of `&&` and `||` only where it would be.
    fn operator(&mut self, binary: &ExprBinary, mutants: &[Mutant]) {
        let wrap = self.wrap(mutants);
        let (whole, op) = (self.range(binary), self.range(&binary.op));
        let operator = self.source[op.clone()].to_owned();
        let (l, r) = (format!("__l{wrap}"), format!("__r{wrap}"));
        let own = mutants[0].number;
        match binary.op {
            BinOp::And(_) | BinOp::Or(_) => {
                let test = if matches!(binary.op, BinOp::And(_)) { "!=" } else { "==" };
                let middle = format!(") {{ {l} => if {l} {test} ({}) {{ ", on(own));
                self.edits.open(wrap, whole.start, whole.start, vec![plain("(match (")]);
                self.edits.open(wrap, op.start, op.end, vec![Piece(middle, Some(own))]);
                self.edits.close(wrap, whole.end, vec![plain(format!(" }} else {{ {l} }} }})"))]);
            }
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                let pieces = choice(mutants, |op| format!("*{l} {op} *{r}"), &operator);
                self.edits.open(wrap, whole.start, whole.start, vec![plain("(match (&(")]);
                self.edits.open(wrap, op.start, op.end, vec![plain("), &(")]);
                let pieces = around(&format!(")) {{ ({l}, {r}) => "), pieces, " })");
                self.edits.close(wrap, whole.end, pieces);
            }
            _ => {
                let pieces = choice(mutants, |op| format!("{l} {op} {r}"), &operator);
                self.edits.open(wrap, whole.start, whole.start, vec![plain("(match ((")]);
                self.edits.open(wrap, op.start, op.end, vec![plain("), (")]);
                let pieces = around(&format!(")) {{ ({l}, {r}) => "), pieces, " })");
                self.edits.close(wrap, whole.end, pieces);
            }
        }
    }

    fn assignment(&mut self, binary: &ExprBinary, mutants: &[Mutant]) {
        let wrap = self.wrap(mutants);
        let (left, right) = (self.range(&binary.left), self.range(&binary.right));
        let place = self.source[left.clone()].to_owned();
        let operator = self.source[self.range(&binary.op)].to_owned();
        let value = format!("__r{wrap}");
        let pieces = choice(mutants, |op| format!("{place} {op} {value}"), &operator);
        self.edits.open(wrap, left.start, right.start, vec![plain("match (")]);
        self.edits.close(wrap, right.end, around(&format!(") {{ {value} => "), pieces, " }"));
    }
}

fn is_assignment(op: &BinOp) -> bool {
    !matches!(
        op,
        BinOp::Add(_)
            | BinOp::Sub(_)
            | BinOp::Mul(_)
            | BinOp::Div(_)
            | BinOp::Rem(_)
            | BinOp::And(_)
            | BinOp::Or(_)
            | BinOp::BitXor(_)
            | BinOp::BitAnd(_)
            | BinOp::BitOr(_)
            | BinOp::Shl(_)
            | BinOp::Shr(_)
            | BinOp::Eq(_)
            | BinOp::Lt(_)
            | BinOp::Le(_)
            | BinOp::Ne(_)
            | BinOp::Ge(_)
            | BinOp::Gt(_)
    )
}

impl<'ast> Visit<'ast> for Places<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.body(&item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.body(&item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        let mutants = self.take("BinaryOperator", &binary.op);
        if !mutants.is_empty() && !has_let(&binary.left) && !has_let(&binary.right) {
            if is_assignment(&binary.op) {
                self.assignment(binary, &mutants);
                return self.visit_expr(&binary.right);
            }
            self.operator(binary, &mutants);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast ExprUnary) {
        let mutants = self.take("UnaryOperator", &unary.op);
        if !mutants.is_empty() {
            let wrap = self.wrap(&mutants);
            let (whole, operand) = (self.range(unary), self.range(&unary.expr));
            let operator = self.source[whole.start..operand.start].to_owned();
            let value = format!("__v{wrap}");
            let pieces = choice(&mutants, |op| format!("{op}{value}"), &operator);
            self.edits.open(wrap, whole.start, operand.start, vec![plain("(match (")]);
            self.edits.close(wrap, whole.end, around(&format!(") {{ {value} => "), pieces, " })"));
        }
        visit::visit_expr_unary(self, unary);
    }

    /// Wrapped in nothing, to find the arms when what is left of them is not exhaustive.
    fn visit_expr_match(&mut self, expr: &'ast ExprMatch) {
        let mut numbers = vec![];
        for arm in &expr.arms {
            for ((genre, spot), mutants) in &self.mutants {
                let start = arm.span().start();
                if genre == "MatchArm" && (spot.line, spot.column) == (start.line, start.column + 1) {
                    numbers.extend(mutants.iter().map(|mutant| mutant.number));
                }
            }
        }
        if !numbers.is_empty() {
            let wrap = self.edits.wrap(numbers);
            let range = self.range(expr);
            self.edits.open(wrap, range.start, range.start, vec![]);
            self.edits.close(wrap, range.end, vec![]);
        }
        visit::visit_expr_match(self, expr);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let gone = self.take("MatchArm", arm);
        if let Some(mutant) = gone.first() {
            let wrap = self.wrap(&gone);
            let text = format!("!{}", on(mutant.number));
            if let Some((_, guard)) = &arm.guard {
                let range = self.range(guard);
                self.edits.open(
                    wrap,
                    range.start,
                    range.start,
                    vec![Piece(text, Some(mutant.number)), plain(" && (")],
                );
                self.edits.close(wrap, range.end, vec![plain(")")]);
            } else {
                let end = self.range(&arm.pat).end;
                self.edits.close(wrap, end, vec![Piece(format!(" if {text}"), Some(mutant.number))]);
            }
        }
        if let Some((_, guard)) = &arm.guard {
            let mut mutants = self.take("MatchArmGuard", guard);
            if !mutants.is_empty() && !has_let(guard) {
                // `true || !false && (guard)` is what is meant, in that order.
                mutants.sort_by_key(|mutant| mutant.replacement == "false");
                let wrap = self.wrap(&mutants);
                let piece = |mutant: &Mutant| {
                    let text = if mutant.replacement == "true" { "{} || " } else { "!{} && " };
                    Piece(text.replace("{}", &on(mutant.number)), Some(mutant.number))
                };
                let pieces = around("(", mutants.iter().map(piece).collect(), "(");
                let range = self.range(guard);
                self.edits.open(wrap, range.start, range.start, pieces);
                self.edits.close(wrap, range.end, vec![plain("))")]);
            }
        }
        visit::visit_arm(self, arm);
    }

    /// `..base` is written a second time for the field that goes.
    fn visit_expr_struct(&mut self, made: &'ast ExprStruct) {
        if let Some(base) = &made.rest {
            let path = self.source[self.range(&made.path)].to_owned();
            let base = match &self.source[self.range(base)] {
                "Default::default()" => format!("{path}::default()"),
                base => base.to_owned(),
            };
            for field in &made.fields {
                let mutants = self.take("StructField", field);
                let Some(mutant) = mutants.first() else { continue };
                let wrap = self.wrap(&mutants);
                let name = self.source[self.range(&field.member)].to_owned();
                let range = self.range(&field.expr);
                let text = format!("if {} {{ ({base}).{name} }} else {{ ", on(mutant.number));
                let text = if field.colon_token.is_some() { text } else { format!("{name}: {text}") };
                self.edits.open(wrap, range.start, range.start, vec![Piece(text, Some(mutant.number))]);
                self.edits.close(wrap, range.end, vec![plain(" }")]);
            }
        }
        visit::visit_expr_struct(self, made);
    }
}
