//! Making the cgroups of a task: first where, which is written down, then the folders and limits.

use std::{fs, path::PathBuf};

use shoal_scheduler::{spec::ResourceLimits, task::TaskId};

use super::{
    Cgroups, HOME,
    file::{self, FileError},
    hierarchy::{self, Hierarchy},
    limit::{Controller, Limit, Version},
    unified,
};

/// The cgroups that a task is to have.
#[derive(Debug, Default)]
pub(in crate::runtime::process) struct Plan {
    groups: Vec<Group>,
    /// What will not be enforced, a sentence each.
    warnings: Vec<String>,
}

/// One cgroup, and what is limited in it.
#[derive(Debug)]
struct Group {
    folder: PathBuf,
    version: Version,
    limits: Vec<Limit>,
}

/// Finds places for the limits of a task. Blocks for as long as a few small files take.
pub(in crate::runtime::process) fn plan(limits: &ResourceLimits, task: TaskId) -> Plan {
    let limits = Limit::all(limits);
    match limits.is_empty() {
        true => Plan::default(),
        false => plan_in(&hierarchy::all(), limits, &task.to_string()),
    }
}

fn plan_in(hierarchies: &[Hierarchy], limits: Vec<Limit>, task: &str) -> Plan {
    let mut plan = Plan::default();
    let mut unified = Vec::new();
    for limit in limits {
        let is_for = |one: &&Hierarchy| one.controllers.contains(&limit.controller);
        match hierarchies.iter().find(is_for) {
            Some(hierarchy) => {
                // The path may be of a machine outside of this container.
                let own = Some(&hierarchy.own).filter(|own| own.is_dir());
                let home = own.unwrap_or(&hierarchy.top).join(HOME);
                plan.add(home.join(task), Version::One, limit);
            }
            None => unified.push(limit),
        }
    }
    plan.add_unified(hierarchies, unified, task);
    plan
}

impl Plan {
    fn add_unified(&mut self, hierarchies: &[Hierarchy], limits: Vec<Limit>, task: &str) {
        if limits.is_empty() {
            return;
        }
        let mut twos = hierarchies.iter().filter(|one| one.version == Version::Two);
        let Some(hierarchy) = twos.next() else {
            for limit in limits {
                let (name, hint) = (limit.controller.name(), limit.controller.hint());
                self.warn(&limit, &format!("no {name} controller is mounted{hint}"));
            }
            return;
        };
        let wanted: Vec<Controller> = limits.iter().map(|limit| limit.controller).collect();
        let home = unified::home(hierarchy, &wanted);
        for limit in limits {
            match home.lacks.iter().find(|lack| lack.0 == limit.controller) {
                Some((_, reason)) => self.warn(&limit, reason),
                None => self.add(home.folder.join(task), Version::Two, limit),
            }
        }
    }

    /// Controllers may share a hierarchy, and then they share the cgroup.
    fn add(&mut self, folder: PathBuf, version: Version, limit: Limit) {
        match self.groups.iter_mut().find(|group| group.folder == folder) {
            Some(group) => group.limits.push(limit),
            None => self.groups.push(Group {
                folder,
                version,
                limits: vec![limit],
            }),
        }
    }

    fn warn(&mut self, limit: &Limit, reason: &str) {
        self.warnings
            .push(format!("{limit} is not enforced: {reason}"));
    }

    /// All that [`Plan::make`] may make.
    pub(in crate::runtime::process) fn cgroups(&self) -> Cgroups {
        Cgroups(
            self.groups
                .iter()
                .map(|group| group.folder.clone())
                .collect(),
        )
    }

    /// Makes the cgroups. Returns those that are there now, and what is not enforced.
    pub(in crate::runtime::process) fn make(mut self) -> (Cgroups, Vec<String>) {
        let mut made = Cgroups::default();
        for group in std::mem::take(&mut self.groups) {
            if let Err(error) = group.make() {
                for limit in &group.limits {
                    self.warn(limit, &error.to_string());
                }
                continue;
            }
            let failed = group.set();
            match failed.len() == group.limits.len() {
                // It would limit nothing. Who else could be in it?
                true => drop(fs::remove_dir(&group.folder)),
                false => made.add(&group.folder),
            }
            for (limit, error) in failed {
                self.warn(&limit, &error.to_string());
            }
        }
        (made, self.warnings)
    }
}

impl Group {
    /// Makes the folder. One that is there already is another's.
    fn make(&self) -> Result<(), FileError> {
        if let Some(home) = self.folder.parent() {
            unified::make(home)?;
        }
        fs::create_dir(&self.folder).map_err(|error| FileError::new(&self.folder, error))
    }

    /// Writes the limits, and returns those that failed.
    fn set(&self) -> Vec<(Limit, FileError)> {
        let set = |limit: &Limit| {
            for setting in limit.settings(self.version) {
                match file::write(&self.folder.join(setting.file), &setting.value) {
                    Err(error) if !setting.may_fail => return Some((*limit, error)),
                    _ => {}
                }
            }
            None
        };
        self.limits.iter().filter_map(set).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const LIMITS: ResourceLimits = ResourceLimits {
        generic_resources: Vec::new(),
        memory_bytes: 64 << 20,
        nano_cpus: 500_000_000,
        pids: 10,
    };

    fn plan_for(hierarchies: &[Hierarchy]) -> Plan {
        plan_in(hierarchies, Limit::all(&LIMITS), "task")
    }

    fn version_one(top: &Path, controllers: &[Controller]) -> Hierarchy {
        Hierarchy {
            version: Version::One,
            controllers: controllers.to_vec(),
            top: top.to_owned(),
            own: top.join("own"),
        }
    }

    #[test]
    fn without_hierarchies_each_limit_is_warned_of() {
        let (made, warnings) = plan_for(&[]).make();
        assert_eq!(made, Cgroups::default());
        let hint = Controller::Memory.hint();
        assert_eq!(
            warnings,
            [
                &format!(
                    "memory limit of 64MiB is not enforced: no memory controller is mounted{hint}"
                ),
                "CPU limit of 0.5 is not enforced: no cpu controller is mounted",
                "limit of 10 processes is not enforced: no pids controller is mounted",
            ]
        );
    }

    #[test]
    fn without_its_files_a_cgroup_is_not_kept() {
        let top = tempfile::tempdir().unwrap();
        let (made, warnings) = plan_for(&[version_one(top.path(), &Controller::ALL)]).make();
        assert_eq!(made, Cgroups::default());
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        let file = top.path().join("shoal/task/pids.max");
        assert_eq!(
            warnings[2],
            format!(
                "limit of 10 processes is not enforced: {}: No such file or directory",
                file.display()
            )
        );
        assert!(!top.path().join("shoal/task").exists());
    }

    #[test]
    fn a_cgroup_that_was_there_is_left_alone() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("own/shoal/task");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("pids.max"), "max").unwrap();
        let plan = plan_for(&[version_one(top.path(), &[Controller::Pids])]);
        let planned = plan.cgroups();
        assert_eq!(planned, Cgroups(vec![folder.clone()]));
        let (made, warnings) = plan.make();
        assert_eq!(made, Cgroups::default());
        assert!(
            warnings.iter().any(|one| one.ends_with("File exists")),
            "{warnings:?}"
        );
        assert_eq!(fs::read_to_string(folder.join("pids.max")).unwrap(), "max");
    }

    #[test]
    fn where_nothing_may_be_made_the_path_and_the_reason_are_said() {
        let top = tempfile::tempdir().unwrap();
        // No folder can be made in a file, whoever asks; permission is nothing to root.
        let own = top.path().join("own");
        fs::write(&own, "").unwrap();
        let hierarchy = Hierarchy {
            top: own.clone(),
            ..version_one(top.path(), &Controller::ALL)
        };
        let (made, warnings) = plan_for(&[hierarchy]).make();
        assert_eq!(made, Cgroups::default());
        let reason = format!("{}: Not a directory", own.join("shoal").display());
        assert!(
            warnings.iter().all(|one| one.ends_with(&reason)),
            "{warnings:?}"
        );
    }

    #[test]
    fn each_hierarchy_of_version_one_has_a_cgroup() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let plan = plan_for(&[
            version_one(first.path(), &[Controller::Memory]),
            version_one(second.path(), &[Controller::Cpu, Controller::Pids]),
        ]);
        let cgroups = [&first, &second].map(|top| top.path().join("shoal/task"));
        assert_eq!(plan.cgroups(), Cgroups(cgroups.to_vec()));
    }
}
