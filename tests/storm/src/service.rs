//! The service that workflows call, on the loopback interface. It records who called, and can withhold answers.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::priority;
use crate::time::Moment;

/// The size of an answer whose last byte is withheld. The host accepts answers of this size.
const HELD: usize = 4 << 20;

/// The stack of a thread, which only reads a head and waits.
const STACK: usize = 256 << 10;

/// A call that the service received.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) at: Moment,
    pub(crate) key: String,
}

/// The service. Its threads end with the program.
#[derive(Debug)]
pub(crate) struct Service {
    url: String,
    calls: Arc<Mutex<BTreeMap<String, Vec<Call>>>>,
}

impl Service {
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let calls = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let kept = calls.clone();
        thread::spawn(move || {
            priority::lower_priority();
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                let serve = move || {
                    // A host that is killed breaks off its requests.
                    let _ = serve(stream, &kept);
                };
                // If there is no thread for a connection, the connection is closed, which a caller must handle.
                let _ = thread::Builder::new().stack_size(STACK).spawn(serve);
            }
        });
        Ok(Service { url, calls })
    }

    /// Returns a URL whose calls are recorded under this name. The first call of every third name is answered with 503.
    pub(crate) fn remembering(&self, name: usize) -> String {
        format!("{}/remember/{name}", self.url)
    }

    /// Returns a URL whose calls are never answered.
    pub(crate) fn hanging(&self) -> String {
        format!("{}/hang", self.url)
    }

    /// Returns a URL whose answers never get their last byte.
    pub(crate) fn withholding(&self) -> String {
        format!("{}/withhold", self.url)
    }

    /// Returns the calls that were recorded under this name, in order.
    pub(crate) fn calls(&self, name: usize) -> Vec<Call> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(&name.to_string()).cloned().unwrap_or_default()
    }
}

fn serve(mut stream: TcpStream, calls: &Mutex<BTreeMap<String, Vec<Call>>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => value.trim().clone_into(&mut key),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    let target = first.split(' ').nth(1).unwrap_or_default();
    if let Some(name) = target.strip_prefix("/remember/") {
        let status = remember(calls, name, key);
        let head = format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        return stream.write_all(head.as_bytes());
    }
    if target == "/withhold" {
        let head = format!("HTTP/1.1 200 -\r\ncontent-length: {HELD}\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&vec![b'x'; HELD - 1])?;
    }
    // Waits until the host ends the connection.
    io::copy(&mut reader, &mut io::sink())?;
    Ok(())
}

fn remember(calls: &Mutex<BTreeMap<String, Vec<Call>>>, name: &str, key: String) -> u16 {
    let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
    let calls = calls.entry(name.to_owned()).or_default();
    calls.push(Call {
        at: Moment::now(),
        key,
    });
    let refuses = name.parse::<usize>().is_ok_and(|name| name % 3 == 0);
    if refuses && calls.len() == 1 {
        503
    } else {
        200
    }
}
