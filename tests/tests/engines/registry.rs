//! Images that only those get who may: credentials reach the node that pulls, and no disk.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use shoal_tests::{LAB_IMAGE, Said, within};

use super::{ALL, Turn};

const SEEN: Duration = Duration::from_secs(60);
/// Its base64 differs in the two alphabets.
const PASSWORD: &str = "~~~???>>>";
const HTPASSWD: &str = "user:$2b$05$Hd1OyM0nH/jZGwtzSTw.4euhdSa7LUSda/Fli6jO7xgH8tUU5Id0y\n";
const AUTH: &str = "dXNlcjp+fn4/Pz8+Pj4=";

/// Ends with the test.
struct Registry(Child);

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself, which the test saw then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn says(folder: &Path, words: &[&[u8]]) -> Option<String> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = says(&path, words) {
                return Some(found);
            }
        } else if let Ok(bytes) = fs::read(&path) {
            let holds = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
            if words.iter().any(|word| holds(word)) {
                return Some(path.display().to_string());
            }
        }
    }
    None
}

#[test]
fn a_private_image_is_pulled_with_the_credentials_that_came_with_the_service() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    if Command::new("docker-registry")
        .arg("--version")
        .output()
        .is_err()
    {
        println!(
            "skipped: private images need a registry (Debian: apt-get install docker-registry)"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
    let (registry, place) = (lab.registry(), folder.path().to_str().unwrap());
    let mut serve = lab.background(&["registry", place]);
    serve.stdout(Stdio::null()).stderr(Stdio::null());
    let _registry = Registry(serve.spawn().unwrap());
    within(SEEN, "a registry", || {
        TcpStream::connect(&registry)
            .map(drop)
            .map_err(|error| error.to_string())
    });
    let config = folder.path().join("config.json");
    fs::write(
        &config,
        format!(r#"{{"auths":{{"{registry}":{{"auth":"{AUTH}"}}}}}}"#),
    )
    .unwrap();
    let image = format!("{registry}/private:1");
    lab.engine(1, &["tag", LAB_IMAGE, &image]).ok();
    let mut push = lab.engine_command(1, &["push", &image]);
    Said::from(push.env("DOCKER_CONFIG", folder.path()).output().unwrap()).ok();
    lab.engine(1, &["rmi", &image]).ok();

    let create = [
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--mode",
        "global",
        "--stop-grace-period",
        "1s",
    ];
    lab.docker(1, &[&create[..], &["--name", "stranger", &image]].concat())
        .ok();
    within(SEEN, "a refusal without credentials", || {
        let tasks = lab.tasks(2, "stranger")?;
        let is_told = tasks.iter().any(|task| {
            let error = task["Error"].as_str().unwrap_or_default();
            error.contains("No such image") && error.contains("no basic auth credentials")
        });
        if is_told {
            Ok(())
        } else {
            Err(format!("{tasks:#?}"))
        }
    });
    lab.docker(1, &["service", "rm", "stranger"]).ok();

    // As people do it: the client has the registry's digest in the spec, and waits until all runs.
    let arguments = [
        "service",
        "create",
        "--mode",
        "global",
        "--stop-grace-period",
        "1s",
        "--with-registry-auth",
        "--name",
        "private",
        &image,
    ];
    let mut known = lab.docker_command(2, &arguments);
    let said = Said::from(known.env("DOCKER_CONFIG", folder.path()).output().unwrap());
    assert!(said.ok().contains("converged"), "{said:?}");
    lab.runs_once("private", 3, &ALL, SEEN);
    let format = "{{.Spec.TaskTemplate.ContainerSpec.Image}}";
    let inspected = lab.docker(3, &["service", "inspect", "--format", format, "private"]);
    let pinned = inspected.ok().trim().to_owned();
    assert!(pinned.starts_with(&format!("{image}@sha256:")), "{pinned}");
    for machine in ALL {
        let found = says(
            &lab.agent_folder(machine),
            &[PASSWORD.as_bytes(), AUTH.as_bytes()],
        );
        assert_eq!(found, None, "a password on the disk of machine {machine}");
        let log = lab.agent_log(machine);
        let is_told = log.contains(PASSWORD) || log.contains(AUTH);
        assert!(!is_told, "a password in the log of machine {machine}");
    }
    lab.docker(1, &["service", "rm", "private"]).ok();

    // The same with shoal's own command line.
    within(SEEN, "no image on any machine", || {
        for machine in ALL {
            for name in [&pinned, &image] {
                // One of them may be gone with the other.
                let _ = lab.engine(machine, &["rmi", "--force", name]);
                if lab.engine(machine, &["image", "inspect", name]).status == 0 {
                    return Err(format!("machine {machine} has {name}"));
                }
            }
        }
        Ok(())
    });
    let own = |arguments: &[&str]| {
        let own = ["run", "3", "shoal", "service"];
        let mut known = lab.background(&[&own[..], arguments].concat());
        known.env("DOCKER_CONFIG", folder.path());
        Said::from(known.output().unwrap())
    };
    let create = ["create", "--detach", "--mode", "global", "--name", "own"];
    own(&[&create[..], &["--with-registry-auth", &image]].concat()).ok();
    lab.runs_once("own", 3, &ALL, SEEN);
    let unknown = own(&[
        "update",
        "--detach",
        "--with-registry-auth",
        "--image",
        "elsewhere.example/x",
        "own",
    ]);
    let warning = "no credentials of elsewhere.example";
    assert!(unknown.err.contains(warning), "{}", unknown.err);
    lab.docker(1, &["service", "rm", "own"]).ok();
}
