//! The four ports of a stack, and free ones for tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::error::{Error, Result};

/// First port of a stack when nothing else is said.
pub const DEFAULT_BASE: u16 = 55320;

/// The ports of the stack at one base, all on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    base: u16,
}

impl Ports {
    /// The four ports from `base` on.
    pub fn from(base: u16) -> Self {
        Self { base }
    }

    /// What names the stack.
    pub fn base(self) -> u16 {
        self.base
    }

    /// REST and Auth.
    pub fn api(self) -> u16 {
        self.base
    }

    /// The worker.
    pub fn worker(self) -> u16 {
        self.base + 1
    }

    /// The Graph simulator.
    pub fn graph(self) -> u16 {
        self.base + 2
    }

    /// PostgreSQL.
    pub fn database(self) -> u16 {
        self.base + 3
    }

    /// Fails on the first of the four that somebody listens on.
    pub fn check_free(self) -> Result<()> {
        for port in [self.api(), self.worker(), self.graph(), self.database()] {
            bind(port)?;
        }
        Ok(())
    }
}

/// `http://127.0.0.1:<port>`.
pub fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Listens on a loopback port.
pub fn bind(port: u16) -> Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(|source| match source
        .kind()
    {
        std::io::ErrorKind::AddrInUse => Error::PortTaken { port },
        _ => Error::Io {
            what: format!("listen on port {port}"),
            source,
        },
    })
}

/// A port nobody listened on a moment ago, below those that the system gives to
/// outgoing connections, so that it is still free when a server starts again on it.
pub fn any_free() -> Result<u16> {
    loop {
        let port = rand::random_range(20_000..32_000);
        match bind(port) {
            Ok(_) => return Ok(port),
            Err(Error::PortTaken { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_said() {
        let holder = bind(0).unwrap();
        let port = holder.local_addr().unwrap().port();
        let error = Ports::from(port).check_free().unwrap_err().to_string();
        assert!(
            error.contains(&port.to_string()) && error.contains("--port-base"),
            "{error}"
        );
    }
}
