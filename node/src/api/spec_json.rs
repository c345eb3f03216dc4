//! The JSON of a service's spec as it is shown: as it was written, so that fields which this
//! version does not know survive; with Swarm's defaults where the client asks for them.
//!
//! The defaults are those of swarmkit's `api/defaults/service.go`, filled in as its
//! `InterpolateService` does.

use std::sync::Arc;

use serde_json::{
    Map, Value, json,
    value::{RawValue, to_raw_value},
};
use shoal_scheduler::{
    spec::{ContainerSpec, Mode},
    view::ServiceView,
};

/// A stored text as JSON that can be embedded in an answer. None: it is not JSON.
pub(super) fn embed(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).ok()
}

/// The spec of a service. What clients take for granted (a mode, a container) is always there.
pub(super) fn spec(
    service: &ServiceView,
    with_defaults: bool,
) -> serde_json::Result<Box<RawValue>> {
    let spec = &service.spec;
    let has_replicas = spec.mode.replicated.as_ref();
    let has_replicas = has_replicas.is_none_or(|replicated| replicated.replicas.is_some());
    let has_mode = spec.mode != Mode::default() && has_replicas;
    let is_complete = has_mode && *spec.container() != ContainerSpec::default();
    match embed(&service.spec_json) {
        Some(raw) if is_complete && !with_defaults => return Ok(raw),
        _ => {}
    }
    let mut value = match serde_json::from_str(&service.spec_json) {
        Ok(Value::Object(map)) => map,
        _ => match serde_json::to_value(&*service.spec)? {
            Value::Object(map) => map,
            _ => Map::new(),
        },
    };
    complete(&mut value);
    if with_defaults {
        fill_defaults(&mut value);
    }
    to_raw_value(&value)
}

/// The task template within a spec's JSON.
pub(super) fn template(spec_json: &Arc<str>) -> Option<Box<RawValue>> {
    #[derive(serde::Deserialize)]
    struct Spec<'a> {
        #[serde(rename = "TaskTemplate", borrow)]
        template: &'a RawValue,
    }
    let spec: Spec<'_> = serde_json::from_str(spec_json).ok()?;
    Some(spec.template.to_owned())
}

fn complete(spec: &mut Map<String, Value>) {
    object(object(spec, "TaskTemplate"), "ContainerSpec")
        .entry("Image")
        .or_insert_with(|| "".into());
    let mode = object(spec, "Mode");
    if mode.values().all(Value::is_null) {
        *mode = object_of(json!({ "Replicated": {} }));
    }
    if mode.get("Replicated").is_some_and(Value::is_object) {
        or_default(object(mode, "Replicated"), "Replicas", json!(1));
    }
}

fn fill_defaults(spec: &mut Map<String, Value>) {
    let task = object(spec, "TaskTemplate");
    let container = object(task, "ContainerSpec");
    or_default(container, "StopGracePeriod", json!(10_000_000_000_i64));
    or_default(container, "DNSConfig", json!({}));
    or_default(task, "Resources", json!({}));
    let restart = json!({ "Condition": "any", "Delay": 5_000_000_000_i64, "MaxAttempts": 0 });
    or_default(task, "RestartPolicy", restart);
    or_default(
        object(task, "RestartPolicy"),
        "Delay",
        json!(5_000_000_000_i64),
    );
    or_default(task, "Placement", json!({}));
    for name in ["UpdateConfig", "RollbackConfig"] {
        let config = json!({
            "Parallelism": 1,
            "FailureAction": "pause",
            "Monitor": 5_000_000_000_i64,
            "MaxFailureRatio": 0,
            "Order": "stop-first",
        });
        or_default(spec, name, config);
        or_default(object(spec, name), "Monitor", json!(5_000_000_000_i64));
    }
}

fn or_default(map: &mut Map<String, Value>, key: &str, default: Value) {
    let value = map.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = default;
    }
}

/// The object under this key. Anything else that is there makes way for an empty one.
fn object<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it was just made one")
}

fn object_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
