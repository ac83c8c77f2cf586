//! Enumerations that the database and Meta know as words.

/// Declares an enum together with the words it stands for.
///
/// The database keeps words (checked text columns, no Postgres enums), so each such enum needs the
/// same four things: its words, the way back, all its values in order, and serialising as the word.
/// A word that was another in an earlier release names that one, too (`= "new" | "earlier"`); it is read, never written.
macro_rules! words {
    (
        $(#[$about:meta])*
        $vis:vis enum $name:ident {
            $( $(#[$says:meta])* $value:ident = $word:literal $( | $earlier:literal )*, )+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $( $(#[$says])* $value, )+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$( Self::$value, )+];

            /// The word that stands for this value outside of Rust.
            pub const fn word(self) -> &'static str {
                match self {
                    $( Self::$value => $word, )+
                }
            }

            /// The value of a word; `None` for a word that is not one of ours.
            pub fn of_word(word: &str) -> Option<Self> {
                match word {
                    $( $word $( | $earlier )* => Some(Self::$value), )+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}
