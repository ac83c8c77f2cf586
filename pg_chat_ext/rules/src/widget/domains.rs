//! On which sites of the web a widget opens.

/// Whether a page of `origin` (the header a browser sends: `https://shop.example:8443`) may open the widget of a site
/// that allows `domains` (`shop.example`, `*.shop.example` for everything below it).
///
/// An empty list allows every page. No origin at all is an app or a server, which could write any: a list binds
/// browsers, it is no secret. `null`, which sandboxed pages send, and what is no http address are on no list.
pub fn origin_allowed(origin: Option<&str>, domains: &[impl AsRef<str>]) -> bool {
    let Some(origin) = origin.filter(|_| !domains.is_empty()) else {
        return true;
    };
    let Some(host) = host_of(origin) else {
        return false;
    };
    domains.iter().any(|domain| {
        let domain = plain(domain.as_ref());
        match domain.strip_prefix("*.") {
            Some(parent) => host
                .strip_suffix(parent)
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            None => !domain.is_empty() && host == domain,
        }
    })
}

/// The host of an origin, without its port.
fn host_of(origin: &str) -> Option<String> {
    let origin = origin.trim().to_ascii_lowercase();
    let rest = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))?;
    let host = match rest.split_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        Some(_) => return None,
        None => rest,
    };
    let known = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    (!host.is_empty() && host.chars().all(known)).then(|| host.trim_end_matches('.').to_owned())
}

/// A domain as people write it into a setting: perhaps with scheme, port, path or capitals.
fn plain(domain: &str) -> String {
    let domain = domain.trim().to_ascii_lowercase();
    let domain = domain
        .strip_prefix("https://")
        .or_else(|| domain.strip_prefix("http://"))
        .unwrap_or(&domain);
    let host = domain.split(['/', ':']).next().unwrap_or_default();
    host.trim_end_matches('.').to_owned()
}
