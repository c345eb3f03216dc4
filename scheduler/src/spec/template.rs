//! When a change of a spec replaces its tasks.

use std::time::Duration;

use super::{Placement, ServiceSpec};

impl ServiceSpec {
    /// A fingerprint of everything whose change replaces the tasks (Swarm's `IsTaskDirty`): the task
    /// template but for its placement and restart policy, and the published ports. Labels, replicas
    /// and constraints that still hold restart nothing.
    #[must_use]
    pub fn template_hash(&self) -> u64 {
        let mut template = self.task_template.clone();
        template.placement = Placement::default();
        template.restart_policy = super::RestartPolicy {
            delay: Some(Duration::ZERO),
            ..super::RestartPolicy::default()
        };
        // Both are plain data with string keys: serializing them can't fail.
        let template = serde_json::to_vec(&template).unwrap_or_default();
        let ports = serde_json::to_vec(self.ports()).unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&(template.len() as u64).to_le_bytes())
            .update(&template)
            .update(&ports);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_task_is_made_of_counts() {
        let before = ServiceSpec {
            name: "web".into(),
            ..ServiceSpec::default()
        };
        let mut after = before.clone();
        after.labels.insert("a".into(), "b".into());
        after.mode = super::super::Mode::replicas(9);
        after
            .task_template
            .placement
            .constraints
            .push("node.role==worker".into());
        after.task_template.restart_policy.max_attempts = Some(3);
        assert_eq!(before.template_hash(), after.template_hash());
        after.task_template.container_spec.env.push("A=1".into());
        assert_ne!(before.template_hash(), after.template_hash());
        let mut forced = before.clone();
        forced.task_template.force_update = 1;
        assert_ne!(before.template_hash(), forced.template_hash());
    }
}
