//! Which keys a Compose file may have, what each takes, and what becomes of it.
//!
//! These tables are the only place that knows. Their order is the order in which
//! [`super::render`] writes keys, which is docker's. A key that changes what runs and that Shoal
//! cannot honour is refused; one that changes nothing is warned about; an unknown one is refused.

mod deploy;
mod service;
mod stack;

pub(crate) use service::SERVICE;
pub(crate) use stack::FILE;

use super::short::Short;

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// A boolean.
    Bool,
    /// A whole number within these bounds.
    Integer(i64, i64),
    /// A number from 0 to 1.
    Ratio,
    /// A duration; canonically nanoseconds.
    Duration,
    /// An amount of memory; canonically bytes, printed as text.
    Size,
    /// As [`Kind::Size`], but printed as a number.
    Bytes,
    /// A number of processors; canonically text.
    Cpus,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts, or one text alone.
    Texts,
    /// Words, or a line to be split as a shell would.
    Command,
    /// `[CMD, ...]`, `[CMD-SHELL, line]`, `[NONE]`, or a line for a shell.
    HealthTest,
    /// A map of texts, or a list of `key=value`; nothing is empty text.
    Labels,
    /// As [`Kind::Labels`], but nothing stays nothing: the value comes from the environment.
    Variables,
    /// A list of `host:address`, or a map.
    Hosts,
    /// One limit for soft and hard, or both.
    Limit,
    /// `true`, or a map with the name of something that exists outside the stack.
    External,
    /// Fixed keys.
    Object(&'static Schema),
    /// Names of the author's choice, each with this.
    Named(&'static Kind),
    /// Names of the author's choice, each with this; or a list of the names.
    NamesOr(&'static Kind),
    /// A list of maps; an item may be written short.
    Objects(&'static Schema, Short),
    /// Not looked at.
    Anything,
}

/// The keys of a map.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Each key.
    pub(crate) fields: &'static [Field],
    /// Keys that must be there.
    pub(crate) required: &'static [&'static str],
    /// What a later file does to an earlier one.
    pub(crate) merge: Merge,
}

/// What a later file does to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Key by key.
    Keys,
    /// Replaces it.
    Replace,
    /// Key by key if this key is the same or missing in one of them; else replaces it.
    KeysIfSame(&'static str),
}

/// A key.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) key: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// What becomes of it.
    pub(crate) support: Support,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Support {
    /// It is honoured.
    Full,
    /// It changes nothing here: a warning, and it is dropped.
    Ignored(&'static str),
    /// Ignoring it would change what runs: an error. `false`, nothing and an empty list are fine.
    Refused(&'static str),
}

impl Schema {
    /// The key of this name.
    pub(crate) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The known key that was probably meant.
    pub(crate) fn closest(&self, key: &str) -> Option<&'static str> {
        self.fields
            .iter()
            .map(|field| (distance(&key.to_ascii_lowercase(), field.key), field.key))
            .filter(|(distance, name)| *distance <= (name.len() / 3).clamp(1, 3))
            .min()
            .map(|(_, name)| name)
    }
}

const fn full(key: &'static str, kind: Kind) -> Field {
    Field {
        key,
        kind,
        support: Support::Full,
    }
}

const fn ignored(key: &'static str, why: &'static str) -> Field {
    Field {
        key,
        kind: Kind::Anything,
        support: Support::Ignored(why),
    }
}

const fn refused(key: &'static str, why: &'static str) -> Field {
    Field {
        key,
        kind: Kind::Anything,
        support: Support::Refused(why),
    }
}

/// Letters to insert, remove, replace or swap to make one word of the other. Long words are not
/// compared.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let mut before = vec![0; b.len() + 1];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (row[j] + usize::from(x != y))
                .min(row[j + 1] + 1)
                .min(next[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_key() {
        for (typo, key) in [
            ("imagee", Some("image")),
            ("enviroment", Some("environment")),
            ("voluems", Some("volumes")),
            ("Image", Some("image")),
            ("tyt", Some("tty")),
            ("zzz", None),
            ("something_else_entirely", None),
        ] {
            assert_eq!(SERVICE.closest(typo), key, "{typo}");
        }
    }

    #[test]
    fn no_key_is_listed_twice() {
        for schema in [&SERVICE, &FILE] {
            let mut keys: Vec<_> = schema.fields.iter().map(|field| field.key).collect();
            keys.sort_unstable();
            let number = keys.len();
            keys.dedup();
            assert_eq!(keys.len(), number);
        }
    }
}
