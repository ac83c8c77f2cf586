//! What can be wrong with rules.

use serde::Serialize;

words! {
    /// What is wrong with a part of the rules.
    pub enum RuleTrouble {
        /// It is not a JSON object.
        NotAnObject = "not_an_object",
        /// It is not a list.
        NotAList = "not_a_list",
        /// A list without entries never holds: leave it out, or name something.
        EmptyList = "empty_list",
        /// More entries than anybody could mean.
        TooMany = "too_many",
        /// Nothing of this name belongs there.
        UnknownWord = "unknown_word",
        /// A rule has a name of 1 to 100 characters.
        NotAName = "not_a_name",
        /// It is not a text with something in it, of up to 200 characters; a tag or a skill has up to 64.
        NotAText = "not_a_text",
        /// It is neither true nor false.
        NotTrueOrFalse = "not_true_or_false",
        /// It is no number.
        NotANumber = "not_a_number",
        /// It is none of the words that belong there.
        UnknownValue = "unknown_value",
        /// It is not a path such as /pricing* nor an address such as shop.example/cart.
        NotAPage = "not_a_page",
        /// It is not a language such as de or pt-BR.
        NotALanguage = "not_a_language",
        /// It is not a country by its two letters.
        NotACountry = "not_a_country",
        /// The test asks nothing.
        NothingAsked = "nothing_asked",
        /// The rule does nothing.
        NothingFollows = "nothing_follows",
        /// The site has no such department that is active.
        NoSuchDepartment = "no_such_department",
        /// The site has no such number.
        NoSuchNumber = "no_such_number",
        /// Nothing can meet this together with the rest of the rule.
        NeverHolds = "never_holds",
        /// An earlier rule holds wherever this one does.
        Hidden = "hidden",
        /// What it sends away comes back, by another rule or by a department's fallback.
        Loop = "loop",
    }
}

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleProblem {
    /// A path such as `rules[0].if.page[1]`, counted from 0; `rules` for all of it.
    pub at: String,
    /// What is wrong there.
    pub problem: RuleTrouble,
    /// What it is wrong with: the path of another rule, or `fallback_department_id` of a department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
}
