//! WASI 0.2, without anything that could make two executions of a guest differ.
//!
//! Standard libraries import WASI whether they use it or not, so all of it is linked. Clocks, random bytes and the
//! command-line interfaces are this host's own. `wasi:io` is wasmtime's, which only polls what it gets. Files and
//! sockets are wasmtime's too: there are no folders in which a file could be opened, and there is no permission to
//! make a socket, so that a guest that tries gets `access-denied`.

mod cli;
mod clocks;
mod random;
mod sockets;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::{
    cli as wit, clocks as time, filesystem, random as chance, sockets as net,
};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView};
use wasmtime_wasi_io::IoView;

use crate::guest::Guest;

/// Links every interface of WASI 0.2 except `wasi:http`.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi_io::add_to_linker_async(linker)?;
    add_own(linker)?;
    add_files(linker)?;
    add_sockets(linker)
}

impl IoView for Guest {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

fn add_own(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    time::wall_clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    time::monotonic_clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    chance::random::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    chance::insecure::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    chance::insecure_seed::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::exit::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::environment::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::stdin::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::stdout::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::stderr::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::terminal_input::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::terminal_output::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::terminal_stdin::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::terminal_stdout::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::terminal_stderr::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

fn add_files(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, files)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, files)
}

fn add_sockets(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let options = net::network::LinkOptions::default();
    net::network::add_to_linker::<_, HasSelf<Guest>>(linker, &options, |guest| guest)?;
    net::ip_name_lookup::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    net::instance_network::add_to_linker::<_, WasiSockets>(linker, network)?;
    net::tcp::add_to_linker::<_, WasiSockets>(linker, network)?;
    net::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, network)?;
    net::udp::add_to_linker::<_, WasiSockets>(linker, network)?;
    net::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, network)
}

fn files(guest: &mut Guest) -> WasiFilesystemCtxView<'_> {
    WasiFilesystemCtxView {
        ctx: &mut guest.files,
        table: &mut guest.table,
    }
}

fn network(guest: &mut Guest) -> WasiSocketsCtxView<'_> {
    WasiSocketsCtxView {
        ctx: &mut guest.sockets,
        table: &mut guest.table,
    }
}
