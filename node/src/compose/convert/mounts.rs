//! Volumes, bind mounts and tmpfs: Swarm's `Mount`.

use serde_json::Value as Json;

use super::{Stack, json::Object, json_map, texts_by_key};
use crate::compose::{
    node::{At, Node, Value},
    quantity,
};

impl Stack<'_> {
    /// The mounts of a service: `volumes`, then `tmpfs` (which `docker stack deploy` drops).
    pub(super) fn mounts(&mut self, service: &Node, path: &str) -> Vec<Json> {
        let mut out = Vec::new();
        let volumes = service.get("volumes").map_or(&[][..], Node::items);
        for (index, item) in volumes.iter().enumerate() {
            if item.value == Value::Null {
                continue;
            }
            let path = format!("{path}.volumes[{index}]");
            match self.mount(item) {
                Ok(mount) => out.push(mount),
                Err(message) => self.error(item.at, &path, message),
            }
        }
        let memory = service.get("tmpfs").map_or(&[][..], Node::items);
        for (index, item) in memory.iter().enumerate() {
            match tmpfs(item.as_text().unwrap_or_default()) {
                Ok(mount) => out.push(mount),
                Err(message) => self.error(item.at, &format!("{path}.tmpfs[{index}]"), message),
            }
        }
        out
    }

    fn mount(&self, item: &Node) -> Result<Json, String> {
        let kind = match item.text_of("type") {
            "" => "volume",
            kind => kind,
        };
        let foreign = ["bind", "volume", "tmpfs"]
            .into_iter()
            .find(|options| *options != kind && item.get(options).is_some());
        if let Some(options) = foreign {
            return Err(format!(
                "the options under {options} do not fit the type {kind}"
            ));
        }
        if !item.text_of("target").starts_with('/') {
            return Err(format!(
                "the target must be an absolute path in the container, not {:?}",
                item.text_of("target")
            ));
        }
        let source = item.text_of("source");
        let mut mount = Object::default();
        mount
            .keep("Type", kind)
            .put("Source", source)
            .put("Target", item.text_of("target"))
            .put("ReadOnly", item.is_true("read_only"));
        match kind {
            "bind" if source.is_empty() => return Err("a bind mount needs a source".to_owned()),
            "bind" => {
                mount.keep_some("BindOptions", item.get("bind").map(bind_options));
            }
            "tmpfs" if !source.is_empty() => return Err("a tmpfs has no source".to_owned()),
            "tmpfs" => {
                mount.keep_some("TmpfsOptions", item.get("tmpfs").map(tmpfs_options));
            }
            _ if source.is_empty() => {}
            _ => self.volume(item, source, &mut mount)?,
        }
        Ok(mount.take())
    }

    fn volume(&self, item: &Node, source: &str, mount: &mut Object) -> Result<(), String> {
        let declaration = self.declared("volumes", source).ok_or_else(|| {
            format!("the volume {source} is not declared under the top level's volumes")
        })?;
        let mut options = Object::default();
        options.put(
            "NoCopy",
            item.under(&["volume"])
                .is_some_and(|node| node.is_true("nocopy")),
        );
        if !declaration.is_true("external") {
            options.keep("Labels", json_map(self.labels(declaration.get("labels"))));
            let driver = Object::default()
                .put("Name", declaration.text_of("driver"))
                .put(
                    "Options",
                    json_map(texts_by_key(declaration.get("driver_opts"))),
                )
                .take();
            options.put("DriverConfig", driver);
        }
        mount
            .keep("Source", self.real_name(source, declaration))
            .keep("VolumeOptions", options.take());
        Ok(())
    }
}

fn bind_options(bind: &Node) -> Json {
    Object::default()
        .put("Propagation", bind.text_of("propagation"))
        .put("CreateMountpoint", bind.is_true("create_host_path"))
        .take()
}

fn tmpfs_options(options: &Node) -> Json {
    Object::default()
        .put("SizeBytes", options.int_of("size"))
        .put("Mode", options.int_of("mode"))
        .take()
}

/// The service key `tmpfs`: `PATH[:size=64m,mode=1777]`.
fn tmpfs(text: &str) -> Result<Json, String> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    if !target.starts_with('/') {
        return Err(format!(
            "must be an absolute path in the container, not {target:?}"
        ));
    }
    let at = At::default();
    let mut parsed = Node::map(at);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let number = match option.split_once('=') {
            Some(("size", size)) => quantity::size(size).map(|bytes| ("size", bytes)),
            Some(("mode", mode)) => i64::from_str_radix(mode, 8)
                .ok()
                .filter(|mode| (0..=0o7777).contains(mode))
                .map(|mode| ("mode", mode)),
            _ => None,
        };
        let (key, number) = number.ok_or_else(|| {
            format!("the option {option:?} is not supported: only size=64m and mode=1777 are")
        })?;
        parsed.set(key, Node::new(Value::Int(number), at));
    }
    let mut mount = Object::default();
    mount
        .keep("Type", "tmpfs")
        .keep("Target", target)
        .put("TmpfsOptions", tmpfs_options(&parsed));
    Ok(mount.take())
}
