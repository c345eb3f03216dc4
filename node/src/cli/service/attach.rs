//! What a service refers to by name: networks, secrets, configs. The spec wants their ids.

use serde_json::{Value, json};

use crate::cli::{
    error::CliError,
    file::Kind,
    lookup::Lookup,
    query::{Filters, Target},
    session::Session,
};

/// Looks the ids of networks up. `name=NET,alias=A` is understood, too.
pub(super) async fn networks(session: &Session, texts: &[String]) -> Result<Vec<Value>, CliError> {
    let mut attached = Vec::new();
    for text in texts {
        let (mut name, mut aliases) = (text.as_str(), Vec::new());
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("name", value)) => name = value,
                Some(("alias", value)) => aliases.push(value),
                Some((key, _)) => {
                    return Err(CliError::usage(format!(
                        "{key:?} in {text:?}: known are name and alias"
                    )));
                }
                None => {}
            }
        }
        let target = Target::new("/networks")
            .segment(name)
            .with("scope", "swarm");
        let network: Value = session.client.get(target.as_str()).await?;
        let mut attachment = json!({"Target": network.text("/Id")});
        if !aliases.is_empty() {
            attachment["Aliases"] = aliases.into();
        }
        attached.push(attachment);
    }
    Ok(attached)
}

/// Looks the ids of secrets or configs up: `NAME` or `source=NAME,target=PATH,uid=,gid=,mode=`.
pub(super) async fn files(
    session: &Session,
    kind: Kind,
    texts: &[String],
) -> Result<Vec<Value>, CliError> {
    let mut references = Vec::new();
    for text in texts {
        let (name, file) = read_file(kind, text).map_err(CliError::Usage)?;
        let filters = Filters::default().and("name", &name);
        let target = Target::new(kind.path()).filtered(&filters);
        let found: Vec<Value> = session.client.get(target.as_str()).await?;
        let Some(object) = found
            .iter()
            .find(|object| object.text("/Spec/Name") == name)
        else {
            let word = kind.word();
            return Err(CliError::failed(format!("{word} not found: {name}")));
        };
        references.push(match kind {
            Kind::Secret => {
                json!({"File": file, "SecretID": object.text("/ID"), "SecretName": name})
            }
            Kind::Config => {
                json!({"File": file, "ConfigID": object.text("/ID"), "ConfigName": name})
            }
        });
    }
    Ok(references)
}

fn read_file(kind: Kind, text: &str) -> Result<(String, Value), String> {
    let mut file = json!({"Name": "", "UID": "0", "GID": "0", "Mode": 0o444});
    let mut name = None;
    for part in text.split(',') {
        match part.split_once('=').unwrap_or(("source", part)) {
            ("source" | "src", value) => name = Some(value.to_owned()),
            ("target", value) => file["Name"] = value.into(),
            ("uid", value) => file["UID"] = value.into(),
            ("gid", value) => file["GID"] = value.into(),
            ("mode", value) => {
                let mode = u32::from_str_radix(value, 8);
                file["Mode"] = mode
                    .map_err(|_| format!("{value:?} in {text:?} is no octal number"))?
                    .into();
            }
            (key, _) => return Err(format!("{key:?} in {text:?} is not known")),
        }
    }
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| format!("{text:?} has no source=NAME"))?;
    if file.text("/Name").is_empty() {
        file["Name"] = match kind {
            Kind::Secret => name.clone().into(),
            Kind::Config => format!("/{name}").into(),
        };
    }
    Ok((name, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_references() {
        let (name, file) = read_file(Kind::Config, "conf").unwrap();
        assert_eq!((name.as_str(), file.text("/Name")), ("conf", "/conf"));
        let (name, file) = read_file(Kind::Secret, "source=s,target=t,mode=0400").unwrap();
        assert_eq!(name, "s");
        assert_eq!(
            file,
            json!({"Name": "t", "UID": "0", "GID": "0", "Mode": 0o400})
        );
        for text in ["", "target=x", "s,mode=9", "s,what=1"] {
            assert!(read_file(Kind::Secret, text).is_err(), "{text}");
        }
    }
}
