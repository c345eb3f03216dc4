//! Sums and limits that closed forms are made of: probes, epidemics, rumours.

/// Terms of a sum that are less than this are left out with all that follow.
const NEGLIGIBLE: f64 = 1e-12;

/// `e/(e-1)`: in how many periods a member is probed for the first time, of many that probe at random.
#[must_use]
pub fn swim_periods() -> f64 {
    std::f64::consts::E / (std::f64::consts::E - 1.0)
}

/// In how many periods after a crash one of `n` others probes the dead for the first time, in the mean,
/// the period of that probe included: SWIM's number for nodes that probe in turn. The sum over k of the
/// chance that it takes more than k.
#[must_use]
pub fn periods_to_first_probe(n: usize) -> f64 {
    silences(n).map(|silent| silent.powf(n as f64)).sum()
}

/// Time from a crash to the first probe of the dead by one of `n` others, in the mean, in periods.
///
/// After k whole periods and a part x of the next, one node has not probed it with the chance
/// `a - x (a - b)`, where a and b are those of k and k + 1 periods; the n-th power of that, integrated
/// over x, is `(a^(n+1) - b^(n+1)) / ((n + 1) (a - b))`.
#[must_use]
pub fn first_probe(n: usize) -> f64 {
    let after: Vec<f64> = silences(n).chain([0.0]).collect();
    let power = n as f64 + 1.0;
    let part = |pair: &[f64]| {
        let [a, b] = [pair[0], pair[1]];
        match a - b > 0.0 {
            true => (a.powf(power) - b.powf(power)) / (power * (a - b)),
            false => a.powf(n as f64),
        }
    };
    after.windows(2).map(part).sum()
}

/// The chance that one node has not probed a given one of n in 0, 1, 2… periods, as long as it matters.
///
/// It is somewhere in a round of n: c of them are done, any c alike. The one in question was among
/// those, with c/n, or is among those to come; then a new order is drawn.
fn silences(n: usize) -> impl Iterator<Item = f64> {
    let size = n as f64;
    let silent = move |k: usize| {
        let at = |done: usize| match (n - done).checked_sub(k) {
            Some(_) => 1.0 - k as f64 / size,
            None => {
                let into_next = (k - (n - done)) as f64;
                done as f64 / size * (1.0 - into_next / size).max(0.0)
            }
        };
        (0..n).map(at).sum::<f64>() / size
    };
    (0..2 * n)
        .map(silent)
        .take_while(move |silent| silent.powf(size) > NEGLIGIBLE)
}

/// Until all of n know what `known` of them know at first, if each who knows tells a random other once in
/// each unit of time, in the mean: the sum of `(n - 1) / (k (n - k))`.
#[must_use]
pub fn epidemic(n: usize, known: usize) -> f64 {
    let waits = (known..n).map(|k| (n - 1) as f64 / (k as f64 * (n - k) as f64));
    waits.sum()
}

/// Rounds until all of n know what one knows, if each who knows tells f random others in each round:
/// `log_(f+1) n + ln n / f` (Pittel 1987, "On spreading a rumor").
#[must_use]
pub fn push_rounds(n: usize, f: usize) -> f64 {
    let (n, f) = (n.max(1) as f64, f.max(1) as f64);
    n.ln() / (f + 1.0).ln() + n.ln() / f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probing_in_turn_goes_to_the_paper_s_number_and_is_never_worse() {
        assert!((swim_periods() - 1.582).abs() < 0.001);
        for n in [1, 2, 4, 7, 31, 1_000] {
            let at_random = 1.0 / (1.0 - (1.0 - 1.0 / n as f64).powi(n as i32));
            let in_turn = periods_to_first_probe(n);
            assert!(in_turn <= at_random + 1e-9, "{n}: {in_turn} {at_random}");
        }
        assert!((periods_to_first_probe(5_000) - swim_periods()).abs() < 0.001);
        assert!((first_probe(5_000) - 1.0).abs() < 0.001);
    }

    #[test]
    fn one_prober_of_one_takes_half_a_period() {
        assert_eq!(periods_to_first_probe(1), 1.0);
        assert_eq!(first_probe(1), 0.5);
        // Two of two: each probes it every second time, or twice in a row.
        let chances: Vec<f64> = silences(2).collect();
        assert_eq!(chances, [1.0, 0.5, 0.125]);
    }

    #[test]
    fn an_epidemic_grows_with_twice_the_logarithm() {
        assert_eq!(epidemic(2, 1), 1.0);
        assert_eq!(epidemic(5, 5), 0.0);
        let grows = epidemic(10_000, 1) - epidemic(100, 1);
        assert!((grows - 2.0 * 100_f64.ln()).abs() < 0.2, "{grows}");
        assert!((push_rounds(1_024, 1) - (10.0 + 1_024_f64.ln())).abs() < 1e-9);
    }
}
