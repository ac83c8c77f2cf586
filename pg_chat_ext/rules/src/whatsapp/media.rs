//! Files of messages: which bytes of Meta's are believed, and what a kept file is called.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The largest file that passes through WhatsApp, in bytes.
pub const MAX_BYTES: u64 = 100 * 1024 * 1024;

/// Longest name that is kept of a file, in characters.
const LONGEST_NAME: usize = 100;

/// Types that are one thing under several names.
const SAME: &[&[&str]] = &[
    &["image/jpeg", "image/jpg"],
    &["audio/mpeg", "audio/mp3"],
    &["audio/amr", "audio/x-amr"],
    &["audio/aac", "audio/x-aac", "audio/aacp"],
    &["audio/ogg", "audio/opus", "application/ogg", "video/ogg"],
    // One container of ISO's; which of them a file is called depends on its brand.
    &[
        "video/mp4",
        "video/3gpp",
        "video/quicktime",
        "video/x-m4v",
        "audio/mp4",
        "audio/m4a",
        "audio/x-m4a",
        "audio/3gpp",
    ],
];

/// What holds other formats, which bytes alone do not tell apart.
const CONTAINERS: &[&str] = &[
    "application/zip",
    "application/gzip",
    "application/x-ole-storage",
    "text/xml",
];

/// The extensions that fit a type; the first is given where none of them stands.
const EXTENSIONS: &[(&str, &[&str])] = &[
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/png", &["png"]),
    ("image/webp", &["webp"]),
    ("image/gif", &["gif"]),
    ("video/mp4", &["mp4", "m4v"]),
    ("video/3gpp", &["3gp"]),
    ("audio/aac", &["aac"]),
    ("audio/amr", &["amr"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/mp4", &["m4a", "mp4"]),
    ("audio/ogg", &["ogg", "oga", "opus"]),
    ("application/pdf", &["pdf"]),
    ("text/plain", &["txt", "csv", "log", "md"]),
];

/// Bytes in a megabyte, as Meta counts them.
const MB: u64 = 1024 * 1024;

/// What WhatsApp takes as a kind of message: its types, and the most bytes of each.
struct Takes {
    kind: &'static str,
    types: &'static [&'static str],
    most: u64,
    words: &'static str,
}

const TAKES: &[Takes] = &[
    Takes {
        kind: "image",
        types: &["image/jpeg", "image/png"],
        most: 5 * MB,
        words: "pictures as JPEG or PNG of up to 5 MB",
    },
    Takes {
        kind: "video",
        types: &["video/mp4", "video/3gpp"],
        most: 16 * MB,
        words: "videos as MP4 (H.264 with AAC) or 3GP of up to 16 MB",
    },
    Takes {
        kind: "audio",
        types: SOUND,
        most: 16 * MB,
        words: "sound as AAC, AMR, MP3, M4A or OGG with Opus of up to 16 MB",
    },
    Takes {
        kind: "voice",
        types: SOUND,
        most: 16 * MB,
        words: "voice notes as OGG with Opus, in one channel, of up to 16 MB",
    },
    Takes {
        kind: "sticker",
        types: &["image/webp"],
        most: 500 * 1024,
        words: "stickers as WebP of up to 100 KB, animated ones of up to 500 KB",
    },
    Takes {
        kind: "document",
        types: &[],
        most: MAX_BYTES,
        words: "documents of up to 100 MB",
    },
];
const SOUND: &[&str] = &[
    "audio/aac",
    "audio/amr",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg; codecs=opus",
];
/// Most bytes of a sticker that does not move.
const STILL_STICKER: u64 = 100 * 1024;

/// The names that Meta has for what bytes show.
const AT_META: &[(&str, &str)] = &[
    ("image/jpg", "image/jpeg"),
    ("audio/mp3", "audio/mpeg"),
    ("audio/m4a", "audio/mp4"),
    ("audio/x-m4a", "audio/mp4"),
    ("audio/x-aac", "audio/aac"),
    ("audio/x-amr", "audio/amr"),
    // Refused under this name, taken under the other.
    ("audio/opus", "audio/ogg; codecs=opus"),
];

/// WhatsApp would not take a file, in words that say what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unfit {
    /// What is wrong.
    pub what: String,
    /// The way out.
    pub advice: String,
}

/// The type under which a file is handed to WhatsApp as a kind of message, if it takes it. `found` is what the bytes
/// show, `said` what the row or Storage says, `size` is in bytes, `animated` counts for stickers.
pub fn sent_type(
    kind: &str,
    said: Option<&str>,
    found: Option<&str>,
    size: u64,
    animated: bool,
) -> Result<String, Unfit> {
    let Some(takes) = TAKES.iter().find(|takes| takes.kind == kind) else {
        return Err(Unfit {
            what: format!("a {kind} has no file"),
            advice: "Send it as a document.".to_owned(),
        });
    };
    let instead = || {
        if kind == "document" {
            format!("WhatsApp takes {}; send a link to it.", takes.words)
        } else {
            format!(
                "WhatsApp takes {}; convert it, or send it as a document.",
                takes.words
            )
        }
    };
    let found = found.and_then(essence);
    let at_meta = |mime: String| {
        AT_META
            .iter()
            .find(|(ours, _)| *ours == mime)
            .map_or(mime, |(_, theirs)| (*theirs).to_owned())
    };
    let mime = if kind == "document" {
        match kept_type(said, found.as_deref()) {
            Ok(mime) => mime,
            Err(other) => other.found,
        }
    } else {
        at_meta(found.unwrap_or_else(|| "of a type that its bytes do not show".to_owned()))
    };
    if !takes.types.is_empty() && !takes.types.contains(&mime.as_str()) {
        return Err(Unfit {
            what: format!("the file is {mime}"),
            advice: instead(),
        });
    }
    let most = if kind == "sticker" && !animated {
        STILL_STICKER
    } else {
        takes.most
    };
    if size == 0 || size > most {
        return Err(Unfit {
            what: format!("the file has {size} bytes"),
            advice: instead(),
        });
    }
    Ok(mime)
}

/// The type of a file's bytes is not what was said of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it was said to be {said}, and is {found}")]
pub struct OtherType {
    /// As Meta or an agent named it.
    pub said: String,
    /// As its bytes show; "nothing of the kind" when they show no type.
    pub found: String,
}

/// A type without parameters, in lower case; nothing for an empty one.
fn essence(mime: &str) -> Option<String> {
    let plain = mime.split(';').next().unwrap_or_default().trim();
    (!plain.is_empty()).then(|| plain.to_lowercase())
}

/// The type to keep of a file that was said to be of one type (nobody may have said) and whose bytes show
/// another (or none that is known).
///
/// What a browser runs or plays by its type must be what it is called: pictures, sound and video have to show
/// it. Documents may hide in containers, or be of a type that no bytes tell.
pub fn kept_type(said: Option<&str>, found: Option<&str>) -> Result<String, OtherType> {
    const ANY: &str = "application/octet-stream";
    let found = found.and_then(essence);
    let Some(said) = said.and_then(essence).filter(|said| said != ANY) else {
        return Ok(found.unwrap_or_else(|| ANY.to_owned()));
    };
    let shows = ["image/", "video/", "audio/"]
        .iter()
        .any(|family| said.starts_with(family));
    let Some(found) = found else {
        return if shows {
            Err(OtherType {
                said,
                found: "nothing of the kind".to_owned(),
            })
        } else {
            Ok(said)
        };
    };
    let same = said == found
        || SAME
            .iter()
            .any(|names| names.contains(&said.as_str()) && names.contains(&found.as_str()))
        || !shows && CONTAINERS.contains(&found.as_str())
        || said.starts_with("text/") && found.starts_with("text/");
    if same {
        Ok(said)
    } else {
        Err(OtherType { said, found })
    }
}

/// Whether a digest as Meta writes it (hex or base64, with or without padding) is that of the bytes.
pub fn same_digest(said: &str, digest: &[u8; 32]) -> bool {
    let said = said.trim();
    if said.len() == 64 {
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        return said.eq_ignore_ascii_case(&hex);
    }
    [
        STANDARD.encode(digest),
        STANDARD_NO_PAD.encode(digest),
        URL_SAFE_NO_PAD.encode(digest),
    ]
    .iter()
    .any(|ours| ours == said)
}

/// What a file is called in Storage: of letters, digits, dots, `-` and `_` only, with an extension that fits its
/// type. `given` is what a person called it; a photo has no name and is called like its `kind`.
pub fn file_name(given: Option<&str>, kind: &str, mime: &str) -> String {
    let given = given.map(str::trim).filter(|name| !name.is_empty());
    let mut plain = String::new();
    for c in given.unwrap_or(kind).chars() {
        let c = if c.is_ascii_alphanumeric() || ".-".contains(c) {
            c
        } else {
            '_'
        };
        // A run of what a path could misread becomes one line.
        if c != '_' || !plain.ends_with('_') {
            plain.push(c);
        }
    }
    let mime = essence(mime).unwrap_or_default();
    let fitting = EXTENSIONS
        .iter()
        .find(|(of, _)| *of == mime)
        .map_or(&[][..], |(_, fitting)| fitting);
    let has = plain
        .rsplit_once('.')
        .is_some_and(|(_, extension)| fitting.contains(&extension.to_lowercase().as_str()));
    let mut end = String::new();
    if let Some(first) = fitting.first().filter(|_| !has) {
        end = format!(".{first}");
    }
    let from = (plain.len() + end.len()).saturating_sub(LONGEST_NAME);
    format!("{}{end}", plain.get(from..).unwrap_or_default())
}
