//! What a browser says of itself, in the three words an agent wants to see.

use serde::Serialize;

/// Characters of a user agent that are read; the rest of a longer one is nobody's browser.
const READ_CHARS: usize = 1000;

words! {
    /// What somebody holds in their hands.
    pub enum Device {
        /// A computer.
        Desktop = "desktop",
        /// A phone.
        Mobile = "mobile",
        /// A tablet.
        Tablet = "tablet",
        /// A television.
        Tv = "tv",
        /// Nobody's hands: a program.
        Bot = "bot",
    }
}

/// A browser, its system and device; null what the text does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UserAgent {
    /// Name and major version: `Chrome 128`.
    pub browser: Option<String>,
    /// Name, and version where the text tells it truly: `Android 14`, `macOS`.
    pub os: Option<String>,
    /// What it runs on.
    pub device: Option<Device>,
}

/// Tokens of browsers, the most particular first: nearly all claim to be Chrome, and Chrome to be Safari.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edge/", "Edge"),
    ("OPR/", "Opera"),
    ("OPX/", "Opera"),
    ("OPT/", "Opera"),
    ("OPiOS/", "Opera"),
    ("Opera Mini/", "Opera Mini"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("MiuiBrowser/", "Mi Browser"),
    ("UCBrowser/", "UC Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("Brave/", "Brave"),
    ("Silk/", "Silk"),
    ("GSA/", "Google App"),
    ("Instagram ", "Instagram"),
    ("FBAV/", "Facebook"),
    ("FxiOS/", "Firefox"),
    ("Focus/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("MSIE ", "Internet Explorer"),
];

/// Parts of the names of programs, in lower case. A `bot` alone would be the maker of phones, Cubot.
const BOTS: &[&str] = &[
    "bot/",
    "bot;",
    "bot)",
    "bot-",
    "+http",
    "crawler",
    "spider",
    "slurp",
    "headless",
    "facebookexternalhit",
    "curl/",
    "wget/",
    "python-",
    "go-http-client/",
];

/// Versions of Windows by their kernel. 10.0 is Windows 10 and 11 alike.
const WINDOWS: &[(&str, &str)] = &[
    ("Windows NT 10.0", "Windows"),
    ("Windows NT 6.3", "Windows 8.1"),
    ("Windows NT 6.2", "Windows 8"),
    ("Windows NT 6.1", "Windows 7"),
    ("Windows", "Windows"),
];

/// Reads a `User-Agent` header. Whatever somebody sends, the answer is one of our words or null, and short.
pub fn user_agent_of(header: &str) -> UserAgent {
    let text: String = header.chars().take(READ_CHARS).collect();
    UserAgent {
        browser: browser(&text),
        os: system(&text),
        device: device(&text),
    }
}

fn browser(text: &str) -> Option<String> {
    for (token, name) in BROWSERS {
        if let Some(version) = after(text, token) {
            return Some(named(name, &digits(version)));
        }
    }
    if text.contains("Trident/") {
        return Some(named("Internet Explorer", &digits(after(text, "rv:")?)));
    }
    // Safari tells its version in a token of its own; Android's old browser did the same.
    let version = digits(after(text, "Version/").filter(|_| text.contains("Safari/"))?);
    let name = if text.contains("Android") {
        "Android Browser"
    } else {
        "Safari"
    };
    Some(named(name, &version))
}

fn system(text: &str) -> Option<String> {
    if let Some((_, name)) = WINDOWS.iter().find(|(token, _)| text.contains(token)) {
        return Some((*name).to_owned());
    }
    if let Some(version) = after(text, "Android ") {
        return Some(named("Android", &digits(version)));
    }
    if text.contains("Android") {
        return Some("Android".to_owned());
    }
    for (holds, name) in [("iPhone", "iOS"), ("iPod", "iOS"), ("iPad", "iPadOS")] {
        if text.contains(holds) {
            let version = after(text, " OS ").map(digits).unwrap_or_default();
            return Some(named(name, &version));
        }
    }
    // The version of macOS is frozen in every browser, and a tablet that asks for desktop pages says it too.
    [
        ("Macintosh", "macOS"),
        ("CrOS", "ChromeOS"),
        ("HarmonyOS", "HarmonyOS"),
        ("Tizen", "Tizen"),
        ("Web0S", "webOS"),
        ("Linux", "Linux"),
    ]
    .iter()
    .find(|(token, _)| text.contains(token))
    .map(|(_, name)| (*name).to_owned())
}

fn device(text: &str) -> Option<Device> {
    let lower = text.to_lowercase().replace("cubot", "");
    let holds = |tokens: &[&str]| tokens.iter().any(|token| text.contains(token));
    if BOTS.iter().any(|token| lower.contains(token)) {
        return Some(Device::Bot);
    }
    if holds(&[
        "SmartTV",
        "SMART-TV",
        "Android TV",
        "GoogleTV",
        "AppleTV",
        "Web0S",
        "CrKey",
        "BRAVIA",
    ]) {
        return Some(Device::Tv);
    }
    if holds(&["iPad", "Tablet", "PlayBook", "Silk/"]) {
        return Some(Device::Tablet);
    }
    if holds(&["iPhone", "iPod", "Mobile", "Opera Mini"]) {
        return Some(Device::Mobile);
    }
    // Android tells a phone by `Mobile`.
    if text.contains("Android") {
        return Some(Device::Tablet);
    }
    holds(&["Windows", "Macintosh", "CrOS", "Linux"]).then_some(Device::Desktop)
}

fn after<'a>(text: &'a str, token: &str) -> Option<&'a str> {
    text.split_once(token).map(|(_, rest)| rest)
}

/// Leading digits; no version is longer than four.
fn digits(text: &str) -> String {
    text.chars()
        .take_while(char::is_ascii_digit)
        .take(4)
        .collect()
}

fn named(name: &str, version: &str) -> String {
    if version.is_empty() {
        name.to_owned()
    } else {
        format!("{name} {version}")
    }
}
