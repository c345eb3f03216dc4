//! `deploy` and `restart`: Swarm's mode, resources, placement, restart and update policies.

use serde_json::{Value as Json, json};
use shoal_scheduler::spec::Constraint;

use super::{Stack, json::Object, number};
use crate::compose::{node::Node, quantity};

impl Stack<'_> {
    /// How many tasks there are.
    pub(super) fn mode(&mut self, deploy: &Node, path: &str) -> Json {
        let replicas = deploy.get("replicas");
        let number = replicas.and_then(Node::as_int);
        let mode = deploy.text_of("mode");
        if let (Some(replicas), "global" | "global-job") = (replicas, mode) {
            let message = format!("a {mode} service runs once on every node: leave replicas out");
            self.error(replicas.at, &format!("{path}.deploy.replicas"), message);
        }
        match mode {
            "global" => json!({"Global": {}}),
            "global-job" => json!({"GlobalJob": {}}),
            "replicated-job" => {
                json!({"ReplicatedJob": {"MaxConcurrent": number, "TotalCompletions": number}})
            }
            _ => json!({"Replicated": Object::default().keep_some("Replicas", number).take()}),
        }
    }

    /// Where tasks may run.
    pub(super) fn placement(&mut self, deploy: &Node, path: &str) -> Json {
        let Some(placement) = deploy.get("placement") else {
            return json!({});
        };
        let constraints = placement.get("constraints").map_or(&[][..], Node::items);
        for (index, item) in constraints.iter().enumerate() {
            let text = item.as_text().unwrap_or_default();
            if let Err(error) = Constraint::parse(text) {
                let path = format!("{path}.deploy.placement.constraints[{index}]");
                self.error(item.at, &path, format!("{text:?}: {error}"));
            }
        }
        let preferences: Vec<Json> = placement
            .get("preferences")
            .map_or(&[][..], Node::items)
            .iter()
            .map(|item| json!({"Spread": {"SpreadDescriptor": item.text_of("spread")}}))
            .collect();
        Object::default()
            .put("Constraints", placement.texts_of("constraints"))
            .put("Preferences", preferences)
            .put("MaxReplicas", placement.int_of("max_replicas_per_node"))
            .take()
    }

    /// `deploy.restart_policy`, or what `restart` means.
    pub(super) fn restart_policy(
        &mut self,
        service: &Node,
        deploy: &Node,
        path: &str,
    ) -> Option<Json> {
        let restart = service.get("restart");
        let written = deploy.get("restart_policy").map(|policy| {
            Object::default()
                .put("Condition", policy.text_of("condition"))
                .keep_some("Delay", policy.int_of("delay"))
                .keep_some("MaxAttempts", policy.int_of("max_attempts"))
                .keep_some("Window", policy.int_of("window"))
                .take()
        });
        let Some(restart) = restart else {
            return written;
        };
        let path = format!("{path}.restart");
        let (policy, attempts) =
            restart
                .as_text()
                .map_or(("", None), |text| match text.split_once(':') {
                    Some((policy, attempts)) => (policy, Some(attempts)),
                    None => (text, None),
                });
        let condition = match (policy, attempts) {
            ("no", None) => "none",
            ("always" | "unless-stopped", None) => "any",
            ("on-failure", _) => "on-failure",
            _ => {
                self.error(
                    restart.at,
                    &path,
                    "must be one of no, always, unless-stopped, on-failure[:number]",
                );
                return written;
            }
        };
        let attempts = attempts.map(str::parse::<u32>).transpose();
        let Ok(attempts) = attempts else {
            self.error(
                restart.at,
                &path,
                "the number after on-failure: must be a whole number",
            );
            return written;
        };
        let message = match written {
            Some(_) => "ignored: deploy.restart_policy says it",
            None => "read as deploy.restart_policy: better write that",
        };
        self.report.warn(restart.at, &path, message);
        written.or_else(|| {
            let attempts = attempts.filter(|attempts| *attempts > 0);
            Some(
                Object::default()
                    .put("Condition", condition)
                    .keep_some("MaxAttempts", attempts)
                    .take(),
            )
        })
    }
}

/// Limits and reservations.
pub(super) fn resources(deploy: &Node) -> Json {
    let amounts = |node: &Node| {
        Object::default()
            .put("NanoCPUs", quantity::cpus(node.text_of("cpus")))
            .put("MemoryBytes", node.int_of("memory"))
            .put("Pids", node.int_of("pids"))
            .put("GenericResources", generic_resources(node))
            .take()
    };
    Object::default()
        .keep_some(
            "Limits",
            deploy.under(&["resources", "limits"]).map(amounts),
        )
        .keep_some(
            "Reservations",
            deploy.under(&["resources", "reservations"]).map(amounts),
        )
        .take()
}

/// Numbers of things that machines have a few of.
fn generic_resources(reservations: &Node) -> Vec<Json> {
    let items = reservations.get("generic_resources");
    let wanted = items.map_or(&[][..], Node::items).iter();
    let wanted = wanted.filter_map(|item| item.get("discrete_resource_spec"));
    let shape = |one: &Node| json!({"DiscreteResourceSpec": {"Kind": one.text_of("kind"), "Value": one.int_of("value")}});
    wanted.map(shape).collect()
}

/// How a service changes.
pub(super) fn update(config: &Node) -> Json {
    Object::default()
        .keep("Parallelism", config.int_of("parallelism").unwrap_or(1))
        .put("Delay", config.int_of("delay"))
        .put("FailureAction", config.text_of("failure_action"))
        .put("Monitor", config.int_of("monitor"))
        .keep("MaxFailureRatio", number(config, "max_failure_ratio"))
        .keep("Order", config.text_of("order"))
        .take()
}
