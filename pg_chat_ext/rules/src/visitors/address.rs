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

/// Whether an address is in a list of addresses and networks (`192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`).
///
/// What is neither matches nobody, so a slip in a block list locks no one out; nor does an address that is none.
pub fn address_listed(address: &str, list: &[impl AsRef<str>]) -> bool {
    let Ok(address) = address.trim().parse::<IpAddr>() else {
        return false;
    };
    let address = address.to_canonical();
    list.iter()
        .any(|entry| within(address, entry.as_ref().trim()))
}

fn within(address: IpAddr, network: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok().map(Some)),
        None => (network, Some(None)),
    };
    let (Ok(base), Some(length)) = (base.parse::<IpAddr>(), length) else {
        return false;
    };
    let same = |a: u128, b: u128, bits: u32| {
        let length = length.unwrap_or(bits);
        length <= bits && (length == 0 || (a ^ b) >> (bits - length) == 0)
    };
    match (address, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}
