use super::*;

#[test]
fn answers_are_classed_as_over_a_connection() {
    for (status, body, failure, sqlstate) in [
        (
            409,
            r#"{"code":"23505","message":"m"}"#,
            Failure::Data,
            Some("23505"),
        ),
        (
            422,
            r#"{"code":"PT422","message":"m"}"#,
            Failure::Data,
            Some("PT422"),
        ),
        (
            400,
            r#"{"code":"P0001","message":"m"}"#,
            Failure::Data,
            Some("P0001"),
        ),
        (
            500,
            r#"{"code":"40P01","message":"m"}"#,
            Failure::Passing,
            Some("40P01"),
        ),
        (
            500,
            r#"{"code":"57014","message":"m"}"#,
            Failure::Passing,
            Some("57014"),
        ),
        (
            403,
            r#"{"code":"42501","message":"m"}"#,
            Failure::Fault,
            Some("42501"),
        ),
        (
            500,
            r#"{"code":"XX000","message":"m"}"#,
            Failure::Fault,
            Some("XX000"),
        ),
        (
            503,
            r#"{"code":"PGRST002","message":"m"}"#,
            Failure::Passing,
            None,
        ),
        (
            500,
            r#"{"code":"PGRSTX00","message":"m"}"#,
            Failure::Passing,
            None,
        ),
        (
            404,
            r#"{"code":"PGRST202","message":"m"}"#,
            Failure::Fault,
            None,
        ),
        (
            401,
            r#"{"code":"PGRST301","message":"m"}"#,
            Failure::Fault,
            None,
        ),
        (503, "<html>upstream</html>", Failure::Passing, None),
        (429, "", Failure::Passing, None),
        // A gateway's number is no SQLSTATE: nothing of the data is to blame.
        (
            401,
            r#"{"code":401,"message":"Invalid API key"}"#,
            Failure::Fault,
            None,
        ),
        (413, "too large", Failure::Fault, None),
        (308, "", Failure::Fault, None),
    ] {
        let error = EdgeError::refused(status, body);
        assert_eq!(error.failure(), failure, "{status} {body}");
        assert_eq!(error.sqlstate().as_deref(), sqlstate, "{status} {body}");
    }
    let silent = EdgeError::silent(Duration::from_secs(1));
    assert_eq!(silent.failure(), Failure::Passing);
}

#[test]
fn an_error_of_the_data_does_not_show_the_data() {
    let body =
        r#"{"code":"22P02","message":"invalid input syntax: \"hunter2\"","details":"hunter2"}"#;
    let said = EdgeError::refused(400, body).to_string();
    assert!(
        said.contains("22P02") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn only_https_carries_a_password_but_to_this_machine() {
    for (url, is_taken) in [
        ("https://p.supabase.co/", true),
        ("http://127.0.0.1:55320", true),
        ("http://p.example", false),
        ("ftp://p.example", false),
        ("p.supabase.co", false),
    ] {
        assert_eq!(base_of(url).is_ok(), is_taken, "{url}");
    }
    assert_eq!(
        base_of("https://p.supabase.co/").unwrap(),
        "https://p.supabase.co"
    );
}

#[test]
fn a_key_that_is_no_header_is_an_error_and_no_panic() {
    for key in ["", "two\nlines", "clé"] {
        let refused = in_header(&Secret::new(key), "edge.key (CHAT_EDGE_KEY)");
        assert!(refused.is_err_and(|error| error.to_string().contains("CHAT_EDGE_KEY")));
    }
}
