//! The keys of a whole file, and of its networks, volumes, secrets and configs.

use super::{Kind, Merge, SERVICE, Schema, full, ignored, refused};
use crate::compose::short::Short;

/// A whole file.
pub(crate) static FILE: Schema = Schema {
    fields: &[
        full("version", Kind::Anything),
        ignored("name", "ignored: the stack is named on the command line"),
        refused("include", "not supported: give each file with -c"),
        refused("models", "not supported"),
        full("services", Kind::Named(&Kind::Object(&SERVICE))),
        full("networks", Kind::Named(&Kind::Object(&NETWORK))),
        full("volumes", Kind::Named(&Kind::Object(&VOLUME))),
        full("secrets", Kind::Named(&Kind::Object(&FILE_OBJECT))),
        full("configs", Kind::Named(&Kind::Object(&FILE_OBJECT))),
    ],
    required: &[],
    merge: Merge::Keys,
};

static NETWORK: Schema = Schema {
    fields: &[
        full("name", Kind::Text),
        full("driver", Kind::Text),
        full("driver_opts", Kind::Labels),
        full("ipam", Kind::Object(&IPAM)),
        full("external", Kind::External),
        full("internal", Kind::Bool),
        full("attachable", Kind::Bool),
        full("labels", Kind::Labels),
        full("enable_ipv6", Kind::Bool),
        ignored("enable_ipv4", "ignored: networks have IPv4"),
    ],
    required: &[],
    merge: Merge::Keys,
};

static IPAM: Schema = Schema {
    fields: &[
        full("driver", Kind::Text),
        full("config", Kind::Objects(&POOL, Short::None)),
        ignored("options", "ignored, as in docker stack deploy"),
    ],
    required: &[],
    merge: Merge::Keys,
};

static POOL: Schema = Schema {
    fields: &[
        full("subnet", Kind::Text),
        ignored("gateway", "ignored, as in docker stack deploy"),
        ignored("ip_range", "ignored, as in docker stack deploy"),
        ignored("aux_addresses", "ignored, as in docker stack deploy"),
    ],
    required: &["subnet"],
    merge: Merge::Replace,
};

static VOLUME: Schema = Schema {
    fields: &[
        full("name", Kind::Text),
        full("driver", Kind::Text),
        full("driver_opts", Kind::Labels),
        full("external", Kind::External),
        full("labels", Kind::Labels),
    ],
    required: &[],
    merge: Merge::Keys,
};

static FILE_OBJECT: Schema = Schema {
    fields: &[
        full("name", Kind::Text),
        full("file", Kind::Text),
        full("external", Kind::External),
        full("labels", Kind::Labels),
        full("template_driver", Kind::Text),
        refused("environment", "not supported: use file"),
        refused("content", "not supported: use file"),
        refused("driver", "not supported: use file"),
        refused("driver_opts", "not supported: use file"),
    ],
    required: &[],
    merge: Merge::Keys,
};
