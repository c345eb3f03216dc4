//! The keys under `deploy`.

use super::{Kind, Merge, Schema, full, refused};
use crate::compose::short::Short;

/// How a service is deployed.
pub(super) static DEPLOY: Schema = Schema {
    fields: &[
        full(
            "mode",
            Kind::Choice(&["replicated", "global", "replicated-job", "global-job"]),
        ),
        full("replicas", Kind::Integer(0, i64::MAX)),
        full("labels", Kind::Labels),
        full("update_config", Kind::Object(&UPDATE)),
        full("rollback_config", Kind::Object(&UPDATE)),
        full("resources", Kind::Object(&RESOURCES)),
        full("restart_policy", Kind::Object(&RESTART)),
        full("placement", Kind::Object(&PLACEMENT)),
        full("endpoint_mode", Kind::Choice(&["vip", "dnsrr"])),
    ],
    required: &[],
    merge: Merge::Keys,
};

static UPDATE: Schema = Schema {
    fields: &[
        full("parallelism", Kind::Integer(0, i64::MAX)),
        full("delay", Kind::Duration),
        full(
            "failure_action",
            Kind::Choice(&["pause", "continue", "rollback"]),
        ),
        full("monitor", Kind::Duration),
        full("max_failure_ratio", Kind::Ratio),
        full("order", Kind::Choice(&["stop-first", "start-first"])),
    ],
    required: &[],
    merge: Merge::Keys,
};

static RESOURCES: Schema = Schema {
    fields: &[
        full("limits", Kind::Object(&LIMITS)),
        full("reservations", Kind::Object(&RESERVATIONS)),
    ],
    required: &[],
    merge: Merge::Keys,
};

static LIMITS: Schema = Schema {
    fields: &[
        full("cpus", Kind::Cpus),
        full("memory", Kind::Size),
        full("pids", Kind::Integer(0, i64::MAX)),
    ],
    required: &[],
    merge: Merge::Keys,
};

static RESERVATIONS: Schema = Schema {
    fields: &[
        full("cpus", Kind::Cpus),
        full("memory", Kind::Size),
        refused("pids", "not supported: only limits can count processes"),
        full(
            "generic_resources",
            Kind::Objects(&GENERIC_RESOURCE, Short::None),
        ),
        refused(
            "devices",
            "not supported: label the nodes that have it and use a constraint",
        ),
    ],
    required: &[],
    merge: Merge::Keys,
};

static GENERIC_RESOURCE: Schema = Schema {
    fields: &[full(
        "discrete_resource_spec",
        Kind::Object(&DISCRETE_RESOURCE),
    )],
    required: &["discrete_resource_spec"],
    merge: Merge::Replace,
};

static DISCRETE_RESOURCE: Schema = Schema {
    fields: &[
        full("kind", Kind::Text),
        full("value", Kind::Integer(0, i64::MAX)),
    ],
    required: &["kind", "value"],
    merge: Merge::Keys,
};

static RESTART: Schema = Schema {
    fields: &[
        full("condition", Kind::Choice(&["none", "on-failure", "any"])),
        full("delay", Kind::Duration),
        full("max_attempts", Kind::Integer(0, i64::MAX)),
        full("window", Kind::Duration),
    ],
    required: &[],
    merge: Merge::Keys,
};

static PLACEMENT: Schema = Schema {
    fields: &[
        full("constraints", Kind::Texts),
        full("preferences", Kind::Objects(&PREFERENCE, Short::None)),
        full("max_replicas_per_node", Kind::Integer(0, i64::MAX)),
    ],
    required: &[],
    merge: Merge::Keys,
};

static PREFERENCE: Schema = Schema {
    fields: &[full("spread", Kind::Text)],
    required: &["spread"],
    merge: Merge::Replace,
};
