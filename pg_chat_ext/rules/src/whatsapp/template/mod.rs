//! Message templates: what one wants filled in, whether that was given, what is sent, and how it will read.
//!
//! Meta refuses a template whose parameters do not fit with codes that name no parameter. So they are held against the
//! stored components before anything is sent, and a [`Problem`] names the header, `body {{2}}` or `button 1`, and says what
//! to do.

mod button;
mod form;
mod given;
pub(super) mod graph;
mod header;
mod message;
mod offer;
mod parts;
mod products;
mod stored;
mod text;

use serde::Serialize;

pub use form::{Form, Wanted, template_form, template_form_json};
pub use graph::{Row, of_graph};
pub use message::{Filled, template_message, template_message_json};

words! {
    /// What is wrong with what was given.
    pub enum Trouble {
        /// The template needs a value there.
        Missing = "missing",
        /// The template has no such place.
        Superfluous = "superfluous",
        /// There is a value, but not one that can stand there.
        Wrong = "wrong",
        /// The template has a part that cannot be filled from here.
        Unsendable = "unsendable",
    }
}

/// One parameter that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where: `header`, `body {{2}}`, `button 1` (counted from 1, as people do), `card 2 header`, `parameters`.
    #[serde(rename = "where")]
    pub place: String,
    /// What is wrong.
    pub problem: Trouble,
    /// What is wrong and what to do, for people.
    pub says: String,
}

impl Problem {
    fn missing(place: &str, wants: &str) -> Self {
        Self::new(
            place,
            Trouble::Missing,
            format!("{place} is missing: give {wants}"),
        )
    }

    fn superfluous(place: &str, why: &str) -> Self {
        Self::new(
            place,
            Trouble::Superfluous,
            format!("{place} is too much: {why}, so leave it out"),
        )
    }

    fn wrong(place: &str, why: &str) -> Self {
        Self::new(place, Trouble::Wrong, format!("{place} {why}"))
    }

    /// The same of a carousel's card that is number `n` from 0.
    fn on_card(self, n: usize) -> Self {
        let card = format!("card {}", n + 1);
        Self {
            place: format!("{card} {}", self.place),
            problem: self.problem,
            says: format!("{card} {}", self.says),
        }
    }

    fn unsendable(place: &str, why: &str) -> Self {
        Self::new(place, Trouble::Unsendable, why.to_owned())
    }

    fn new(place: &str, problem: Trouble, says: String) -> Self {
        Self {
            place: place.to_owned(),
            problem,
            says,
        }
    }
}
