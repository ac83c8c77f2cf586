//! Whether somebody wants marketing, by the word they wrote. What they chose in WhatsApp's own menu is told apart (told).

use crate::conversations::Kind;

words! {
    /// What somebody wants of marketing messages.
    pub enum Wish {
        /// None any more.
        Stop = "stop",
        /// Again.
        Resume = "resume",
    }
}

/// The wish that a message is, if it is nothing else: one of the words that people are told to write, or a button that
/// says one. Words within a sentence wish nothing.
pub(super) fn of_message(kind: Kind, words: Option<&str>) -> Option<Wish> {
    if !matches!(kind, Kind::Text | Kind::Button | Kind::ButtonReply) {
        return None;
    }
    let said = words?.trim().trim_end_matches(['.', '!']).to_lowercase();
    match said.as_str() {
        "stop" | "stop promotions" | "stop marketing" | "unsubscribe" | "opt out" | "opt-out" => {
            Some(Wish::Stop)
        }
        "start" | "unstop" | "subscribe" | "opt in" | "opt-in" | "resume promotions" => {
            Some(Wish::Resume)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_alone_is_a_wish() {
        for (words, wish) in [
            ("STOP", Some(Wish::Stop)),
            (" Stop! ", Some(Wish::Stop)),
            ("Unsubscribe.", Some(Wish::Stop)),
            ("Start", Some(Wish::Resume)),
            ("stop calling it a bug", None),
            ("Where does the bus stop", None),
            ("", None),
        ] {
            assert_eq!(of_message(Kind::Text, Some(words)), wish, "{words}");
        }
        assert_eq!(
            of_message(Kind::Button, Some("Stop promotions")),
            Some(Wish::Stop)
        );
        assert_eq!(of_message(Kind::Document, Some("stop")), None);
        assert_eq!(of_message(Kind::Text, None), None);
    }
}
