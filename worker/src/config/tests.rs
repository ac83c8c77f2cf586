use super::*;

fn load(environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(
        None,
        environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
    )
}

fn load_file(text: &str) -> Result<Config, ConfigError> {
    let path = std::env::temp_dir().join(format!("chat_worker_{}.toml", Uuid::new_v4()));
    std::fs::write(&path, text).unwrap();
    let loaded = Config::load(Some(&path), []);
    std::fs::remove_file(&path).unwrap();
    loaded
}

#[test]
fn the_defaults_alone_are_a_configuration() {
    let config = load(&[]).unwrap();
    assert_eq!(config.queue.slots, 8);
    assert_eq!(config.webhooks.body_bytes, 4 * 1024 * 1024);
    assert!(config.apps().is_empty());
}

#[test]
fn the_environment_is_read_by_type_and_wins() {
    let config = load(&[
        ("CHAT_QUEUE_SLOTS", "3"),
        ("CHAT_LOG_FORMAT", "json"),
        ("CHAT_GRAPH_URL", "http://127.0.0.1:9"),
    ])
    .unwrap();
    assert_eq!(config.queue.slots, 3);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.graph.url, "http://127.0.0.1:9");
    let error = load(&[("CHAT_QUEUE_SLOTS", "many")])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the environment variable CHAT_QUEUE_SLOTS must be a whole number"
    );
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    assert_eq!(
        load(&[("CHAT_GRAPH_VERSION", "")]).unwrap().graph.version,
        "v26.0"
    );
}

#[test]
fn the_dashboards_names_make_an_app_with_its_account() {
    let site = "11111111-1111-4111-8111-111111111111";
    let mut given = vec![
        ("WHATSAPP_PHONE_NUMBER_ID", "106540352242922"),
        ("WHATSAPP_BUSINESS_ACCOUNT_ID", "102290129340398"),
        ("WHATSAPP_ACCESS_TOKEN", "token"),
        ("WHATSAPP_VERIFY_TOKEN", "verify"),
        ("WHATSAPP_APP_SECRET", "secret"),
    ];
    let apps = load(&given).unwrap().apps();
    assert!(
        apps[0].accounts.is_empty(),
        "without a site nobody may use the token"
    );
    given.push(("CHAT_WHATSAPP_SITE_ID", site));
    let apps = load(&given).unwrap().apps();
    assert_eq!(apps[0].name, ENVIRONMENT_APP);
    assert_eq!(apps[0].accounts[0].site_id.to_string(), site);
    assert_eq!(apps[0].accounts[0].numbers, ["106540352242922"]);
    given.push(("CHAT_WHATSAPP_APP_SECRET", "stronger"));
    assert_eq!(load(&given).unwrap().apps()[0].secret.expose(), "stronger");
}

#[test]
fn a_file_adds_apps_and_keeps_the_other_defaults() {
    let config = load_file(
        r#"
        [queue]
        slots = 2
        [[whatsapp.apps]]
        name = "second"
        secret = "s"
        [[whatsapp.apps.accounts]]
        site_id = "11111111-1111-4111-8111-111111111111"
        business_account_id = "1"
        access_token = "t"
        numbers = ["2", "3"]
        "#,
    )
    .unwrap();
    assert_eq!((config.queue.slots, config.queue.poll_ms), (2, 5000));
    assert_eq!(config.apps()[0].accounts[0].numbers.len(), 2);
}

#[test]
fn what_is_wrong_is_named_but_no_value_is_shown() {
    let unknown = load_file("[queue]\nslotz = 2").unwrap_err().to_string();
    assert!(unknown.contains("slotz"), "{unknown}");
    for text in [
        "[whatsapp]\naccess_token = 90210",
        "[whatsapp]\naccess_token = 90210x",
        "[whatsapp]\naccess_token = \"90210",
        "[[whatsapp.apps]]\nname = \"a\"\nsecret = [\"90210\"]",
    ] {
        let error = load_file(text).unwrap_err().to_string();
        assert!(!error.contains("90210"), "{error}");
    }
    let twice = "[[whatsapp.apps]]\nname = \"a\"\nsecret = \"s\"\n".repeat(2);
    assert!(
        load_file(&twice)
            .unwrap_err()
            .to_string()
            .contains("name of its own")
    );
}
