//! The address a request came from, as far as it can be believed.

use core::net::{IpAddr, SocketAddr};

/// The address that the outermost of our own proxies saw: entry `hops` from the right of `x-forwarded-for`.
///
/// What stands further left was written by the client and is worth nothing. `None` when there are fewer entries,
/// when `hops` is below 1, or when the entry is no address (a port behind it is cut off).
pub fn forwarded_address(header: &str, hops: i32) -> Option<IpAddr> {
    let skip = usize::try_from(hops).ok()?.checked_sub(1)?;
    let entry = header.rsplit(',').nth(skip)?.trim();
    let bare = entry.strip_prefix('[').and_then(|e| e.strip_suffix(']'));
    let address = bare
        .unwrap_or(entry)
        .parse::<IpAddr>()
        .or_else(|_| entry.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()?;
    Some(address.to_canonical())
}
