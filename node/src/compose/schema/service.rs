//! The keys of one service.

use super::{Field, Kind, Merge, Schema, deploy::DEPLOY, full, ignored, refused};
use crate::compose::short::Short;

/// One service.
pub(crate) static SERVICE: Schema = Schema {
    fields: FIELDS,
    required: &[],
    merge: Merge::Keys,
};

const LIMITS: &str = "not supported: set limits under deploy.resources";
const NOT_IN_A_CLUSTER: &str = "not supported: services of a cluster cannot have it";

static FIELDS: &[Field] = &[
    refused("annotations", "not supported: use labels"),
    ignored(
        "attach",
        "ignored: it is about the terminal of docker compose",
    ),
    refused("blkio_config", LIMITS),
    // Whether ignoring it changes what runs depends on `image`: see normal.rs.
    full("build", Kind::Anything),
    full("cap_add", Kind::Texts),
    full("cap_drop", Kind::Texts),
    refused("cgroup", NOT_IN_A_CLUSTER),
    refused("cgroupns_mode", NOT_IN_A_CLUSTER),
    refused("cgroup_parent", LIMITS),
    full("command", Kind::Command),
    full("configs", Kind::Objects(&FILE_REFERENCE, Short::Source)),
    ignored(
        "container_name",
        "ignored: a service may have many containers, each named after its task",
    ),
    refused("cpu_count", LIMITS),
    refused("cpu_percent", LIMITS),
    refused("cpu_period", LIMITS),
    refused("cpu_quota", LIMITS),
    refused("cpu_rt_period", LIMITS),
    refused("cpu_rt_runtime", LIMITS),
    refused("cpu_shares", LIMITS),
    refused("cpus", "not supported: use deploy.resources.limits.cpus"),
    refused("cpuset", LIMITS),
    refused("credential_spec", "not supported: it is for Windows"),
    ignored(
        "depends_on",
        "ignored, as in Swarm: services start in any order, so a service must wait for what it needs",
    ),
    full("deploy", Kind::Object(&DEPLOY)),
    ignored("develop", "ignored: it is about docker compose watch"),
    refused("device_cgroup_rules", NOT_IN_A_CLUSTER),
    refused("devices", NOT_IN_A_CLUSTER),
    full("dns", Kind::Texts),
    full("dns_opt", Kind::Texts),
    full("dns_search", Kind::Texts),
    refused(
        "domainname",
        "not supported: write the whole name in hostname",
    ),
    full("entrypoint", Kind::Command),
    full("environment", Kind::Variables),
    full("env_file", Kind::Objects(&ENV_FILE, Short::EnvFile)),
    ignored(
        "expose",
        "ignored: services on the same network reach every port of each other",
    ),
    refused(
        "extends",
        "not supported: use a YAML anchor, or a second file with -c",
    ),
    refused(
        "external_links",
        "not supported: put both services on one network",
    ),
    full("extra_hosts", Kind::Hosts),
    refused("gpus", NOT_IN_A_CLUSTER),
    full("group_add", Kind::Texts),
    full("hostname", Kind::Text),
    full("healthcheck", Kind::Object(&HEALTHCHECK)),
    full("image", Kind::Text),
    full("init", Kind::Bool),
    refused("ipc", NOT_IN_A_CLUSTER),
    full("isolation", Kind::Text),
    refused("label_file", "not supported: use labels"),
    full("labels", Kind::Labels),
    ignored(
        "links",
        "ignored: services on the same network reach each other by name",
    ),
    full("logging", Kind::Object(&LOGGING)),
    refused("mac_address", NOT_IN_A_CLUSTER),
    refused(
        "mem_limit",
        "not supported: use deploy.resources.limits.memory",
    ),
    refused(
        "mem_reservation",
        "not supported: use deploy.resources.reservations.memory",
    ),
    refused("mem_swappiness", LIMITS),
    refused("memswap_limit", LIMITS),
    refused("models", "not supported"),
    refused(
        "network_mode",
        "not supported: use networks; to bypass them publish a port with mode: host",
    ),
    full("networks", Kind::NamesOr(&Kind::Object(&ATTACHMENT))),
    refused("oom_kill_disable", LIMITS),
    refused("oom_score_adj", LIMITS),
    refused("pid", NOT_IN_A_CLUSTER),
    refused(
        "pids_limit",
        "not supported: use deploy.resources.limits.pids",
    ),
    refused(
        "platform",
        "not supported: use a constraint such as node.platform.arch == arm64 under deploy.placement",
    ),
    full("ports", Kind::Objects(&PORT, Short::Port)),
    refused("post_start", "not supported: let the command do it"),
    refused(
        "pre_stop",
        "not supported: let the command do it when it gets stop_signal",
    ),
    refused("privileged", "not supported: use cap_add"),
    refused("profiles", "not supported: use several files with -c"),
    refused("provider", "not supported"),
    ignored(
        "pull_policy",
        "ignored: a node pulls an image that it does not have",
    ),
    full("read_only", Kind::Bool),
    full("restart", Kind::Text),
    refused("runtime", NOT_IN_A_CLUSTER),
    refused("scale", "not supported: use deploy.replicas"),
    full("secrets", Kind::Objects(&FILE_REFERENCE, Short::Source)),
    refused("security_opt", NOT_IN_A_CLUSTER),
    refused("shm_size", "not supported: mount a tmpfs on /dev/shm"),
    full("stdin_open", Kind::Bool),
    full("stop_grace_period", Kind::Duration),
    full("stop_signal", Kind::Text),
    refused("storage_opt", NOT_IN_A_CLUSTER),
    full("sysctls", Kind::Labels),
    full("tmpfs", Kind::Texts),
    full("tty", Kind::Bool),
    full("ulimits", Kind::Named(&Kind::Limit)),
    refused("use_api_socket", NOT_IN_A_CLUSTER),
    full("user", Kind::Text),
    refused("userns_mode", NOT_IN_A_CLUSTER),
    refused("uts", NOT_IN_A_CLUSTER),
    refused(
        "volume_driver",
        "not supported: name the driver under the top level's volumes",
    ),
    full("volumes", Kind::Objects(&VOLUME, Short::Volume)),
    refused(
        "volumes_from",
        "not supported: name the volume under the top level's volumes and mount it in both",
    ),
    full("working_dir", Kind::Text),
    full("x-shoal", Kind::Object(&SHOAL)),
];

static SHOAL: Schema = Schema {
    fields: &[
        full("priority", Kind::Integer(i32::MIN as i64, i32::MAX as i64)),
        full("data", Kind::Choice(&["home", "move"])),
        full("proxy-protocol", Kind::Choice(&["v1", "v2"])),
        refused(
            "consistency",
            "not supported yet: every service is available on each side of a partition",
        ),
    ],
    required: &[],
    merge: Merge::Keys,
};

static HEALTHCHECK: Schema = Schema {
    fields: &[
        full("test", Kind::HealthTest),
        full("timeout", Kind::Duration),
        full("interval", Kind::Duration),
        full("retries", Kind::Integer(0, i32::MAX as i64)),
        full("start_period", Kind::Duration),
        full("start_interval", Kind::Duration),
        full("disable", Kind::Bool),
    ],
    required: &[],
    merge: Merge::Keys,
};

static LOGGING: Schema = Schema {
    fields: &[full("driver", Kind::Text), full("options", Kind::Labels)],
    required: &[],
    merge: Merge::KeysIfSame("driver"),
};

static ATTACHMENT: Schema = Schema {
    fields: &[
        full("aliases", Kind::Texts),
        full("driver_opts", Kind::Labels),
        refused(
            "ipv4_address",
            "not supported: tasks come and go, and get an address each",
        ),
        refused(
            "ipv6_address",
            "not supported: tasks come and go, and get an address each",
        ),
        refused("link_local_ips", "not supported"),
        refused("mac_address", NOT_IN_A_CLUSTER),
        ignored("priority", "ignored: networks have no order"),
        ignored("gw_priority", "ignored: networks have no order"),
        refused("interface_name", "not supported"),
    ],
    required: &[],
    merge: Merge::Replace,
};

static PORT: Schema = Schema {
    fields: &[
        ignored("name", "ignored: it is a remark"),
        full("mode", Kind::Choice(&["ingress", "host"])),
        full("target", Kind::Integer(1, 65_535)),
        full("published", Kind::Integer(0, 65_535)),
        full("protocol", Kind::Choice(&["tcp", "udp", "sctp"])),
        refused(
            "host_ip",
            "not supported: a published port listens on every address of the node",
        ),
        ignored("app_protocol", "ignored: it is a remark"),
    ],
    required: &["target"],
    merge: Merge::Replace,
};

static VOLUME: Schema = Schema {
    fields: &[
        full("type", Kind::Choice(&["volume", "bind", "tmpfs"])),
        full("source", Kind::Text),
        full("target", Kind::Text),
        full("read_only", Kind::Bool),
        ignored("consistency", "ignored: it is for Docker Desktop"),
        full("bind", Kind::Object(&BIND)),
        full("volume", Kind::Object(&VOLUME_OPTIONS)),
        full("tmpfs", Kind::Object(&TMPFS)),
    ],
    required: &["target"],
    merge: Merge::Replace,
};

static BIND: Schema = Schema {
    fields: &[
        full(
            "propagation",
            Kind::Choice(&[
                "private", "rprivate", "shared", "rshared", "slave", "rslave",
            ]),
        ),
        full("create_host_path", Kind::Bool),
        ignored("selinux", "ignored: the label of the path is not changed"),
        refused("recursive", "not supported"),
    ],
    required: &[],
    merge: Merge::Keys,
};

static VOLUME_OPTIONS: Schema = Schema {
    fields: &[
        full("nocopy", Kind::Bool),
        refused("subpath", "not supported: use a volume of its own"),
    ],
    required: &[],
    merge: Merge::Keys,
};

static TMPFS: Schema = Schema {
    fields: &[
        full("size", Kind::Bytes),
        full("mode", Kind::Integer(0, 0o7777)),
    ],
    required: &[],
    merge: Merge::Keys,
};

static FILE_REFERENCE: Schema = Schema {
    fields: &[
        full("source", Kind::Text),
        full("target", Kind::Text),
        full("uid", Kind::Text),
        full("gid", Kind::Text),
        full("mode", Kind::Integer(0, 0o7777)),
    ],
    required: &["source"],
    merge: Merge::Replace,
};

static ENV_FILE: Schema = Schema {
    fields: &[
        full("path", Kind::Text),
        full("required", Kind::Bool),
        full("format", Kind::Choice(&["raw"])),
    ],
    required: &["path"],
    merge: Merge::Replace,
};
