//! A policy's condition taken apart: the conjuncts of its `when` and `unless`, and the smallest questions in them.
//! Its answer is the one Cedar gives (`&&` and `||` stop early), and each question on the way is told.
//! Not on the data path: decisions evaluate the condition as a whole.

use cedar_policy_core::ast::{Expr, ExprKind, UnaryOp, Var};
use smol_str::SmolStr;

use crate::evaluate::Trial;
use crate::mentions::children;
use crate::position::Lines;

/// Longest value that is told, characters.
const VALUE: usize = 160;

/// The clauses of one policy. Without any it is always true.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    pub(crate) conjuncts: Vec<Conjunct>,
    pub(crate) atoms: Vec<Atom>,
}

/// One part that has to be true.
#[derive(Debug)]
pub(crate) struct Conjunct {
    pub(crate) words: Words,
    tree: Tree,
    /// What it reads: members to show with its answer.
    reads: Vec<Expr>,
}

/// A question without `&&`, `||` and `!`.
#[derive(Debug)]
pub(crate) struct Atom {
    pub(crate) words: Words,
    question: Expr,
}

/// A piece of a policy as its author wrote it, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) text: String,
    /// Line in its file, from 1.
    pub(crate) line: usize,
}

#[derive(Debug)]
enum Tree {
    And(Box<(Tree, Tree)>),
    Atom(usize),
    Not(Box<Tree>),
    Or(Box<(Tree, Tree)>),
}

/// What a condition said of one request.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    /// The conjuncts that were asked, in order; the last one may be false or have erred.
    pub(crate) conjuncts: Vec<(usize, Result<bool, String>)>,
    /// The questions that were asked.
    pub(crate) atoms: Vec<(usize, bool)>,
}

impl Hearing {
    /// Whether the condition holds.
    pub(crate) fn result(&self) -> Result<bool, String> {
        match self.conjuncts.last() {
            None | Some((_, Ok(true))) => Ok(true),
            Some((_, Ok(false))) => Ok(false),
            Some((_, Err(why))) => Err(why.clone()),
        }
    }
}

impl Condition {
    /// Takes a condition apart; `fallback` is the policy's line.
    pub(crate) fn of(condition: Option<&Expr>, lines: &Lines<'_>, fallback: usize) -> Self {
        let mut parts = Vec::new();
        if let Some(condition) = condition {
            conjuncts(condition, &mut parts);
        }
        let mut all = Self::default();
        for part in parts {
            let tree = tree(part, lines, fallback, &mut all.atoms);
            let mut reads = Vec::new();
            read_members(part, &mut reads);
            all.conjuncts.push(Conjunct { words: words(part, lines, fallback), tree, reads });
        }
        all
    }

    /// Asks a request, from the left, until the answer is known.
    pub(crate) fn hear(&self, trial: &Trial<'_>) -> Hearing {
        let mut hearing = Hearing::default();
        for (place, conjunct) in self.conjuncts.iter().enumerate() {
            let answer = self.ask(&conjunct.tree, trial, &mut hearing.atoms);
            let goes_on = answer == Ok(true);
            hearing.conjuncts.push((place, answer));
            if !goes_on {
                break;
            }
        }
        hearing
    }

    /// The members that a conjunct reads, with their values in this request.
    pub(crate) fn values(&self, conjunct: usize, trial: &Trial<'_>) -> Vec<(String, String)> {
        let reads = self.conjuncts.get(conjunct).map(|conjunct| conjunct.reads.as_slice());
        let told = |read: &Expr| (path(read), shortened(trial.value(read)));
        reads.unwrap_or_default().iter().map(told).collect()
    }

    fn ask(&self, tree: &Tree, trial: &Trial<'_>, asked: &mut Vec<(usize, bool)>) -> Result<bool, String> {
        match tree {
            Tree::And(sides) => Ok(self.ask(&sides.0, trial, asked)? && self.ask(&sides.1, trial, asked)?),
            Tree::Or(sides) => Ok(self.ask(&sides.0, trial, asked)? || self.ask(&sides.1, trial, asked)?),
            Tree::Not(inner) => Ok(!self.ask(inner, trial, asked)?),
            Tree::Atom(place) => {
                let atom = self.atoms.get(*place).ok_or("a question is missing")?;
                let truth = trial.truth(&atom.question)?;
                asked.push((*place, truth));
                Ok(truth)
            }
        }
    }
}

fn conjuncts<'a>(condition: &'a Expr, parts: &mut Vec<&'a Expr>) {
    match condition.expr_kind() {
        ExprKind::And { left, right } => {
            conjuncts(left, parts);
            conjuncts(right, parts);
        }
        _ => parts.push(condition),
    }
}

fn tree(node: &Expr, lines: &Lines<'_>, fallback: usize, atoms: &mut Vec<Atom>) -> Tree {
    match node.expr_kind() {
        ExprKind::And { left, right } => {
            Tree::And(Box::new((tree(left, lines, fallback, atoms), tree(right, lines, fallback, atoms))))
        }
        ExprKind::Or { left, right } => {
            Tree::Or(Box::new((tree(left, lines, fallback, atoms), tree(right, lines, fallback, atoms))))
        }
        // Cedar reads `a > b` as `!(a <= b)`: that is one question, and the author's.
        ExprKind::UnaryApp { op: UnaryOp::Not, arg } if arg.source_loc() != node.source_loc() => {
            Tree::Not(Box::new(tree(arg, lines, fallback, atoms)))
        }
        _ => {
            atoms.push(Atom { words: words(node, lines, fallback), question: node.clone() });
            Tree::Atom(atoms.len() - 1)
        }
    }
}

fn words(node: &Expr, lines: &Lines<'_>, fallback: usize) -> Words {
    let place = node.source_loc();
    let written = place.and_then(|place| place.snippet()).filter(|text| !text.trim().is_empty());
    let text = written.map_or_else(|| node.to_string(), str::to_owned);
    Words {
        text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        line: place.map_or(fallback, |place| lines.locate(place.start()).0),
    }
}

/// The longest member paths below a variable, `has` included: what a person has to see to follow the answer.
fn read_members(node: &Expr, reads: &mut Vec<Expr>) {
    let found = match node.expr_kind() {
        ExprKind::Var(Var::Principal | Var::Resource) => Some(node.clone()),
        ExprKind::GetAttr { .. } if is_path(node) => Some(node.clone()),
        ExprKind::HasAttr { expr, attr } if is_path(expr) => Some(member(expr, attr)),
        ExprKind::ExtHasAttr { expr, attrs } if is_path(expr) => {
            Some(attrs.iter().fold(Expr::clone(expr), |above, name| member(&above, name)))
        }
        _ => None,
    };
    match found {
        Some(found) => {
            if reads.iter().all(|read| path(read) != path(&found)) {
                reads.push(found);
            }
        }
        None => children(node).into_iter().for_each(|child| read_members(child, reads)),
    }
}

/// A path as people write it.
fn path(node: &Expr) -> String {
    match node.expr_kind() {
        ExprKind::GetAttr { expr, attr } => {
            let plain = attr.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
                && !attr.starts_with(|first: char| first.is_ascii_digit());
            match plain {
                true => format!("{}.{attr}", path(expr)),
                false => format!("{}[{attr:?}]", path(expr)),
            }
        }
        _ => node.to_string(),
    }
}

fn member(above: &Expr, name: &SmolStr) -> Expr {
    Expr::get_attr(above.clone(), name.clone())
}

fn is_path(node: &Expr) -> bool {
    match node.expr_kind() {
        ExprKind::Var(_) => true,
        ExprKind::GetAttr { expr, .. } => is_path(expr),
        _ => false,
    }
}

fn shortened(value: Option<String>) -> String {
    let Some(text) = value else { return "absent".to_owned() };
    match text.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
