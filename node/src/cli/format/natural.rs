//! The order people expect of names with numbers: `web.2` before `web.10`.

use std::cmp::Ordering;

/// Compares runs of digits as numbers and everything else byte by byte.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left.as_bytes(), right.as_bytes());
    loop {
        match (digits(a), digits(b)) {
            (0, _) | (_, 0) => match (a.split_first(), b.split_first()) {
                (Some((x, rest_a)), Some((y, rest_b))) if x == y => (a, b) = (rest_a, rest_b),
                (x, y) => return x.map(|(x, _)| x).cmp(&y.map(|(y, _)| y)),
            },
            (x, y) => {
                let order = number(&a[..x]).cmp(&number(&b[..y]));
                if order != Ordering::Equal {
                    return order;
                }
                (a, b) = (&a[x..], &b[y..]);
            }
        }
    }
}

/// Length of the run of digits at the start.
fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Orders like the number that the digits stand for, however long it is.
fn number(digits: &[u8]) -> (usize, &[u8]) {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    (digits.len() - zeros, &digits[zeros..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = vec!["w10", "w2", "w", "v3.10", "v3.9", "w2.1", "w02"];
        names.sort_by(|a, b| compare(a, b).then(a.cmp(b)));
        assert_eq!(names, ["v3.9", "v3.10", "w", "w02", "w2", "w2.1", "w10"]);
    }
}
