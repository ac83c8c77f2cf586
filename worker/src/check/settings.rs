//! Is everything given that cannot be guessed?

use super::{Mark, Report};
use crate::config::{App, Config, Edge, Whatsapp};

/// Looks at the configuration alone.
pub(super) fn check(config: &Config, report: &mut Report) {
    if config.edge.url.is_empty() {
        given(
            report,
            !config.database.url.is_empty(),
            "database.url",
            "set CHAT_DATABASE_URL to the connection string of the login role chat_worker; where only HTTPS is open, CHAT_EDGE_URL to the project's address",
        );
    } else {
        edge(&config.edge, report);
    }
    let own = &config.whatsapp;
    if is_used(own) || own.apps.is_empty() {
        for (is_given, name, meaning) in [
            (
                !own.app_secret.is_empty(),
                "WHATSAPP_APP_SECRET",
                "the app's secret (App settings, Basic); without it every webhook is refused",
            ),
            (
                !own.verify_token.is_empty(),
                "WHATSAPP_VERIFY_TOKEN",
                "any text of your own; enter the same one where Meta asks for the webhook",
            ),
            (
                !own.access_token.is_empty(),
                "WHATSAPP_ACCESS_TOKEN",
                "a system user's token with whatsapp_business_messaging and whatsapp_business_management",
            ),
            (
                !own.business_account_id.is_empty(),
                "WHATSAPP_BUSINESS_ACCOUNT_ID",
                "the id of the WhatsApp Business account",
            ),
            (
                !own.phone_number_id.is_empty(),
                "WHATSAPP_PHONE_NUMBER_ID",
                "Meta's id of the number, not the number itself",
            ),
            (
                !own.site_id.is_empty(),
                "CHAT_WHATSAPP_SITE_ID",
                "the id of the site that the account belongs to",
            ),
        ] {
            given(report, is_given, name, meaning);
        }
    }
    for app in &own.apps {
        listed(app, report);
    }
    for (is_given, name, meaning) in [
        (
            !config.storage.url.is_empty(),
            "SUPABASE_URL",
            "the project's address; without it files of chats are not kept",
        ),
        (
            !config.storage.service_key.is_empty(),
            "SUPABASE_SERVICE_ROLE_KEY",
            "the project's service key, which puts files into Storage",
        ),
    ] {
        given(report, is_given, name, meaning);
    }
    if config.graph.url.starts_with("http://") && exposes_tokens(config) {
        report.add(
            Mark::Wrong,
            "graph.url",
            "tokens would cross the network unencrypted; use an https address",
        );
    }
}

/// The way over HTTPS.
fn edge(edge: &Edge, report: &mut Report) {
    for (is_given, name, meaning) in [
        (
            !edge.key.is_empty(),
            "CHAT_EDGE_KEY",
            "the project's anon (publishable) key",
        ),
        (
            !edge.email.is_empty(),
            "CHAT_EDGE_EMAIL",
            "the worker's own user of Supabase Auth, whose role is chat_worker (docs/edge.md)",
        ),
        (
            !edge.password.is_empty(),
            "CHAT_EDGE_PASSWORD",
            "the password of that user",
        ),
    ] {
        given(report, is_given, name, meaning);
    }
    #[cfg(feature = "edge")]
    if crate::db::passes_by_policies(&edge.key) {
        report.add(
            Mark::Wrong,
            "CHAT_EDGE_KEY",
            "this is the service key, which passes by every policy; give the anon (publishable) key",
        );
    }
}

fn listed(app: &App, report: &mut Report) {
    let what = format!("app \"{}\"", app.name);
    given(
        report,
        !app.verify_token.is_empty(),
        &format!("{what} verify_token"),
        "the text that Meta is given with the webhook's address",
    );
    if app.accounts.is_empty() {
        report.add(
            Mark::Missing,
            &what,
            "add [[whatsapp.apps.accounts]]; without one its webhooks end as dead letters",
        );
    }
    for account in &app.accounts {
        let what = format!("{what} account {}", account.business_account_id);
        given(
            report,
            !account.access_token.is_empty(),
            &format!("{what} access_token"),
            "without it nothing is sent and no number is confirmed",
        );
        given(
            report,
            !account.numbers.is_empty(),
            &format!("{what} numbers"),
            "Meta's ids of the account's numbers",
        );
    }
}

fn given(report: &mut Report, is_given: bool, what: &str, meaning: &str) {
    if is_given {
        report.add(Mark::Ok, what, "given");
    } else {
        report.add(Mark::Missing, what, meaning);
    }
}

/// Whether the environment describes an app at all, be it in part.
fn is_used(own: &Whatsapp) -> bool {
    let texts = [&own.site_id, &own.business_account_id, &own.phone_number_id];
    let secrets = [&own.app_secret, &own.verify_token, &own.access_token];
    texts.iter().any(|text| !text.is_empty()) || secrets.iter().any(|secret| !secret.is_empty())
}

fn exposes_tokens(config: &Config) -> bool {
    crate::apis::graph::Graph::new(&config.graph).is_ok_and(|graph| graph.is_exposed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(environment: &[(&str, &str)]) -> Report {
        let environment = environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let mut report = Report::default();
        check(&Config::load(None, environment).unwrap(), &mut report);
        report
    }

    #[test]
    fn every_missing_setting_is_named_by_its_variable() {
        let report = findings(&[("WHATSAPP_APP_SECRET", "90210")]);
        let missing = |what: &str| {
            report
                .findings()
                .iter()
                .any(|one| one.what == what && one.mark == Mark::Missing)
        };
        for name in [
            "database.url",
            "WHATSAPP_VERIFY_TOKEN",
            "WHATSAPP_ACCESS_TOKEN",
            "CHAT_WHATSAPP_SITE_ID",
        ] {
            assert!(missing(name), "{name}");
        }
        assert!(!missing("WHATSAPP_APP_SECRET"));
        assert!(
            report
                .findings()
                .iter()
                .all(|one| !one.to_string().contains("90210"))
        );
    }

    #[test]
    fn tokens_over_plain_http_are_fine_on_loopback_only() {
        let wrong = |url: &str| {
            findings(&[("CHAT_GRAPH_URL", url)])
                .findings()
                .iter()
                .any(|one| one.mark == Mark::Wrong)
        };
        assert!(wrong("http://graph.example"));
        assert!(!wrong("http://127.0.0.1:55322"));
        assert!(!wrong("https://graph.example"));
    }
}
