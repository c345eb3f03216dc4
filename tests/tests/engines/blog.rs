//! A stack as people have it: web server, application and database on machines of their own, from the compose
//! file and the images in `tests/blog`.

use std::{net::SocketAddr, time::Duration};

use shoal_tests::{Lab, get, within};

use super::{ALL, Turn, images};

const COMPOSE: &str = include_str!("../../blog/compose.yml");
const TIERS: [&str; 3] = ["web", "app", "db"];
const REPLICAS: usize = 2;
/// Where the compose file puts the database.
const DATABASE_ON: usize = 1;
const PORT: u16 = 8000;

/// The database makes its files first.
const DEPLOYED: Duration = Duration::from_secs(60);
const HEALED: Duration = Duration::from_secs(20);
/// An engine that starts, and an agent after it.
const RETURNED: Duration = Duration::from_secs(60);
const CLEARED: Duration = Duration::from_secs(60);

/// A reader of the blog. Each page says how often pages were read: the database has a row for each.
struct Reader<'a> {
    lab: &'a Lab,
    visits: u64,
}

impl Reader<'_> {
    /// Reads the page that a machine shows, and gives how many were read before it.
    fn reads(&mut self, machine: usize) -> Result<u64, String> {
        let address: SocketAddr = format!("{}:{PORT}", self.lab.address(machine))
            .parse()
            .expect("an address");
        let page = get(address)?;
        let words: Vec<&str> = page.split([' ', ',']).collect();
        let ["visit", number, ..] = words[..] else {
            return Err(page);
        };
        let number = number.parse().map_err(|_| page.clone())?;
        Ok(std::mem::replace(&mut self.visits, number))
    }

    /// Waits until each of these machines shows a page.
    fn reaches(&mut self, machines: &[usize], limit: Duration) {
        for machine in machines {
            let what = format!("a page on machine {machine}");
            let before = within(limit, &what, || self.reads(*machine));
            // An attempt that failed may have come as far as the database.
            assert!(self.visits > before, "{} after {before}", self.visits);
        }
    }

    /// While nothing happens, each page comes at the first attempt, and counts once.
    fn reads_in_turn(&mut self, machines: &[usize], times: usize) {
        for machine in machines.iter().cycle().take(times) {
            let read = self.reads(*machine);
            let before = read.unwrap_or_else(|error| panic!("machine {machine}: {error}"));
            assert_eq!(self.visits, before + 1, "machine {machine}");
        }
    }
}

/// All tasks run on these machines, and the database on its own.
fn runs(lab: &Lab, machines: &[usize], limit: Duration) {
    for tier in ["web", "app"] {
        lab.runs_once(&format!("blog_{tier}"), REPLICAS, machines, limit);
    }
    let database = lab.runs_once("blog_db", 1, machines, limit);
    assert_eq!(database[0].0, DATABASE_ON);
}

/// Of the machines without the database, the one with most of the tasks.
fn busiest(lab: &Lab) -> usize {
    let others = ALL.into_iter().filter(|machine| *machine != DATABASE_ON);
    let tasks = |machine: &usize| lab.containers(*machine).map_or(0, |found| found.len());
    others.max_by_key(tasks).expect("more than one machine")
}

/// Removes the stack, and what a stack leaves: the volume, and the images.
fn clear(lab: &Lab) {
    lab.docker(DATABASE_ON, &["stack", "rm", "blog"]).ok();
    let remove = |machine: usize, words: &[&str]| {
        within(CLEARED, &format!("{words:?} on machine {machine}"), || {
            lab.engine(machine, words).checked().map(drop)
        });
    };
    remove(DATABASE_ON, &["volume", "rm", "blog_db-data"]);
    for machine in ALL {
        for tier in TIERS {
            remove(machine, &["image", "rm", &images::of(tier)]);
        }
    }
}

#[test]
fn a_weblog_with_a_database_is_on_every_machine_and_goes_on_without_one_of_them() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    if !images::are_had(lab, &TIERS) {
        return;
    }
    lab.deploy(2, "blog", COMPOSE);
    let mut reader = Reader { lab, visits: 0 };
    reader.reaches(&ALL, DEPLOYED);
    runs(lab, &ALL, DEPLOYED);
    reader.reads_in_turn(&ALL, 9);

    let dead = busiest(lab);
    let left: Vec<_> = ALL.into_iter().filter(|machine| *machine != dead).collect();
    lab.run(&["kill", &dead.to_string()]).ok();
    reader.reaches(&left, HEALED);
    runs(lab, &left, HEALED);
    reader.reads_in_turn(&left, 8);

    lab.run(&["boot", &dead.to_string()]).ok();
    lab.run(&["mend", &dead.to_string()]).ok();
    reader.reaches(&[dead], RETURNED);
    reader.reaches(&ALL, RETURNED);
    clear(lab);
}
