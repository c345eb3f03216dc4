//! A machine without nftables: services are reached on the ports that are known of.

use std::{os::unix::fs::symlink, time::Duration};

use shoal_tests::{LAB_IMAGE, Lab, within};

use super::{
    Turn,
    network::{Asker, is_clear},
};

const READY: Duration = Duration::from_secs(60);
const CLEARED: Duration = Duration::from_secs(60);
const WITHOUT: usize = 2;

fn all_ready(lab: &Lab) {
    within(READY, "all of them are ready", || {
        let nodes = ["node", "ls", "--format", "{{.Status}}"];
        let listed = lab.docker(WITHOUT, &nodes);
        match listed.checked()?.matches("Ready").count() {
            3 => Ok(()),
            _ => Err(listed.out),
        }
    });
}

#[test]
fn without_nftables_a_service_is_reached_on_the_ports_that_it_names() {
    let Some(turn) = Turn::take() else { return };
    let lab = turn.lab();
    // All that an agent needs, but nft.
    let programs = lab.agent_folder(WITHOUT).with_file_name("programs");
    std::fs::create_dir_all(&programs).expect("a folder");
    let ip = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"];
    let ip = ip.iter().find(|path| std::path::Path::new(path).exists());
    // It may be there from another run.
    let _ = symlink(ip.expect("iproute2"), programs.join("ip"));
    let machine = WITHOUT.to_string();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let mut restart = lab.background(&["agent", &machine]);
    let restarted = restart.env("LAB_AGENT_PATH", path).status();
    assert!(restarted.is_ok_and(|status| status.success()));
    all_ready(lab);
    let stack = format!(
        r#"
services:
  web:
    image: {LAB_IMAGE}
    command: ["sh", "-c", "echo web >/www/index.html; httpd -p 9000 -h /www; exec httpd -f -p 8080 -h /www"]
    ports: ["9191:8080"]
    stop_grace_period: 1s
    deploy: {{placement: {{constraints: ["node.hostname==m3"]}}}}
  asker:
    image: {LAB_IMAGE}
    stop_grace_period: 1s
    deploy: {{placement: {{constraints: ["node.hostname==m{WITHOUT}"]}}}}
"#
    );
    lab.deploy(1, "plain", &stack);
    let asker = Asker::of(lab, "plain_asker");
    let web = asker.reaches("web", 8080, "web");
    assert!(asker.get(web, 9000).is_err(), "nobody knows of it");
    assert!(lab.agent_log(WITHOUT).contains("install nftables"));
    lab.run(&["agent", &machine]).ok();
    all_ready(lab);
    asker.reaches("web", 9000, "web");
    lab.docker(1, &["stack", "rm", "plain"]).ok();
    within(CLEARED, "nothing of it", || {
        [1, 2, 3].iter().try_for_each(|one| is_clear(lab, *one))
    });
}
