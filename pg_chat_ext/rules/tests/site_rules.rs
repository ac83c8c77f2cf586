//! What holds of any rules of a site: nothing that is refused could ever have counted, and nothing that counts is hidden.

use std::slice;

use chat_rules::routing::site_rules::{Known, RuleFacts, RuleTrouble, match_rules, rule_problems};
use serde_json::{Map, Value, json};

mod numbers;

use numbers::Numbers;

impl Numbers {
    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as i64) as usize]
    }

    /// Some entries of these, at least one.
    fn list(&mut self, of: &[Value]) -> Value {
        (0..=self.below(2)).map(|_| self.one(of).clone()).collect()
    }

    fn test(&mut self) -> Value {
        let mut test = Map::new();
        for (word, values) in [
            ("is", [json!("gold"), json!("silver"), json!(5)]),
            ("starts_with", [json!("g"), json!("s"), json!("go")]),
            ("contains", [json!("old"), json!("l"), json!("v")]),
        ] {
            if self.below(3) == 0 {
                test.insert(word.to_owned(), self.list(&values));
            }
        }
        for word in ["at_least", "at_most"] {
            if self.below(5) == 0 {
                test.insert(word.to_owned(), json!(self.below(10)));
            }
        }
        if test.is_empty() {
            test.insert("given".to_owned(), json!(self.below(2) == 0));
        }
        test.into()
    }

    fn rule(&mut self, n: usize) -> Value {
        let mut conditions = Map::new();
        for (word, values) in [
            (
                "channel",
                vec![json!("widget"), json!("whatsapp"), json!("api")],
            ),
            ("number", vec![json!("1"), json!("2")]),
            ("page", vec![json!("/a*"), json!("/a/b"), json!("*")]),
            ("language", vec![json!("de"), json!("de-at"), json!("fr")]),
            ("department", vec![json!("a"), json!("b"), json!(null)]),
            ("tag", vec![json!("vip"), json!("new")]),
            (
                "hours",
                vec![
                    json!({"is": "open"}),
                    json!({"is": "closed"}),
                    json!({"is": "open", "department": "a"}),
                ],
            ),
        ] {
            if self.below(4) == 0 {
                conditions.insert(word.to_owned(), self.list(&values));
            }
        }
        if self.below(4) == 0 {
            conditions.insert("visitor".to_owned(), json!({"plan": self.test()}));
        }
        json!({
            "name": format!("Rule {n}"),
            "enabled": self.below(6) > 0,
            "if": conditions,
            "then": {"department": self.one(&["a", "b", "c"])},
        })
    }

    /// A conversation as channels bring them: WhatsApp has a number, and no page or language.
    fn facts(&mut self) -> RuleFacts {
        let text = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
        let channel = *self.one(&["widget", "whatsapp", "api"]);
        let is_whatsapp = channel == "whatsapp";
        let mut of = |of: &[&str], is_told: bool| text(self.one(of)).filter(|_| is_told);
        let number = of(&["1", "2"], is_whatsapp);
        let page = of(
            &["", "https://x.example/a/b", "https://x.example/"],
            !is_whatsapp,
        );
        let language = of(&["", "de", "de-AT", "fr"], !is_whatsapp);
        let department_id = of(&["", "a", "b"], true);
        let tags = of(&["", "vip", "new"], true).into_iter().collect();
        let plan = [
            json!("gold"),
            json!("silver"),
            json!(5),
            json!(null),
            json!(9),
        ];
        RuleFacts {
            channel: Some(channel.to_owned()),
            number,
            page,
            language,
            department_id,
            tags,
            visitor: Map::from_iter([("plan".to_owned(), self.one(&plan).clone())]),
            open: [("site", self.below(2) == 0), ("a", self.below(2) == 0)]
                .map(|(whose, open)| (whose.to_owned(), open))
                .into(),
            departments: ["a", "b", "c"].map(str::to_owned).into(),
            ..RuleFacts::default()
        }
    }
}

/// Whether a rule would hold if it stood alone.
fn holds(rule: &Value, facts: &RuleFacts) -> bool {
    let alone = json!([rule]).to_string();
    let verdicts = match_rules(&alone, slice::from_ref(facts)).expect("rules in their form");
    verdicts[0].place.is_some()
}

#[test]
fn what_is_refused_could_never_have_counted_and_the_first_that_holds_does() {
    let mut numbers = Numbers(2_026);
    let known = Known {
        departments: ["a", "b", "c"].map(str::to_owned).into(),
        numbers: ["1", "2"].map(str::to_owned).into(),
        ..Known::default()
    };
    let (mut counted, mut hidden, mut never) = (0, 0, 0);
    for round in 0..250 {
        let rules: Vec<_> = (1..=4).map(|n| numbers.rule(n)).collect();
        let text = json!(rules).to_string();
        let problems = rule_problems(&text, &known).expect("rules in their form");
        let many: Vec<_> = (0..40).map(|_| numbers.facts()).collect();
        let verdicts = match_rules(&text, &many).expect("rules in their form");
        for (facts, verdict) in many.iter().zip(verdicts) {
            let first = rules.iter().position(|rule| holds(rule, facts));
            assert_eq!(
                verdict.place,
                first.map(|n| n + 1),
                "round {round}: {facts:?}"
            );
            counted += usize::from(first.is_some());
            for problem in &problems {
                let is_of = |n: usize| problem.at.starts_with(&format!("rules[{n}]"));
                let n = (0..rules.len()).find(|n| is_of(*n)).expect("a rule");
                match problem.problem {
                    RuleTrouble::Hidden => hidden += 1,
                    RuleTrouble::NeverHolds => {
                        never += 1;
                        assert!(
                            !holds(&rules[n], facts),
                            "round {round}: {problem:?} {facts:?}"
                        );
                    }
                    RuleTrouble::Loop => continue,
                    _ => panic!("round {round}: {problem:?}"),
                }
                assert_ne!(first, Some(n), "round {round}: {problem:?} {facts:?}");
            }
        }
    }
    assert!(
        counted.min(hidden).min(never) > 200,
        "{counted} {hidden} {never}"
    );
}
