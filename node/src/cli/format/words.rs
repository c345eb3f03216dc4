//! Small things of Docker's tables: capitals, cut texts, short ids and image names.

/// Length of an id in a table.
const SHORT_ID: usize = 12;

/// `running` as `Running`.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// The first characters of an id, or all of them.
pub(crate) fn short_id(id: &str, whole: bool) -> String {
    let length = if whole { usize::MAX } else { SHORT_ID };
    id.chars().take(length).collect()
}

/// At most `length` characters, the last of which is `…` if something was cut off.
pub(crate) fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let kept = text.chars().take(length.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// An image as people write it: without digest, registry and folder of Docker Hub.
pub(crate) fn image(reference: &str) -> String {
    let name = match reference.split_once('@') {
        Some((name, _)) if !name.is_empty() => name,
        _ => reference,
    };
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name).to_owned()
}

/// Text without control characters: nothing that another node reports may steer the terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_as_docker_cuts_them() {
        let error = "starting container failed: failed to create";
        assert_eq!(cut(error, 30), "starting container failed: fa…");
        assert_eq!(cut("short", 30), "short");
        assert_eq!(short_id("zs0naoo1w0tabrgp0r9o2vtbk", false), "zs0naoo1w0ta");
        assert_eq!(capital("running"), "Running");
        assert_eq!(harmless("a\x1b[2Jb\n"), "a [2Jb ");
    }

    #[test]
    fn images_lose_what_nobody_reads() {
        assert_eq!(image("busybox:latest@sha256:ab"), "busybox:latest");
        assert_eq!(image("docker.io/library/redis:7"), "redis:7");
        assert_eq!(image("ghcr.io/a/b:1"), "ghcr.io/a/b:1");
    }
}
