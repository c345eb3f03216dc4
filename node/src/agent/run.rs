//! From options to a running agent, and to its end.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use rand::TryRng;

use super::{ended::Next, life::live, signals::Signals};
use crate::{api::Socket, cli::AgentArgs, store::DirectoryLock};

const PORT_LOOK_EVERY: Duration = Duration::from_millis(10);
const PORT_FREE_WITHIN: Duration = Duration::from_secs(5);

/// Starts a named thread.
pub(super) fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, String> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder
        .spawn(work)
        .map_err(|error| format!("can't start a thread: {error}"))
}

/// Random bytes of the operating system.
pub(super) fn entropy<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| format!("the system has no randomness: {error}"))?;
    Ok(bytes)
}

/// Runs an agent until it is told to stop.
///
/// # Errors
/// One sentence for the person: what was wrong, where, and what to do.
pub async fn run(args: AgentArgs) -> Result<(), String> {
    init_log();
    keep_out_of_dumps();
    crate::descriptors::raise();
    let mut signals = Signals::new()?;
    let _lock = DirectoryLock::take(&args.data_dir).map_err(|error| error.to_string())?;
    let socket = Socket::take(args.api.path().to_owned()).map_err(|error| error.to_string())?;
    let mut args = args;
    let mut is_anew = false;
    loop {
        match live(args.clone(), &socket, &mut signals).await? {
            Next::End => return Ok(()),
            // With a key made just now it is nobody's clone: once is enough.
            Next::StartAnew if is_anew => return Ok(()),
            Next::StartAnew => is_anew = true,
            // It left the cluster that it was started for.
            Next::Idle => args.join = None,
        }
        port_is_free(args.listen).await;
    }
}

/// Waits for the port of the former life: QUIC lets go of its socket a moment after the last who held it.
/// If it stays taken, whoever wants it says so.
async fn port_is_free(address: SocketAddr) {
    let free = async {
        while UdpSocket::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
            tokio::time::sleep(PORT_LOOK_EVERY).await;
        }
    };
    let _ = tokio::time::timeout(PORT_FREE_WITHIN, free).await;
}

/// Values of secrets pass through this process on their way to tasks: the kernel writes no core dump of it, and no
/// other process of its user may look into it. What it starts is not concerned.
fn keep_out_of_dumps() {
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%error, "a core dump of this agent could hold secrets");
    }
}

/// The log goes to stderr; `SHOAL_LOG` filters it as `RUST_LOG` does elsewhere (default: info).
fn init_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SHOAL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false);
    // A log that is set up already, as in a test, stays.
    let _ = log.try_init();
}
