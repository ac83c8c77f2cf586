//! Decisions by example: every file of `tests/vectors` with a `rule`, asked of the Rust functions.
//! The same files are asked through SQL by the tests of the repository.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use chat_rules::Timestamp;
use chat_rules::conversations::{self, Kind, Origin, SenderType};
use chat_rules::retry::{self, Decision};
use chat_rules::routing;
use chat_rules::routing::{hours, site_rules, sla};
use chat_rules::visitors;
use chat_rules::whatsapp;
use chat_rules::widget;
use serde_json::{Value, json};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");

#[test]
fn every_case_gives_what_it_says() {
    let (mut cases, mut wrong) = (0, Vec::new());
    for (file, vectors) in read() {
        let rule = vectors["rule"].as_str().expect("a rule has a name");
        assert_eq!(file, format!("{rule}.json"), "a file is named by its rule");
        for case in vectors["cases"].as_array().expect("cases are a list") {
            cases += 1;
            let gives = ask(rule, &Args(&case["args"]));
            if gives != case["gives"] {
                let says = &case["says"];
                wrong.push(format!(
                    "{rule}: {says} gives {gives}, not {}",
                    case["gives"]
                ));
            }
        }
    }
    assert!(cases > 0, "{VECTORS} holds no case");
    assert!(
        wrong.is_empty(),
        "{} of {cases}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Files that name a rule, in the order of their names.
fn read() -> Vec<(String, Value)> {
    let mut files: Vec<_> = fs::read_dir(Path::new(VECTORS))
        .expect("the vectors are in the repository")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(path).expect("a readable file");
            (
                name,
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}")),
            )
        })
        .filter(|(_, vectors): &(_, Value)| vectors.get("rule").is_some())
        .collect()
}

/// The named arguments of a case; one that is not named is null.
struct Args<'a>(&'a Value);

impl<'a> Args<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0[name].as_str()
    }

    fn word(&self, name: &str) -> &'a str {
        self.text(name).unwrap_or_default()
    }

    fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().unwrap_or_default()
    }

    /// The text of an argument that is JSON itself.
    fn json(&self, name: &str) -> Option<String> {
        let value = &self.0[name];
        (!value.is_null()).then(|| value.to_string())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.0[name].as_i64()
    }

    fn int(&self, name: &str) -> Option<i32> {
        self.number(name)
            .map(|number| i32::try_from(number).expect("an integer"))
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name).map(|text| match text {
            "infinity" => Timestamp::MAX,
            "-infinity" => Timestamp::MIN,
            text => text.parse().unwrap_or_else(|e| panic!("{text}: {e}")),
        })
    }
}

fn time(at: Option<Timestamp>) -> Value {
    match at {
        Some(at) if at == Timestamp::MAX => json!("infinity"),
        Some(at) => json!(at.to_string()),
        None => Value::Null,
    }
}

/// The value of a rule's answer that is a JSON text.
fn read_json(answer: &Result<String, whatsapp::Error>) -> Value {
    let answer = answer.as_ref().expect("the arguments are JSON");
    serde_json::from_str(answer).expect("the answer is JSON")
}

/// Asks a rule as the glue of the extension does.
fn ask(rule: &str, args: &Args<'_>) -> Value {
    match rule {
        "template_message" => read_json(&whatsapp::template::template_message_json(
            &args.json("components").unwrap_or_default(),
            args.text("parameter_format"),
            args.json("parameters").as_deref(),
        )),
        "template_form" => read_json(&whatsapp::template::template_form_json(
            &args.json("components").unwrap_or_default(),
            args.text("parameter_format"),
        )),
        "dialled_phone" => json!(whatsapp::dialled_phone(args.word("typed")).map(|phone| {
            let variants = whatsapp::phone_variants(&phone);
            json!({"phone": phone, "variants": variants})
        })),
        "message_effect" => message_effect(args),
        "preview_text" => json!(conversations::preview_text(
            args.word("kind"),
            args.text("content")
        )),
        "content_type_of" => json!(conversations::content_type_of(args.word("kind"))),
        "sent_at_of" => {
            let claimed = args.time("claimed");
            time(args.time("received").map_or(claimed, |received| {
                Some(conversations::sent_at_of(claimed, received))
            }))
        }
        "status_refusal" => json!(conversations::status_refusal(
            args.text("old_status"),
            args.word("new_status"),
            args.flag("has_agent"),
        )),
        "status_after_message" => json!(args.text("status").map(|status| {
            conversations::status_after_message(
                status,
                args.word("sender_type"),
                args.word("origin"),
            )
        })),
        "next_home" => json!(conversations::next_home(
            args.text("status"),
            args.time("archived_at"),
            args.int("reopen_hours"),
            args.time("at").unwrap_or(Timestamp::MAX),
        )),
        "revision_refusal" => {
            let what = conversations::Revision::of_word(args.word("what")).expect("a revision");
            json!(conversations::revision_refusal(what, &revision(args)))
        }
        "fill_variables" => {
            let known = args.0["known"].as_object().expect("values by name");
            conversations::fill_variables(args.word("template"), known).to_json()
        }
        "choose_agent" => {
            let choice = routing::choose_agent_json(&args.0["facts"].to_string());
            serde_json::from_str(&choice.expect("facts in their form")).expect("JSON")
        }
        "judge_by_hand" => {
            let (facts, agent) = (args.0["facts"].to_string(), args.word("agent_id"));
            let (overrides, claims) = (args.flag("overrides"), args.flag("claims"));
            let judgement = routing::judge_by_hand_json(&facts, agent, overrides, claims);
            serde_json::from_str(&judgement.expect("facts in their form")).expect("JSON")
        }
        "rule_problems" => {
            let (rules, known) = (args.0["rules"].to_string(), args.0["known"].to_string());
            let problems = site_rules::rule_problems_json(&rules, &known);
            serde_json::from_str(&problems.expect("JSON goes in")).expect("JSON")
        }
        "match_rules" => {
            let (rules, facts) = (args.0["rules"].to_string(), args.0["facts"].to_string());
            let verdicts = site_rules::match_rules_json(&rules, &facts);
            serde_json::from_str(&verdicts.expect("facts in their form")).expect("JSON")
        }
        "judge_unanswered" => {
            let judgement = routing::judge_unanswered_json(&args.0["facts"].to_string());
            serde_json::from_str(&judgement.expect("facts in their form")).expect("JSON")
        }
        "expected_wait" => {
            let wait = routing::expected_wait_json(&args.0["place"].to_string());
            serde_json::from_str(&wait.expect("a place in its form")).expect("JSON")
        }
        "queue_news" => json!(args.number("place").is_some_and(|place| {
            let told = (args.number("told_place"), args.number("told_seconds"));
            routing::queue_news(told.0, told.1, place, args.number("seconds"))
        })),
        "simulate" => {
            let outcome = routing::simulate_json(&args.0["recording"].to_string());
            serde_json::from_str(&outcome.expect("a recording in its form")).expect("JSON")
        }
        "sla_clocks" => {
            let at = args.time("at").expect("a time");
            let sla = sla::sla_clocks_json(&args.0["facts"].to_string(), at);
            serde_json::from_str(&sla.expect("facts in their form")).expect("JSON")
        }
        "hours_problems" => {
            let hours = args.0["hours"].to_string();
            let problems = hours::hours_problems_json(&hours, args.word("zone"));
            serde_json::from_str(&problems).expect("JSON")
        }
        "hours_at" => {
            let at = args.time("at").expect("a time");
            let opening = hours::hours_at(args.json("hours").as_deref(), args.word("zone"), at);
            let opening = opening.expect("hours that can be used");
            json!({
                "is_open": opening.is_open,
                "next_change": time(opening.next_change),
                "holiday": opening.holiday,
            })
        }
        "business_add" => {
            let start = args.time("start").expect("a time");
            let seconds = args.number("seconds").expect("seconds");
            let hours = args.json("hours");
            let due = hours::business_add(hours.as_deref(), args.word("zone"), start, seconds);
            time(due.expect("hours that can be used"))
        }
        "business_between" => {
            let (begins, ends) = (args.time("begins"), args.time("ends"));
            let (begins, ends) = (begins.expect("a time"), ends.expect("a time"));
            let hours = args.json("hours");
            let seconds =
                hours::business_between(hours.as_deref(), args.word("zone"), begins, ends);
            json!(seconds.expect("hours that can be used"))
        }
        "delivery_next" => {
            json!(whatsapp::delivery_next(
                args.text("current"),
                args.text("incoming")
            ))
        }
        "shown_status" => json!(args.text("delivery_state").map(whatsapp::shown_status)),
        "window_after" => time(whatsapp::window_after(
            args.time("current"),
            args.word("kind"),
            args.time("sent_at"),
        )),
        "window_allows" => json!(whatsapp::window_allows(
            args.time("expires"),
            args.word("kind"),
            args.time("at").unwrap_or(Timestamp::MAX),
        )),
        "kept_type" => {
            json!(whatsapp::media::kept_type(args.text("said"), args.text("found")).ok())
        }
        "sent_type" => {
            let sent = whatsapp::media::sent_type(
                args.word("kind"),
                args.text("said"),
                args.text("found"),
                u64::try_from(args.number("size").expect("a size")).expect("bytes"),
                args.flag("animated"),
            );
            match sent {
                Ok(mime) => json!(mime),
                Err(unfit) => json!({"what": unfit.what, "advice": unfit.advice}),
            }
        }
        "file_name" => json!(whatsapp::media::file_name(
            args.text("given"),
            args.word("kind"),
            args.word("mime"),
        )),
        "same_digest" => {
            // Of no bytes at all.
            let digest = <sha2::Sha256 as sha2::Digest>::digest(b"");
            json!(whatsapp::media::same_digest(
                args.word("said"),
                &digest.into()
            ))
        }
        "unknown_outcome" => json!(
            args.time("at")
                .map_or(whatsapp::UnknownOutcome::Wait, |at| {
                    let wait = args.int("wait_seconds");
                    whatsapp::unknown_outcome(args.text("policy"), args.time("since"), at, wait)
                })
        ),
        "check_outgoing" => {
            match whatsapp::check_outgoing(&outgoing(args), args.flag("has_file")) {
                Ok(()) => Value::Null,
                Err(refused) => json!({
                    "code": refused.code, "message": refused.message, "hint": refused.hint,
                }),
            }
        }
        "outgoing_words" => json!(whatsapp::outgoing_words(
            args.word("kind"),
            args.text("content"),
            &args.0["metadata"],
        )),
        "outgoing_body" => {
            let envelope = whatsapp::outgoing::Envelope {
                to: args.text("to"),
                recipient: args.text("recipient"),
                reply_to: args.text("reply_to"),
                callback: args.text("callback"),
            };
            let message = outgoing(args);
            let media = whatsapp::outgoing::Media::of(message.metadata, args.text("file_url"));
            match whatsapp::outgoing::body(&message, &envelope, media.as_ref()) {
                Ok(body) => body,
                Err(refused) => json!(refused.code),
            }
        }
        "session_token" => json!(visitors::session_token(
            args.word("claims"),
            args.word("key"),
            args.text("kid"),
        )),
        "identity_proven" => json!(visitors::identity_proven(
            args.word("external_id"),
            args.word("proof"),
            args.word("key"),
        )),
        "forwarded_address" => {
            let hops = args.int("hops").expect("a number of hops");
            json!(visitors::forwarded_address(args.word("header"), hops))
        }
        "user_agent_of" => json!(visitors::user_agent_of(args.word("header"))),
        "place_of" => json!(visitors::place_of(
            args.text("country_header"),
            args.text("city_header")
        )),
        "origin_allowed" => {
            let domains: Vec<String> =
                serde_json::from_value(args.0["domains"].clone()).unwrap_or_default();
            json!(widget::origin_allowed(args.text("origin"), &domains))
        }
        "form_problems" => {
            let (required, given) = (args.0["required"].to_string(), args.0["given"].to_string());
            let problems = widget::form_problems_json(&required, &given);
            serde_json::from_str(&problems.expect("a list and values")).expect("JSON")
        }
        "phone_variants" => json!(whatsapp::phone_variants(args.word("phone"))),
        "effective_code" => {
            let code = args.number("code").expect("a code");
            json!(whatsapp::errors::effective_code(
                code,
                args.number("subcode")
            ))
        }
        "hold_seconds" => json!(retry::hold_seconds(args.word("kind"))),
        "decide" => decide(args),
        unknown => panic!("{unknown} is no rule"),
    }
}

/// The facts of a row; metadata that is not named is an empty object.
fn outgoing<'a>(args: &Args<'a>) -> whatsapp::outgoing::Message<'a> {
    static NOTHING: LazyLock<Value> = LazyLock::new(|| json!({}));
    whatsapp::outgoing::Message {
        kind: args.word("kind"),
        content: args.text("content"),
        metadata: args.0.get("metadata").unwrap_or(&NOTHING),
        file_name: args.text("file_name"),
    }
}

fn message_effect(args: &Args<'_>) -> Value {
    let effect = conversations::message_effect(
        SenderType::of_word(args.word("sender_type")).expect("a sender"),
        Kind::of_word(args.word("kind")).unwrap_or(Kind::Unknown),
        Origin::of_word(args.word("origin")).expect("an origin"),
        args.flag("by_assignee"),
    );
    json!({
        "is_public": effect.is_public,
        "inbound": effect.inbound,
        "outbound_public": effect.outbound_public,
        "preview": effect.preview,
        "unread_agent": effect.unread_agent,
        "clears_unread_agent": effect.clears_unread_agent,
        "unread_visitor": effect.unread_visitor,
    })
}

fn revision<'a>(args: &Args<'a>) -> conversations::RevisionFacts<'a> {
    conversations::RevisionFacts {
        by_visitor: args.flag("by_visitor"),
        own: args.flag("own"),
        moderator: args.flag("moderator"),
        channel: args.word("channel"),
        sender_type: args.word("sender_type"),
        kind: args.word("kind"),
        delivery_state: args.word("delivery_state"),
        deleted: args.flag("deleted"),
        age_seconds: args.number("age_seconds").expect("an age"),
        edit_minutes: args.int("edit_minutes").expect("a limit"),
    }
}

fn decide(args: &Args<'_>) -> Value {
    let http = args
        .number("http")
        .map(|http| u16::try_from(http).expect("a status"));
    let tries = u32::try_from(args.number("tries").expect("tries")).expect("a count");
    match retry::decide(args.number("code"), http, tries, args.word("kind")) {
        Decision::Retry { after_s } => json!({"is": "retry", "after_s": after_s}),
        Decision::StopNumber { after_s } => json!({"is": "stop_number", "after_s": after_s}),
        Decision::Fail { closes_window } => json!({"is": "fail", "closes_window": closes_window}),
        Decision::Unknown => json!({"is": "unknown"}),
    }
}
