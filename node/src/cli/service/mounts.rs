//! `--mount type=volume,source=data,target=/data`, with Docker's keys.

use serde_json::{Value, json};

use super::edit::set;
use crate::cli::format::size;

/// Reads an option.
///
/// # Errors
/// A sentence that quotes it.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut mount = json!({"Type": "volume"});
    for part in text.split(',') {
        let (key, value) = match part.split_once('=') {
            Some((key, value)) => (key.trim().to_ascii_lowercase(), Some(value.trim())),
            None => (part.trim().to_ascii_lowercase(), None),
        };
        option(&mut mount, &key, value).map_err(|error| format!("{text:?}: {error}"))?;
    }
    let kind = mount["Type"].as_str().unwrap_or_default();
    if mount.get("Target").is_none() {
        return Err(format!("{text:?} has no target=PATH"));
    }
    if kind == "bind" && mount.get("Source").is_none() {
        return Err(format!("{text:?}: a bind mount needs source=PATH"));
    }
    if kind == "tmpfs" && mount.get("Source").is_some() {
        return Err(format!("{text:?}: a tmpfs has no source"));
    }
    for (options, needed) in [
        ("BindOptions", "bind"),
        ("VolumeOptions", "volume"),
        ("TmpfsOptions", "tmpfs"),
    ] {
        if mount.get(options).is_some() && kind != needed {
            return Err(format!(
                "{text:?} mixes type={kind} with options of {needed}"
            ));
        }
    }
    Ok(mount)
}

fn option(mount: &mut Value, key: &str, value: Option<&str>) -> Result<(), String> {
    let given = || match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(format!("{key} needs a value")),
    };
    match key {
        "type" => match given()? {
            kind @ ("bind" | "volume" | "tmpfs" | "npipe" | "cluster") => {
                set(mount, &["Type"], kind.into());
            }
            other => return Err(format!("{other:?} is no type (bind, volume or tmpfs)")),
        },
        "source" | "src" => set(mount, &["Source"], given()?.into()),
        "target" | "dst" | "destination" => set(mount, &["Target"], given()?.into()),
        "readonly" | "ro" => set(mount, &["ReadOnly"], truth(value)?.into()),
        "consistency" => set(mount, &["Consistency"], given()?.into()),
        "bind-propagation" => set(mount, &["BindOptions", "Propagation"], given()?.into()),
        "volume-nocopy" => set(mount, &["VolumeOptions", "NoCopy"], truth(value)?.into()),
        "volume-label" => {
            let (key, value) = pair(given()?);
            set(mount, &["VolumeOptions", "Labels", key], value.into());
        }
        "volume-driver" => {
            set(
                mount,
                &["VolumeOptions", "DriverConfig", "Name"],
                given()?.into(),
            );
        }
        "volume-opt" => {
            let (key, value) = pair(given()?);
            let path = ["VolumeOptions", "DriverConfig", "Options", key];
            set(mount, &path, value.into());
        }
        "tmpfs-size" => {
            set(
                mount,
                &["TmpfsOptions", "SizeBytes"],
                size::parse(given()?)?.into(),
            );
        }
        "tmpfs-mode" => {
            let mode = u32::from_str_radix(given()?, 8);
            let mode = mode.map_err(|_| "tmpfs-mode is no octal number".to_owned())?;
            set(mount, &["TmpfsOptions", "Mode"], mode.into());
        }
        other => return Err(format!("{other:?} is no option of a mount")),
    }
    Ok(())
}

fn pair(text: &str) -> (&str, &str) {
    text.split_once('=').unwrap_or((text, ""))
}

fn truth(value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => Err(format!("{other:?} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read() {
        let text = "type=volume,src=v1,dst=/data,ro,volume-driver=nfs,volume-opt=o=addr=1.2.3.4";
        assert_eq!(
            parse(text).unwrap(),
            json!({"Type": "volume", "Source": "v1", "Target": "/data", "ReadOnly": true,
                   "VolumeOptions": {"DriverConfig": {"Name": "nfs",
                                                      "Options": {"o": "addr=1.2.3.4"}}}})
        );
        let text = "type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1770";
        assert_eq!(
            parse(text).unwrap()["TmpfsOptions"],
            json!({"SizeBytes": 67_108_864, "Mode": 0o1770})
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "",
            "type=x,target=/a",
            "source=v",
            "type=bind,target=/a",
            "target=/a,foo=1",
            "type=tmpfs,source=x,target=/a",
            "type=bind,src=/a,dst=/b,volume-nocopy",
            "target=",
            "target=/a,ro=maybe",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
