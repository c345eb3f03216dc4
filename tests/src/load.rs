//! Clients that ask web servers over and over, and remember which requests failed.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::within;

/// Who waits longer than this for an answer has failed.
const PATIENCE: Duration = Duration::from_secs(5);
const MORE: Duration = Duration::from_secs(60);

/// A request that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When it was begun.
    pub at: Instant,
    /// Why.
    pub error: String,
}

/// Clients at work. Dropping it ends them.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<Failure>>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many requests a second, by so many clients, each of these addresses in turn.
    #[must_use]
    pub fn start(addresses: &[SocketAddr], clients: usize, a_second: usize) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            made: Arc::default(),
            failures: Arc::default(),
            clients: Vec::new(),
        };
        let pause = Duration::from_secs(1) * u32::try_from(clients).unwrap_or(1)
            / u32::try_from(a_second.max(1)).unwrap_or(1);
        for number in 0..clients {
            let addresses = addresses.to_vec();
            let (stop, made) = (load.stop.clone(), load.made.clone());
            let failures = load.failures.clone();
            load.clients.push(std::thread::spawn(move || {
                for address in addresses.iter().cycle().skip(number) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let at = Instant::now();
                    if let Err(error) = get(*address) {
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push(Failure { at, error });
                    }
                    made.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(pause.saturating_sub(at.elapsed()));
                }
            }));
        }
        load
    }

    /// Requests made so far.
    #[must_use]
    pub fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    /// Waits until so many more requests were made.
    ///
    /// # Panics
    /// If they are not within a minute.
    pub fn makes(&self, number: usize) {
        let begun = self.made();
        within(MORE, "more requests", || match self.made() - begun {
            made if made >= number => Ok(()),
            made => Err(format!("{made} of {number}")),
        });
    }

    /// Those that failed so far.
    #[must_use]
    pub fn failures(&self) -> Vec<Failure> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            // It has panicked: the test fails by what it did not do.
            let _ = client.join();
        }
    }
}

/// What a web server says at its root.
///
/// # Errors
/// If it does not, or not within five seconds.
pub fn get(address: SocketAddr) -> Result<String, String> {
    page(address, "/")
}

/// What a web server says at this path.
///
/// # Errors
/// If it does not, or not within five seconds.
pub fn page(address: SocketAddr, path: &str) -> Result<String, String> {
    let said = |error: std::io::Error| format!("{address}: {error}");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(said)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(said)?;
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\nHost: web\r\n\r\n").as_bytes())
        .map_err(said)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(said)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.trim().to_owned()),
        _ => Err(format!("{address}: {answer:?}")),
    }
}
