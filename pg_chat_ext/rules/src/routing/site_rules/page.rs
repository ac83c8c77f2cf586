//! Patterns of web addresses.

/// Whether a page is meant by a pattern, in which `*` stands for any characters.
///
/// A pattern that begins with `/` is about the path at any host; any other begins with the host, whatever the scheme.
/// What follows `?` counts only where the pattern has one, what follows `#` never, and neither does a `/` at the end.
/// Hosts are the same in capitals.
pub(super) fn page_matches(pattern: &str, address: &str) -> bool {
    let address = address.split('#').next().unwrap_or_default();
    let address = if pattern.contains('?') {
        address
    } else {
        address.split('?').next().unwrap_or_default()
    };
    let (host, path) = host_and_path(address);
    if pattern.starts_with('/') {
        return wildcard(closed(pattern), closed(path));
    }
    let (their_host, their_path) = host_and_path(pattern);
    // A pattern of a host alone, or one whose `*` is the end of the host, means every page there.
    let their_path = if their_path == "/" && !pattern.ends_with('/') {
        "*"
    } else {
        closed(their_path)
    };
    wildcard(&their_host.to_lowercase(), &host.to_lowercase()) && wildcard(their_path, closed(path))
}

/// The two parts of an address without its scheme; a path begins with `/`.
fn host_and_path(address: &str) -> (&str, &str) {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => rest.split_at(at),
        Some(at) => (&rest[..at], "/"),
        None => (rest, "/"),
    }
}

/// Without the `/` at the end, but for a path that is nothing else.
fn closed(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    }
}

/// In time that is at most the product of the two lengths, however many `*` there are.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
