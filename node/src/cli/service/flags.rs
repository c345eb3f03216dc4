//! Options that `service create` and `service update` share: single values of a spec.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::edit::{set, set_some};
use crate::cli::{
    error::CliError,
    format::size,
    lookup::Lookup,
    values::{nanoseconds, span},
};

const CONTAINER: [&str; 2] = ["TaskTemplate", "ContainerSpec"];

/// An on-off option that can be turned off: `--tty`, `--tty=false`.
macro_rules! switch {
    ($($name:ident: $help:literal),* $(,)?) => {
        /// Options that are on or off.
        #[derive(Args, Debug, Default)]
        pub(super) struct Switches {
            $(
                #[doc = $help]
                #[arg(
                    long,
                    num_args = 0..=1,
                    require_equals = true,
                    default_missing_value = "true",
                    value_name = "true|false"
                )]
                $name: Option<bool>,
            )*
        }
    };
}

switch! {
    init: "Run an init process in each container that forwards signals and reaps processes",
    read_only: "Mount the container's root file system read-only",
    no_healthcheck: "Turn off the image's health check",
}

/// Options of the container.
#[derive(Args, Debug, Default)]
pub(super) struct ContainerFlags {
    #[command(flatten)]
    switches: Switches,
    /// Allocate a terminal
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "true|false")]
    tty: Option<bool>,
    /// User, and group if there is a colon
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Working directory in the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Host name in the container
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Command that replaces the image's entrypoint
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Signal that asks to stop
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Time between that signal and the kill
    #[arg(long, value_name = "DURATION", value_parser = span)]
    stop_grace_period: Option<Duration>,
    /// Command that checks the health
    #[arg(long, value_name = "COMMAND")]
    health_cmd: Option<String>,
    /// Time between two checks
    #[arg(long, value_name = "DURATION", value_parser = span)]
    health_interval: Option<Duration>,
    /// Failures in a row that make it unhealthy
    #[arg(long, value_name = "N")]
    health_retries: Option<u32>,
    /// Time for starting, in which failures do not count
    #[arg(long, value_name = "DURATION", value_parser = span)]
    health_start_period: Option<Duration>,
    /// Time between two checks while starting
    #[arg(long, value_name = "DURATION", value_parser = span)]
    health_start_interval: Option<Duration>,
    /// A check that takes longer has failed
    #[arg(long, value_name = "DURATION", value_parser = span)]
    health_timeout: Option<Duration>,
}

/// Options of the service.
#[derive(Args, Debug, Default)]
pub(super) struct ServiceFlags {
    /// Number of tasks
    #[arg(long, value_name = "N")]
    replicas: Option<u64>,
    /// Tasks of a job that run at a time
    #[arg(long, value_name = "N")]
    max_concurrent: Option<u64>,
    /// Tasks per node, 0 for any number
    #[arg(long, value_name = "N")]
    replicas_max_per_node: Option<u64>,
    /// How its name resolves: vip or dnsrr
    #[arg(long, value_parser = ["vip", "dnsrr"])]
    endpoint_mode: Option<String>,
    /// Processors that a task may use
    #[arg(long, value_name = "CPUS", value_parser = size::parse_cpus)]
    limit_cpu: Option<u64>,
    /// Memory that a task may use
    #[arg(long, value_name = "BYTES", value_parser = size::parse)]
    limit_memory: Option<u64>,
    /// Processes that a task may have
    #[arg(long, value_name = "N")]
    limit_pids: Option<u64>,
    /// Processors that a node must have free
    #[arg(long, value_name = "CPUS", value_parser = size::parse_cpus)]
    reserve_cpu: Option<u64>,
    /// Memory that a node must have free
    #[arg(long, value_name = "BYTES", value_parser = size::parse)]
    reserve_memory: Option<u64>,
    /// When a task is started again
    #[arg(long, value_parser = ["none", "on-failure", "any"])]
    restart_condition: Option<String>,
    /// Time before it is started again
    #[arg(long, value_name = "DURATION", value_parser = span)]
    restart_delay: Option<Duration>,
    /// How often it is started again, 0 for any number
    #[arg(long, value_name = "N")]
    restart_max_attempts: Option<u64>,
    /// Time in which the attempts are counted
    #[arg(long, value_name = "DURATION", value_parser = span)]
    restart_window: Option<Duration>,
    #[command(flatten)]
    update: UpdateFlags,
    #[command(flatten)]
    rollback: RollbackFlags,
}

macro_rules! rollout {
    ($name:ident, $parallelism:literal, $delay:literal, $action:literal, $monitor:literal,
     $ratio:literal, $order:literal, $actions:expr) => {
        /// How a service changes from one spec to another.
        #[derive(Args, Debug, Default)]
        struct $name {
            /// Tasks that change at a time, 0 for all
            #[arg(id = $parallelism, long = $parallelism, value_name = "N")]
            parallelism: Option<u64>,
            /// Time between two batches
            #[arg(id = $delay, long = $delay, value_name = "DURATION", value_parser = span)]
            delay: Option<Duration>,
            /// What happens when too many fail
            #[arg(id = $action, long = $action, value_parser = $actions)]
            failure_action: Option<String>,
            /// Time in which a failure counts
            #[arg(id = $monitor, long = $monitor, value_name = "DURATION", value_parser = span)]
            monitor: Option<Duration>,
            /// Share of tasks that may fail, 0 to 1
            #[arg(id = $ratio, long = $ratio, value_name = "RATIO", value_parser = ratio)]
            max_failure_ratio: Option<f64>,
            /// Which task is first, the old or the new
            #[arg(id = $order, long = $order, value_parser = ["start-first", "stop-first"])]
            order: Option<String>,
        }

        impl $name {
            fn apply(&self, spec: &mut Value, field: &str) {
                let given = json!({
                    "Parallelism": self.parallelism,
                    "Delay": self.delay.map(nanoseconds),
                    "FailureAction": self.failure_action,
                    "Monitor": self.monitor.map(nanoseconds),
                    "MaxFailureRatio": self.max_failure_ratio,
                    "Order": self.order,
                });
                merge(spec, &[field], &given, || {
                    json!({"Parallelism": 1, "FailureAction": "pause",
                           "Monitor": 5_000_000_000_u64, "MaxFailureRatio": 0,
                           "Order": "stop-first"})
                });
            }
        }
    };
}

rollout!(
    UpdateFlags,
    "update-parallelism",
    "update-delay",
    "update-failure-action",
    "update-monitor",
    "update-max-failure-ratio",
    "update-order",
    ["pause", "continue", "rollback"]
);
rollout!(
    RollbackFlags,
    "rollback-parallelism",
    "rollback-delay",
    "rollback-failure-action",
    "rollback-monitor",
    "rollback-max-failure-ratio",
    "rollback-order",
    ["pause", "continue"]
);

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(format!("{text:?} is no ratio between 0 and 1")),
    }
}

/// Puts the given fields (those not null) into an object. If it is not there yet, and something was
/// given, it begins with Docker's defaults: absent numbers would read as 0.
fn merge(spec: &mut Value, path: &[&str], given: &Value, defaults: impl Fn() -> Value) {
    let given = given.as_object().into_iter().flatten();
    let given: Vec<_> = given.filter(|(_, value)| !value.is_null()).collect();
    if given.is_empty() {
        return;
    }
    if !spec.has(&format!("/{}", path.join("/"))) {
        set(spec, path, defaults());
    }
    for (key, value) in given {
        set(spec, &[path, &[key.as_str()]].concat(), value.clone());
    }
}

impl ContainerFlags {
    /// Puts what was given into a spec.
    pub(super) fn apply(&self, spec: &mut Value) -> Result<(), CliError> {
        let mut put = |field: &str, value: Option<Value>| {
            set_some(spec, &[CONTAINER[0], CONTAINER[1], field], value);
        };
        put("User", self.user.clone().map(Value::from));
        put("Dir", self.workdir.clone().map(Value::from));
        put("Hostname", self.hostname.clone().map(Value::from));
        put("StopSignal", self.stop_signal.clone().map(Value::from));
        let grace = self.stop_grace_period.map(nanoseconds);
        put("StopGracePeriod", grace.map(Value::from));
        put("TTY", self.tty.map(Value::from));
        put("ReadOnly", self.switches.read_only.map(Value::from));
        put("Init", self.switches.init.map(Value::from));
        if let Some(entrypoint) = &self.entrypoint {
            put("Command", Some(words(entrypoint)?.into()));
        }
        self.apply_health(spec)
    }

    fn apply_health(&self, spec: &mut Value) -> Result<(), CliError> {
        let path = [CONTAINER[0], CONTAINER[1], "Healthcheck"];
        let test = self
            .health_cmd
            .as_ref()
            .map(|line| ["CMD-SHELL", line.as_str()]);
        let given = json!({
            "Test": test,
            "Interval": self.health_interval.map(nanoseconds),
            "Retries": self.health_retries,
            "StartPeriod": self.health_start_period.map(nanoseconds),
            "StartInterval": self.health_start_interval.map(nanoseconds),
            "Timeout": self.health_timeout.map(nanoseconds),
        });
        if self.switches.no_healthcheck == Some(true) {
            let is_any = given
                .as_object()
                .is_some_and(|map| map.values().any(|v| !v.is_null()));
            if is_any {
                return Err(CliError::usage(
                    "--no-healthcheck conflicts with --health-* options",
                ));
            }
            set(spec, &path, json!({"Test": ["NONE"]}));
            return Ok(());
        }
        merge(spec, &path, &given, || json!({}));
        Ok(())
    }
}

impl ServiceFlags {
    /// Puts what was given into a spec.
    pub(super) fn apply(&self, spec: &mut Value) -> Result<(), CliError> {
        self.apply_mode(spec)?;
        let task = |fields: &[&'static str]| [&["TaskTemplate"], fields].concat();
        for (group, field, value) in [
            ("Limits", "NanoCPUs", self.limit_cpu),
            ("Limits", "MemoryBytes", self.limit_memory),
            ("Limits", "Pids", self.limit_pids),
            ("Reservations", "NanoCPUs", self.reserve_cpu),
            ("Reservations", "MemoryBytes", self.reserve_memory),
        ] {
            set_some(spec, &task(&["Resources", group, field]), value);
        }
        let max = self.replicas_max_per_node;
        set_some(spec, &task(&["Placement", "MaxReplicas"]), max);
        let given = json!({
            "Condition": self.restart_condition,
            "Delay": self.restart_delay.map(nanoseconds),
            "MaxAttempts": self.restart_max_attempts,
            "Window": self.restart_window.map(nanoseconds),
        });
        merge(
            spec,
            &task(&["RestartPolicy"]),
            &given,
            || json!({"Condition": "any", "Delay": 5_000_000_000_u64, "MaxAttempts": 0}),
        );
        self.update.apply(spec, "UpdateConfig");
        self.rollback.apply(spec, "RollbackConfig");
        let mode = self.endpoint_mode.clone();
        set_some(spec, &["EndpointSpec", "Mode"], mode);
        Ok(())
    }

    fn apply_mode(&self, spec: &mut Value) -> Result<(), CliError> {
        if spec.has("/Mode/ReplicatedJob") {
            let path = |field| ["Mode", "ReplicatedJob", field];
            let concurrent = self.max_concurrent.or(self.replicas);
            set_some(spec, &path("TotalCompletions"), self.replicas);
            set_some(spec, &path("MaxConcurrent"), concurrent);
            return Ok(());
        }
        if self.max_concurrent.is_some() {
            return Err(CliError::usage(
                "--max-concurrent is for services of mode replicated-job only",
            ));
        }
        let is_global = spec.has("/Mode/Global") || spec.has("/Mode/GlobalJob");
        if is_global && self.replicas.is_some() {
            return Err(CliError::usage(
                "replicas can only be used with replicated or replicated-job mode",
            ));
        }
        set_some(spec, &["Mode", "Replicated", "Replicas"], self.replicas);
        Ok(())
    }
}

/// Splits a line as a shell would.
pub(super) fn words(line: &str) -> Result<Vec<String>, CliError> {
    shlex::split(line).ok_or_else(|| CliError::usage(format!("a quote is not closed in {line:?}")))
}
