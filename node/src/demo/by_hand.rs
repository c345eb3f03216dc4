//! `--keep`: how to go on by hand, and one command that stops it all.

use std::{fs, path::Path};

use super::{
    error::DemoError,
    fleet::Fleet,
    stage::{Stage, Tone},
};

/// Writes the script that stops everything, and says what can be done until then.
pub(super) fn explain(stage: &mut Stage, fleet: &Fleet) -> Result<(), DemoError> {
    let script = fleet.folder().join("stop.sh");
    let folders = [Some(fleet.folder()), fleet.second_folder()];
    let folders: Vec<String> = folders.into_iter().flatten().map(quoted).collect();
    let written = fs::write(&script, stop_script(&folders));
    written.map_err(|error| format!("can't write {}: {error}", script.display()))?;
    let witness = fleet.witness()?;
    stage.heading("Go on by hand: the agents stay")?;
    let socket = quoted(witness.socket().path());
    let commands = [
        (
            format!("export SHOAL_HOST=unix:{socket}"),
            "any node's socket will do",
        ),
        ("shoal node ls".into(), ""),
        ("shoal stack ps demo".into(), ""),
        ("shoal service logs -f demo_web".into(), ""),
        ("shoal service scale demo_web=12".into(), ""),
        (
            "shoal why demo_web.1".into(),
            "who owns a replica, who is next",
        ),
    ];
    for (command, remark) in commands {
        show(stage, &command, remark)?;
    }
    stage.line("")?;
    show(
        stage,
        &format!("sh {}", quoted(&script)),
        "stops and removes everything",
    )
}

fn show(stage: &mut Stage, command: &str, remark: &str) -> Result<(), DemoError> {
    let shown = stage.tone(Tone::Command, format!("$ {command}"));
    match remark {
        "" => stage.detail(&shown),
        remark => stage.detail(&format!("{shown}   # {remark}")),
    }
}

/// A path as a word of a shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    // Only a zero byte can't be quoted, and no path has one.
    shlex::try_quote(&text).map_or_else(|_| text.to_string(), Into::into)
}

/// A script for any POSIX shell. An id that belongs to another process by now is left alone.
fn stop_script(folders: &[String]) -> String {
    let own = folders.first().map_or("", String::as_str);
    let all = folders.join(" ");
    format!(
        "#!/bin/sh\n\
         # Stops the agents of this demo with their tasks, and removes its files.\n\
         folder={own}\n\
         agents() {{\n\
         \x20   for file in \"$folder\"/*.pid; do\n\
         \x20       pid=$(cat \"$file\")\n\
         \x20       if tr '\\0' '\\n' < \"/proc/$pid/cmdline\" | grep -qF \"$folder/\"; then\n\
         \x20           echo \"$pid\"\n\
         \x20       fi\n\
         \x20   done 2>/dev/null\n\
         }}\n\
         pids=$(agents)\n\
         [ -z \"$pids\" ] || kill -INT $pids\n\
         tries=0\n\
         while [ -n \"$(agents)\" ] && [ \"$tries\" -lt 300 ]; do\n\
         \x20   sleep 0.1\n\
         \x20   tries=$((tries + 1))\n\
         done\n\
         if [ -n \"$(agents)\" ]; then\n\
         \x20   echo \"these agents do not stop: $(agents)\" >&2\n\
         \x20   exit 1\n\
         fi\n\
         rm -rf {all}\n"
    )
}
