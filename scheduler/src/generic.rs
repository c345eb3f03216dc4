//! Generic resources: things that a machine has a few of, such as graphics cards. Swarm's idea and words
//! (swarmkit's `api/genericresource`): a kind is either counted, or each of its things has a name.
//!
//! Placement counts (`placement/ledger.rs`); which named things a task gets its node chooses when it starts it, and
//! tells in the task's report. They are free again when the task has ended.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Most kinds of things of a machine, and of those that a task asks for.
pub const KINDS_MAX: usize = 32;
/// Most names of things of a machine, over all kinds.
pub const NAMES_MAX: usize = 256;
/// Longest name of a kind or a thing, in bytes.
pub const NAME_LENGTH_MAX: usize = 128;

/// How many of a kind a machine has, or which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Stock {
    /// So many, all alike.
    Count(u64),
    /// These.
    Names(BTreeSet<String>),
}

impl Stock {
    /// How many things it is.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Count(count) => *count,
            Self::Names(names) => names.len() as u64,
        }
    }
}

/// What a machine has of each kind.
pub type Stocks = BTreeMap<String, Stock>;

/// What a task was given of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub struct Assigned {
    /// The kind.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// Which, where they have names.
    pub names: Vec<String>,
}

/// Takes what is wanted, by kind, from what a machine has beside what its tasks hold: the first names that are free.
///
/// # Errors
/// The kind that there is too little of.
pub fn assign<'a>(
    wanted: &BTreeMap<String, u64>,
    stocks: &Stocks,
    held: impl Iterator<Item = &'a Assigned>,
) -> Result<Vec<Assigned>, String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut names: BTreeSet<(&str, &str)> = BTreeSet::new();
    for one in held {
        let count = counts.entry(&one.kind).or_default();
        *count = count.saturating_add(one.count);
        names.extend(
            one.names
                .iter()
                .map(|name| (one.kind.as_str(), name.as_str())),
        );
    }
    let give = |(kind, count): (&String, &u64)| {
        let stock = stocks.get(kind);
        let held = counts.get(kind.as_str()).copied().unwrap_or(0);
        let free = stock.map_or(0, Stock::count).saturating_sub(held);
        if free < *count {
            return Err(kind.clone());
        }
        let is_free = |name: &&String| !names.contains(&(kind.as_str(), name.as_str()));
        let chosen: Vec<String> = match stock {
            Some(Stock::Names(all)) => {
                let free = all.iter().filter(is_free).cloned();
                free.take(usize::try_from(*count).unwrap_or(usize::MAX))
                    .collect()
            }
            _ => Vec::new(),
        };
        // Names that a task holds may have been taken from the machine since.
        if matches!(stock, Some(Stock::Names(_))) && (chosen.len() as u64) < *count {
            return Err(kind.clone());
        }
        Ok(Assigned {
            kind: kind.clone(),
            count: *count,
            names: chosen,
        })
    };
    wanted
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(give)
        .collect()
}

/// Reads what a machine has, each as `KIND=COUNT` or `KIND=NAME`, the latter as often as there are things of it. As
/// dockerd's `--node-generic-resource`.
///
/// # Errors
/// What is wrong, for people.
pub fn stocks<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Stocks, String> {
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for text in texts {
        let (kind, value) = text.split_once('=').ok_or_else(|| {
            format!("generic resource {text:?}: it must be KIND=COUNT or KIND=NAME")
        })?;
        for word in [kind, value] {
            check_name(word).map_err(|why| format!("generic resource {text:?}: {why}"))?;
        }
        values.entry(kind).or_default().push(value);
    }
    let mut stocks = Stocks::new();
    for (kind, values) in values {
        let numbers = values.iter().filter(|value| is_number(value)).count();
        let stock = match values.as_slice() {
            [one] if numbers == 1 => Stock::Count(one.parse().map_err(|_| {
                format!("generic resource {kind}={one}: more than a machine can have")
            })?),
            _ if numbers == 0 => Stock::Names(values.iter().map(|&name| name.to_owned()).collect()),
            _ => {
                return Err(format!(
                    "generic resource {kind}: it is either counted, once, or each thing of it has a name that is no number"
                ));
            }
        };
        stocks.insert(kind.to_owned(), stock);
    }
    check_stocks(&stocks)?;
    Ok(stocks)
}

/// Whether this is as much as a machine may tell.
///
/// # Errors
/// What it is too much of, for people.
pub fn check_stocks(stocks: &Stocks) -> Result<(), String> {
    if stocks.len() > KINDS_MAX {
        return Err(format!("more than {KINDS_MAX} kinds of generic resources"));
    }
    let names = stocks.values().map(|stock| match stock {
        Stock::Count(_) => 0,
        Stock::Names(names) => names.len(),
    });
    match names.sum::<usize>() > NAMES_MAX {
        true => Err(format!("more than {NAMES_MAX} names of generic resources")),
        false => Ok(()),
    }
}

/// Whether this can be a kind, or the name of a thing: what can stand in a variable's name and in a list with commas.
///
/// # Errors
/// Why not, for people.
pub fn check_name(word: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    if word.is_empty() || word.len() > NAME_LENGTH_MAX || !word.bytes().all(is_plain) {
        return Err(format!(
            "{word:?} must be 1 to {NAME_LENGTH_MAX} letters, digits, - _ . : or /"
        ));
    }
    Ok(())
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The variables by which a task finds what it was given, as on Swarm: `DOCKER_RESOURCE_GPU=uuid1,uuid2`.
pub fn variables(assigned: &[Assigned]) -> impl Iterator<Item = (String, String)> {
    assigned.iter().map(|one| {
        let value = match one.names.is_empty() {
            true => one.count.to_string(),
            false => one.names.join(","),
        };
        let name = format!("DOCKER_RESOURCE_{}", one.kind);
        (name.to_uppercase(), value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(texts: &[&str]) -> Stocks {
        stocks(texts.iter().copied()).unwrap()
    }

    fn wanted(kind: &str, count: u64) -> BTreeMap<String, u64> {
        [(kind.to_owned(), count)].into()
    }

    #[test]
    fn a_machine_says_what_it_has() {
        let stocks = machine(&["GPU=b", "GPU=a", "SSD=3", "GPU=b"]);
        assert_eq!(stocks["SSD"], Stock::Count(3));
        assert_eq!(stocks["GPU"].count(), 2);
        for bad in [
            &["GPU"][..],
            &["=3"],
            &["GPU="],
            &["GPU=a,b"],
            &["GPU=2", "GPU=3"],
            &["GPU=2", "GPU=a"],
            &["GPU=99999999999999999999999"],
        ] {
            assert!(super::stocks(bad.iter().copied()).is_err(), "{bad:?}");
        }
        let many: Vec<String> = (0..=KINDS_MAX).map(|kind| format!("K{kind}=1")).collect();
        assert!(super::stocks(many.iter().map(String::as_str)).is_err());
    }

    #[test]
    fn nothing_is_given_twice() {
        let stocks = machine(&["GPU=a", "GPU=b", "GPU=c", "SSD=3"]);
        let first = assign(&wanted("GPU", 2), &stocks, [].iter()).unwrap();
        assert_eq!(first[0].names, ["a", "b"]);
        let second = assign(&wanted("GPU", 1), &stocks, first.iter()).unwrap();
        assert_eq!(second[0].names, ["c"]);
        let all = [first, second].concat();
        assert_eq!(
            assign(&wanted("GPU", 1), &stocks, all.iter()),
            Err("GPU".to_owned())
        );
        let disks = assign(&wanted("SSD", 2), &stocks, all.iter()).unwrap();
        assert_eq!((disks[0].count, disks[0].names.len()), (2, 0));
        assert!(assign(&wanted("SSD", 2), &stocks, disks.iter()).is_err());
        assert!(assign(&wanted("FPGA", 1), &stocks, [].iter()).is_err());
        assert_eq!(assign(&wanted("FPGA", 0), &stocks, [].iter()), Ok(vec![]));
    }

    #[test]
    fn a_thing_that_was_taken_away_is_not_missed() {
        let held = [Assigned {
            kind: "GPU".into(),
            count: 1,
            names: vec!["old".into()],
        }];
        let stocks = machine(&["GPU=a", "GPU=b"]);
        let given = assign(&wanted("GPU", 1), &stocks, held.iter()).unwrap();
        assert_eq!(given[0].names, ["a"]);
    }

    #[test]
    fn a_task_finds_what_it_was_given() {
        let given = [
            Assigned {
                kind: "Gpu".into(),
                count: 2,
                names: vec!["a".into(), "b".into()],
            },
            Assigned {
                kind: "SSD".into(),
                count: 3,
                names: Vec::new(),
            },
        ];
        let variables: Vec<_> = variables(&given).collect();
        assert_eq!(variables[0], ("DOCKER_RESOURCE_GPU".into(), "a,b".into()));
        assert_eq!(variables[1], ("DOCKER_RESOURCE_SSD".into(), "3".into()));
    }
}
