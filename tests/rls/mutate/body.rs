//! The body of a function as text: where its words, calls and conditions are, whatever stands in comments and strings.

use std::ops::Range;

use regex::Regex;

/// A body, and the same with comments and the insides of strings blanked out, byte for byte.
pub struct Body {
    text: String,
    masked: String,
}

/// `function(arguments)` in a body.
pub struct Call {
    /// All of it.
    pub all: Range<usize>,
    /// What is between its parentheses.
    pub arguments: Range<usize>,
}

impl Body {
    /// Reads a body.
    pub fn new(text: String) -> Self {
        let masked = mask(&text);
        Self { text, masked }
    }

    /// A piece as it is written.
    pub fn text(&self, piece: &Range<usize>) -> &str {
        &self.text[piece.clone()]
    }

    /// A piece without comments and the insides of strings.
    pub fn masked(&self, piece: &Range<usize>) -> &str {
        &self.masked[piece.clone()]
    }

    /// All of it.
    pub fn all(&self) -> Range<usize> {
        0..self.masked.len()
    }

    /// The body with a piece replaced.
    pub fn with(&self, piece: &Range<usize>, replacement: &str) -> String {
        format!(
            "{}{replacement}{}",
            &self.text[..piece.start],
            &self.text[piece.end..]
        )
    }

    /// Where a pattern is found outside comments and strings; with a group, where that is.
    pub fn find(&self, pattern: &Regex) -> Vec<Range<usize>> {
        let found = pattern.captures_iter(&self.masked);
        found
            .filter_map(|captures| captures.get(1).or_else(|| captures.get(0)))
            .map(|found| found.range())
            .collect()
    }

    /// Calls of what a pattern names, which ends before the parenthesis.
    pub fn calls(&self, name: &Regex) -> Vec<Call> {
        self.find(name)
            .into_iter()
            .filter(|name| self.masked[name.end..].starts_with('('))
            .filter_map(|name| {
                let end = self.closing(name.end)?;
                Some(Call {
                    all: name.start..end + 1,
                    arguments: name.end + 1..end,
                })
            })
            .collect()
    }

    /// Where the parenthesis that opens here closes.
    pub fn closing(&self, opening: usize) -> Option<usize> {
        let mut depth = 0;
        for (offset, byte) in self.masked[opening..].bytes().enumerate() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                return Some(opening + offset);
            }
        }
        None
    }

    /// Splits a piece where a pattern is found outside every parenthesis of it.
    pub fn split(&self, piece: &Range<usize>, at: &Regex) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut start = piece.start;
        for found in at.find_iter(self.masked(piece)) {
            let (from, to) = (piece.start + found.start(), piece.start + found.end());
            let before = &self.masked[piece.start..from];
            if before.matches('(').count() == before.matches(')').count() {
                parts.push(self.trimmed(start..from));
                start = to;
            }
        }
        parts.push(self.trimmed(start..piece.end));
        parts
    }

    fn trimmed(&self, piece: Range<usize>) -> Range<usize> {
        let text = &self.masked[piece.clone()];
        let start = piece.start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    }
}

/// Blanks comments and the insides of strings.
fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut masked = bytes.to_vec();
    let mut place = 0;
    while place < bytes.len() {
        let end_of = |end: &str| {
            text[place + 1..]
                .find(end)
                .map_or(bytes.len(), |at| place + 1 + at)
        };
        let (from, to) = if bytes[place] == b'\'' {
            (place + 1, end_of("'"))
        } else if text[place..].starts_with("--") {
            (place, end_of("\n"))
        } else {
            place += 1;
            while !text.is_char_boundary(place) {
                place += 1;
            }
            continue;
        };
        for byte in &mut masked[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        place = to + 1;
    }
    String::from_utf8_lossy(&masked).into_owned()
}
