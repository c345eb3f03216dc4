//! Confinement by security modules, in the words of `--security-opt`.

use base64::{Engine, engine::general_purpose::STANDARD};
use shoal_scheduler::spec::{ContainerSpec, Privileges, SeLinux};

use super::config::Unfit;

/// The options of a container. None: the engine's own.
pub(super) fn options(container: &ContainerSpec) -> Result<Option<Vec<String>>, Unfit> {
    let Some(privileges) = &container.privileges else {
        return Ok(None);
    };
    if privileges.credential_spec.is_some() {
        return Err(Unfit::CredentialSpec);
    }
    let mut options = Vec::new();
    if privileges.no_new_privileges {
        options.push("no-new-privileges=true".to_owned());
    }
    options.extend(privileges.selinux.iter().flat_map(selinux));
    options.extend(seccomp(privileges)?);
    let is_off = |armor: &shoal_scheduler::spec::AppArmor| armor.mode == "disabled";
    if privileges.app_armor.as_ref().is_some_and(is_off) {
        options.push("apparmor=unconfined".to_owned());
    }
    Ok((!options.is_empty()).then_some(options))
}

fn selinux(context: &SeLinux) -> Vec<String> {
    if context.disable {
        return vec!["label=disable".to_owned()];
    }
    let parts = [
        ("user", &context.user),
        ("role", &context.role),
        ("type", &context.kind),
        ("level", &context.level),
    ];
    let parts = parts.into_iter().filter(|(_, value)| !value.is_empty());
    parts
        .map(|(part, value)| format!("label={part}:{value}"))
        .collect()
}

fn seccomp(privileges: &Privileges) -> Result<Option<String>, Unfit> {
    let Some(seccomp) = &privileges.seccomp else {
        return Ok(None);
    };
    match seccomp.mode.as_str() {
        "unconfined" => Ok(Some("seccomp=unconfined".to_owned())),
        "custom" => {
            let profile = STANDARD
                .decode(&seccomp.profile)
                .map_err(|_| Unfit::Seccomp)?;
            let profile = String::from_utf8(profile).map_err(|_| Unfit::Seccomp)?;
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&profile).is_ok();
            match is_json {
                true => Ok(Some(format!("seccomp={profile}"))),
                false => Err(Unfit::Seccomp),
            }
        }
        _ => Ok(None),
    }
}
