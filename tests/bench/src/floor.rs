//! The floor: the smallest server that does what any durable host must do, for comparison.
//!
//! For each request, the server overwrites a page, syncs it, and then answers. It does not group requests. Like the
//! host, it is a process of its own: this program, started with another argument.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use dormouse_harness::ProcessUsage;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::client::Connection;

/// The argument that makes this program the server. The next argument is a folder.
const COMMAND: &str = "floor-server";

/// The size of the store's pages, in bytes.
const PAGE: usize = 4096;

/// The number of pages of the file. Each request takes the next page.
const PAGES: u64 = 1024;

/// The process of the server. It is ended when this is dropped.
pub(crate) struct Floor {
    process: Child,
    address: SocketAddr,
}

impl Floor {
    /// Starts the server, with its file in this folder.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(COMMAND)
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .context("the floor's server does not start")?;
        let mut line = String::new();
        let output = process.stdout.take().context("a server without output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse();
        Ok(Floor {
            process,
            address: address.context("the floor's server does not say its address")?,
        })
    }

    pub(crate) async fn connections(&self, count: usize) -> anyhow::Result<Vec<Connection>> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Connection::open(self.address).await?);
        }
        Ok(connections)
    }

    /// Returns the resource usage of the process.
    pub(crate) fn usage(&self) -> ProcessUsage {
        ProcessUsage::of(self.process.id())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // An error means that the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the folder, if these arguments make this process the server.
pub(crate) fn asked_for(mut arguments: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let is_server = arguments.next()? == COMMAND;
    arguments.next().filter(|_| is_server).map(PathBuf::from)
}

/// Serves on all processors until the process is ended.
#[tokio::main]
pub(crate) async fn serve(folder: &Path) -> anyhow::Result<()> {
    let file = tempfile::tempfile_in(folder)
        .with_context(|| format!("cannot make a file in {}", folder.display()))?;
    for page in 0..PAGES {
        file.write_all_at(&[0; PAGE], page * PAGE as u64)?;
    }
    file.sync_all()?;
    let file = Arc::new((file, AtomicU64::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let file = file.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, file.clone()));
            // An error means that the client closed the connection early.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    file: Arc<(File, AtomicU64)>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let written = tokio::task::spawn_blocking(move || {
        let (file, next) = &*file;
        let page = next.fetch_add(1, Ordering::Relaxed) % PAGES;
        file.write_all_at(&[0x5a; PAGE], page * PAGE as u64)?;
        file.sync_data()
    });
    let is_durable = matches!(written.await, Ok(Ok(()))) && body.is_ok();
    let mut response = Response::new(Full::default());
    if !is_durable {
        *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}
