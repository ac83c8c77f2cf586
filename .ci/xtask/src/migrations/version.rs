//! The number of a release.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};
use serde::Deserialize;

/// Major, minor and patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Version([u16; 3]);

impl Version {
    /// As PostgreSQL compares it: `0, 1, 0`.
    pub fn numbers(self) -> String {
        let Self([major, minor, patch]) = self;
        format!("{major}, {minor}, {patch}")
    }

    /// As a part of a file's name: `0_1_0`.
    pub fn in_a_name(self) -> String {
        self.to_string().replace('.', "_")
    }
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let says = || format!("`{text}` is no version such as 0.1.0");
        let numbers: Vec<u16> = text
            .split('.')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(says)?;
        let version = Self(numbers.try_into().ok().with_context(says)?);
        // `01.2.3` reads as a number, and would be another name of 1.2.3.
        (version.to_string() == text)
            .then_some(version)
            .with_context(says)
    }
}

impl TryFrom<String> for Version {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("0.10.0") > version("0.9.9"));
        assert_eq!(version("0.10.0").to_string(), "0.10.0");
        assert_eq!(version("0.10.0").in_a_name(), "0_10_0");
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "1", "1.2", "1.2.3.4", "1.2.x", "01.2.3", "v1.2.3"] {
            let error = text.parse::<Version>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{text}` is no version such as 0.1.0")
            );
        }
    }
}
