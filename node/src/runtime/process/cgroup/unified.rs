//! Version 2: finding a cgroup below which controllers can be had.
//!
//! A cgroup hands controllers down through `cgroup.subtree_control`, and none that holds processes
//! does, but the topmost of the machine. The agent's own holds the agent, so tasks mostly go below
//! the nearest of its ancestors that can: a slice of systemd, or the top. That is how Docker's
//! `cgroupfs` driver does it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    HOME,
    file::{self, FileError},
    hierarchy::Hierarchy,
    limit::Controller,
};

/// A cgroup for those of tasks, and why some controllers can't be had there.
pub(super) struct Home {
    pub(super) folder: PathBuf,
    pub(super) lacks: Vec<(Controller, String)>,
}

/// The nearest home with all these controllers; else, of those with most of them, the nearest.
/// Controllers that were handed down on the way stay so, which limits nobody.
pub(super) fn home(hierarchy: &Hierarchy, wanted: &[Controller]) -> Home {
    let places = hierarchy.own.ancestors();
    let places = places.take_while(|place| place.starts_with(&hierarchy.top));
    let mut best: Option<Home> = None;
    for place in places {
        let mut home = try_home(place, wanted);
        if home.lacks.is_empty() {
            return home;
        }
        // What the topmost says is the reason: it is nobody's but the machine's.
        if let Some(best) = best
            .as_mut()
            .filter(|best| best.lacks.len() <= home.lacks.len())
        {
            replace_reasons(&mut best.lacks, &mut home.lacks);
        } else {
            best = Some(home);
        }
    }
    best.unwrap_or_else(|| Home {
        folder: hierarchy.top.join(HOME),
        lacks: Vec::new(),
    })
}

fn replace_reasons(lacks: &mut [(Controller, String)], newer: &mut Vec<(Controller, String)>) {
    for (controller, reason) in newer.drain(..) {
        if let Some(lack) = lacks.iter_mut().find(|lack| lack.0 == controller) {
            lack.1 = reason;
        }
    }
}

fn try_home(place: &Path, wanted: &[Controller]) -> Home {
    let folder = place.join(HOME);
    let mut lacks = Vec::new();
    for controller in wanted {
        if let Err(reason) = hand_down(place, *controller) {
            lacks.push((*controller, reason));
        }
    }
    if lacks.len() == wanted.len() {
        return Home { folder, lacks };
    }
    let made = make(&folder).map_err(|error| error.to_string());
    for controller in wanted {
        let is_lacking = lacks.iter().any(|lack| lack.0 == *controller);
        let handed = made.clone().and_then(|()| hand_down(&folder, *controller));
        if let (false, Err(reason)) = (is_lacking, handed) {
            lacks.push((*controller, reason));
        }
    }
    Home { folder, lacks }
}

/// Makes a cgroup for those of tasks, if it is not there.
pub(super) fn make(folder: &Path) -> Result<(), FileError> {
    match fs::create_dir(folder) {
        Err(error) if !folder.is_dir() => Err(FileError::new(folder, error)),
        _ => Ok(()),
    }
}

/// Lets the cgroups below this one have a controller.
fn hand_down(place: &Path, controller: Controller) -> Result<(), String> {
    let name = controller.name();
    let lists = |file: &str| -> Result<bool, String> {
        let text = file::read(&place.join(file)).map_err(|error| error.to_string())?;
        Ok(text.split_ascii_whitespace().any(|word| word == name))
    };
    if lists("cgroup.subtree_control")? {
        return Ok(());
    }
    if !lists("cgroup.controllers")? {
        let hint = controller.hint();
        return Err(format!(
            "{} has no {name} controller{hint}",
            place.display()
        ));
    }
    let control = place.join("cgroup.subtree_control");
    file::write(&control, &format!("+{name}")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::process::cgroup::limit::Version;

    /// A cgroup with these controllers, which it has handed down.
    fn cgroup(folder: &Path, has: &str, hands_down: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("cgroup.controllers"), has).unwrap();
        fs::write(folder.join("cgroup.subtree_control"), hands_down).unwrap();
    }

    fn hierarchy(top: &Path, own: &str) -> Hierarchy {
        Hierarchy {
            version: Version::Two,
            controllers: Vec::new(),
            top: top.to_owned(),
            own: top.join(own),
        }
    }

    const ALL: &str = "cpuset cpu io memory pids";

    #[test]
    fn the_nearest_ancestor_that_has_all_is_taken() {
        let top = tempfile::tempdir().unwrap();
        let slice = top.path().join("system.slice");
        cgroup(top.path(), ALL, ALL);
        cgroup(&top.path().join(HOME), ALL, ALL);
        cgroup(&slice, "memory pids", "memory pids");
        cgroup(&slice.join(HOME), "memory pids", "memory pids");
        cgroup(&slice.join("shoal.service"), "", "");
        let hierarchy = hierarchy(top.path(), "system.slice/shoal.service");
        let home = |wanted: &[Controller]| super::home(&hierarchy, wanted);
        assert_eq!(home(&[Controller::Memory]).folder, slice.join(HOME));
        let all = home(&Controller::ALL);
        assert_eq!((all.folder, all.lacks), (top.path().join(HOME), Vec::new()));
    }

    #[test]
    fn a_controller_that_is_not_handed_down_yet_is_asked_for() {
        let top = tempfile::tempdir().unwrap();
        cgroup(top.path(), ALL, "cpu");
        cgroup(&top.path().join(HOME), ALL, "");
        let home = home(&hierarchy(top.path(), ""), &[Controller::Memory]);
        assert_eq!(home.lacks, []);
        for folder in [top.path(), &home.folder] {
            let asked = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap();
            assert!(asked.starts_with("+memory"), "{asked}");
        }
    }

    #[test]
    fn what_the_machine_lacks_is_named_and_the_rest_is_had() {
        let top = tempfile::tempdir().unwrap();
        let has = "cpu pids";
        cgroup(top.path(), has, has);
        cgroup(&top.path().join(HOME), has, has);
        cgroup(&top.path().join("own"), "", "");
        let home = home(&hierarchy(top.path(), "own"), &Controller::ALL);
        assert_eq!(home.folder, top.path().join(HOME));
        let [(Controller::Memory, reason)] = &home.lacks[..] else {
            panic!("{:?}", home.lacks);
        };
        let words = format!(
            "{} has no memory controller (on a Raspberry",
            top.path().display()
        );
        assert!(reason.starts_with(&words), "{reason}");
    }
}
