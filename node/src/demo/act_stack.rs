//! The second act: a stack is deployed, placed, and answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use super::{
    STACK,
    by_hand::quoted,
    command, drawing,
    error::DemoError,
    fleet::Fleet,
    patience::until,
    request,
    sight::{Services, Sight},
    stage::{Stage, Tone, seconds},
    web,
};

/// The demo's own Compose file, in its folder.
const OWN_FILE: &str = "compose.yml";
/// Time for everything to run.
const RUN_TIME_MAX: Duration = Duration::from_secs(60);
/// Time for a replica that runs to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Lines of a person's own Compose file that are shown.
const LINES_SHOWN: usize = 40;
/// Troubles that an error names.
const TROUBLES_SHOWN: usize = 5;

/// Deploys the stack, and waits until it runs.
pub(super) async fn play(
    stage: &mut Stage,
    fleet: &mut Fleet,
    file: Option<&Path>,
) -> Result<Services, DemoError> {
    stage.heading(match file {
        None => "A small web service, deployed from a Compose file",
        Some(_) => "Your services, deployed from your Compose file",
    })?;
    let file = match file {
        Some(file) => file.to_owned(),
        None => {
            let file = fleet.folder().join(OWN_FILE);
            let written = fs::write(&file, compose(fleet.nodes().len() + 1, fleet.port())?);
            written.map_err(|error| format!("can't write {}: {error}", file.display()))?;
            file
        }
    };
    show(stage, &file)?;
    let path = file
        .to_str()
        .ok_or_else(|| DemoError::failed(format!("the path {} is not UTF-8", file.display())))?;
    let started = Instant::now();
    let witness = fleet.witness()?;
    let said = command::shoal(witness.socket(), &["stack", "deploy", "-c", path, STACK]).await?;
    for note in &said.notes {
        stage.quote(note)?;
    }
    let client = witness.client();
    let services = Services::ask(&client).await?;
    let sight = running(fleet, &services).await?;
    let wanted = services.wanted;
    stage.step(&format!(
        "{wanted} of {wanted} replicas run, {} after that command was started",
        seconds(started.elapsed())
    ))?;
    drawing::draw(stage, &sight, &BTreeMap::new())?;
    ask_through_all(stage, fleet, &sight).await?;
    Ok(services)
}

/// The Compose file that comes with Shoal.
fn compose(replicas: usize, port: Option<u16>) -> Result<String, DemoError> {
    let binary = command::binary()?;
    let binary = binary
        .to_str()
        .ok_or_else(|| DemoError::failed(format!("the path {} is not UTF-8", binary.display())))?;
    // A JSON string is a YAML string; a dollar sign would be a variable.
    let binary = serde_json::Value::from(binary)
        .to_string()
        .replace('$', "$$");
    let subcommand = web::SUBCOMMAND;
    let ports = match port {
        Some(port) => format!(
            "\x20     - \"{port}:80\"      # on every node; each replica finds a free port in $PORT\n"
        ),
        None => {
            "\x20     - target: 80      # each replica finds a free port of its node in $PORT\n\
                 \x20       mode: host\n"
                .to_owned()
        }
    };
    Ok(format!(
        "services:\n\
         \x20 web:\n\
         \x20   image: scratch      # no image: the command runs as a process\n\
         \x20   command: [{binary}, {subcommand}]\n\
         \x20   ports:\n\
         {ports}\
         \x20   deploy:\n\
         \x20     replicas: {replicas}\n"
    ))
}

fn show(stage: &mut Stage, file: &Path) -> Result<(), DemoError> {
    let command = format!("shoal stack deploy -c {} {STACK}", quoted(file));
    let command = stage.tone(Tone::Command, format!("$ {command}"));
    stage.step(&command)?;
    let text = fs::read_to_string(file)
        .map_err(|error| format!("can't read {}: {error}", file.display()))?;
    for line in text.lines().take(LINES_SHOWN) {
        stage.quote(line)?;
    }
    match text.lines().count().saturating_sub(LINES_SHOWN) {
        0 => Ok(()),
        more => stage.quote(&format!("... and {more} lines more")),
    }
}

/// Waits until everything runs.
async fn running(fleet: &mut Fleet, services: &Services) -> Result<Sight, DemoError> {
    let client = fleet.witness()?.client();
    let mut last = Sight::default();
    let seen = until(RUN_TIME_MAX, async || {
        if let Err(error) = fleet.check() {
            return Some(Err(error));
        }
        match Sight::take(&client, services).await {
            Err(error) => return Some(Err(error)),
            Ok(sight) => last = sight,
        }
        (last.running().len() >= services.wanted).then_some(Ok(()))
    })
    .await;
    match seen {
        Some(result) => result.map(|()| last),
        None => Err(DemoError::failed(format!(
            "{} of {} replicas run after {} s: {}",
            last.running().len(),
            services.wanted,
            RUN_TIME_MAX.as_secs(),
            first_of(&last.troubles())
        ))),
    }
}

/// Some of many sentences.
pub(super) fn first_of(troubles: &BTreeSet<String>) -> String {
    let some: Vec<&str> = troubles
        .iter()
        .map(String::as_str)
        .take(TROUBLES_SHOWN)
        .collect();
    match some.is_empty() {
        true => "their nodes say nothing".to_owned(),
        false => some.join("; "),
    }
}

/// Sends a request to the first replica that has a port, or to the one that is asked for. Services
/// without a port are asked nothing.
pub(super) async fn ask_one(
    stage: &mut Stage,
    sight: &Sight,
    wanted: Option<&str>,
) -> Result<(), DemoError> {
    let with_port = sight.running().into_values();
    let with_port = with_port.filter(|task| wanted.is_none_or(|slot| slot == task.slot));
    let Some((slot, port)) = with_port
        .filter_map(|task| Some((task.slot.clone(), task.port?)))
        .next()
    else {
        return Ok(());
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    ask(stage, address, &format!("{slot} on port {port}")).await
}

/// Sends a request through the first node, and one through the last.
async fn ask_through_all(stage: &mut Stage, fleet: &Fleet, sight: &Sight) -> Result<(), DemoError> {
    let doors = fleet.doors();
    if doors.is_empty() {
        return ask_one(stage, sight, None).await;
    }
    stage.step("every node listens on the published port, and brings clients to any replica")?;
    let last = doors.last().filter(|_| doors.len() > 1);
    for door in doors.first().into_iter().chain(last) {
        ask(stage, *door, "that node").await?;
    }
    Ok(())
}

/// Sends a request, and shows what came of it.
async fn ask(stage: &mut Stage, address: SocketAddr, who: &str) -> Result<(), DemoError> {
    let answer = until(ANSWER_TIME_MAX, async || request::get(address).await).await;
    match answer {
        Some((status, body)) => {
            let command = stage.tone(Tone::Command, format!("$ curl {address}"));
            stage.step(&command)?;
            stage.quote(&if body.is_empty() {
                format!("HTTP status {status}")
            } else {
                body
            })
        }
        None => stage.step(&format!(
            "{who} gave no HTTP answer within {} s",
            ANSWER_TIME_MAX.as_secs()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compose_file_names_this_binary_and_its_subcommand() {
        let text = compose(6, Some(8080)).unwrap();
        let binary = std::env::current_exe().unwrap();
        assert!(text.contains(binary.to_str().unwrap()), "{text}");
        assert!(
            text.contains("replicas: 6") && text.contains("__web]"),
            "{text}"
        );
        assert!(text.contains("- \"8080:80\""), "{text}");
        assert!(compose(6, None).unwrap().contains("mode: host"));
    }
}
