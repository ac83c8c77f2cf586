//! The Storage double, by the requests that supabase-js sends: who puts, reads, lists and deletes files of a chat is
//! decided by the policies.

use anyhow::{Context, Result, ensure};
use pg_chat_tests::{Agent, AgentIs, Origin, Site, TestDb, http_client};
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::{Value, json};
use uuid::Uuid;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and more";

/// A project with two sites.
pub struct TwoSites {
    pub origin: Origin,
    pub site: Site,
    pub ada: Agent,
    pub eve: Agent,
    /// Dropped last.
    pub db: TestDb,
}

impl TwoSites {
    pub async fn open() -> Result<Self> {
        let db = TestDb::new().await?;
        let site = Site::make(&db).await?;
        let ada = site.agent("Ada", AgentIs::default()).await?;
        let eve = Site::make(&db)
            .await?
            .agent("Eve", AgentIs::default())
            .await?;
        Ok(Self {
            origin: Origin::of(&db).await?,
            site,
            ada,
            eve,
            db,
        })
    }

    fn path(&self, name: &str) -> String {
        format!("chat/{}/{}_{name}", self.site.id, Uuid::new_v4())
    }

    fn asks(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        http_client()
            .request(method, format!("{}/storage/v1/{path}", self.origin.url()))
            .bearer_auth(token)
    }

    /// What comes back: the body, and the status that it means.
    async fn says(&self, request: RequestBuilder) -> Result<(u16, Value)> {
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        let body: Value = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
        let meant = body["statusCode"]
            .as_str()
            .and_then(|meant| meant.parse().ok());
        ensure!(status == 200 || meant.is_some(), "HTTP {status}: {body}");
        Ok((meant.unwrap_or(status), body))
    }

    async fn puts(&self, token: &str, path: &str) -> Result<(u16, Value)> {
        let form = multipart::Form::new().text("cacheControl", "3600").part(
            "",
            multipart::Part::bytes(PNG)
                .file_name("a.png")
                .mime_str("image/png")?,
        );
        let request = self.asks(token, Method::POST, &format!("object/chat-media/{path}"));
        self.says(request.multipart(form)).await
    }

    async fn reads(&self, token: &str, path: &str) -> Result<(u16, Value)> {
        let request = self.asks(token, Method::GET, &format!("object/chat-media/{path}"));
        self.says(request).await
    }
}

#[tokio::test]
async fn agents_put_and_read_files_of_their_own_site_only() -> Result<()> {
    let project = TwoSites::open().await?;
    let (ada, eve) = (
        project.origin.token(project.ada),
        project.origin.token(project.eve),
    );
    let path = project.path("a.png");
    let (status, put) = project.puts(&ada, &path).await?;
    assert_eq!(
        (status, &put["Key"]),
        (200, &json!(format!("chat-media/{path}"))),
        "{put}"
    );
    assert_eq!(project.puts(&ada, &path).await?.0, 409, "it is there");
    assert_eq!(project.reads(&ada, &path).await?.0, 200);
    assert_eq!(
        project.reads(&eve, &path).await?.0,
        404,
        "nobody says that it is there"
    );
    assert_eq!(
        project.reads(&project.origin.key("anon"), &path).await?.0,
        404
    );
    let answer = http_client()
        .get(format!(
            "{}/storage/v1/object/public/chat-media/{path}",
            project.origin.url()
        ))
        .send()
        .await?;
    assert_eq!(answer.status(), 400, "the bucket is private");

    assert_eq!(project.puts(&eve, &project.path("b.png")).await?.0, 403);
    for wrong in ["chat/x.png", "a.png", "chat/1/2_a.png"] {
        assert_eq!(project.puts(&ada, wrong).await?.0, 403, "{wrong}");
    }
    let delete = |token: &str| {
        project
            .asks(token, Method::DELETE, "object/chat-media")
            .json(&json!({"prefixes": [path]}))
    };
    assert_eq!(
        project.says(delete(&ada)).await?.1,
        json!([]),
        "agents delete nothing"
    );
    let gone = project
        .says(delete(&project.origin.key("service_role")))
        .await?
        .1;
    assert_eq!(gone[0]["name"], json!(path));
    assert_eq!(project.reads(&ada, &path).await?.0, 404);
    Ok(())
}

#[tokio::test]
async fn a_signed_address_opens_one_file_for_a_while() -> Result<()> {
    let project = TwoSites::open().await?;
    let (ada, eve) = (
        project.origin.token(project.ada),
        project.origin.token(project.eve),
    );
    let path = project.path("a.png");
    project.puts(&ada, &path).await?;
    let sign = |token: &str, seconds: i64| {
        project
            .asks(
                token,
                Method::POST,
                &format!("object/sign/chat-media/{path}"),
            )
            .json(&json!({"expiresIn": seconds}))
    };
    assert_eq!(project.says(sign(&eve, 60)).await?.0, 404);
    let url = project.says(sign(&ada, 60)).await?.1;
    let url = url["signedURL"].as_str().context("no address")?;
    let open = |url: &str| http_client().get(format!("{}/storage/v1{url}", project.origin.url()));
    assert_eq!(
        open(url).send().await?.error_for_status()?.bytes().await?,
        PNG
    );
    let elsewhere = url.replace("a.png", "b.png");
    assert_eq!(
        open(&elsewhere).send().await?.status(),
        400,
        "it is of this file only"
    );
    let over = project.says(sign(&ada, -120)).await?.1;
    let over = over["signedURL"].as_str().context("no address")?;
    assert_eq!(open(over).send().await?.status(), 400, "its time is over");
    let many = project
        .asks(&ada, Method::POST, "object/sign/chat-media")
        .json(&json!({"expiresIn": 60, "paths": [path, project.path("none.png")]}));
    let many = project.says(many).await?.1;
    assert!(
        many[0]["signedURL"].is_string() && many[1]["error"].is_string(),
        "{many}"
    );
    Ok(())
}

#[tokio::test]
async fn a_signed_upload_is_for_one_file_of_who_may_put_it() -> Result<()> {
    let project = TwoSites::open().await?;
    let (ada, eve) = (
        project.origin.token(project.ada),
        project.origin.token(project.eve),
    );
    let path = project.path("a.png");
    let sign = |token: &str| {
        project.asks(
            token,
            Method::POST,
            &format!("object/upload/sign/chat-media/{path}"),
        )
    };
    assert_eq!(project.says(sign(&eve)).await?.0, 403);
    let signed = project.says(sign(&ada)).await?.1;
    let put = |url: &str| {
        http_client()
            .put(format!("{}/storage/v1{url}", project.origin.url()))
            .header("content-type", "image/png")
            .body(PNG)
    };
    let url = signed["url"].as_str().context("no address")?;
    assert_eq!(
        project.says(put(&url.replace("a.png", "b.png"))).await?.0,
        400
    );
    assert_eq!(project.says(put(url)).await?.0, 200);
    assert_eq!(project.reads(&ada, &path).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn a_visitor_puts_a_file_where_they_were_told_and_gets_its_address_with_the_message()
-> Result<()> {
    let project = TwoSites::open().await?;
    let rpc = |token: &str, function: &str, arguments: Value| {
        let request = http_client()
            .post(format!("{}/rest/v1/rpc/{function}", project.origin.url()))
            .header("apikey", project.origin.key("anon"))
            .bearer_auth(token)
            .json(&arguments);
        async move { anyhow::Ok(request.send().await?.json::<Value>().await?) }
    };
    project
        .db
        .as_owner(&format!(
            "insert into public.mod_chat_widget_settings (site_id, pre_chat_enabled) values ('{}', false)
            on conflict (site_id) do update set pre_chat_enabled = false",
            project.site.id
        ))
        .await?;
    let site = json!({"site": project.site.id});
    let session = rpc(&project.origin.key("anon"), "chat_open_session", site).await?;
    let token = session["token"].as_str().context("a token")?;
    let file = json!({"name": "a.png", "size_bytes": PNG.len(), "mime_type": "image/png"});
    let place = rpc(token, "chat_request_upload", file).await?;
    let path = place["path"].as_str().with_context(|| place.to_string())?;
    assert_eq!(
        project.puts(token, &project.path("mine.png")).await?.0,
        403,
        "only where they were told"
    );
    assert_eq!(project.puts(token, path).await?.0, 200);
    let post = json!({"content": "", "upload": place["upload"]});
    let message = rpc(token, "chat_post_message", post).await?;
    assert!(message["id"].is_string(), "{message}");
    let file = rpc(token, "chat_file_url", json!({"message": message["id"]})).await?;
    let url = file["url"].as_str().with_context(|| file.to_string())?;
    let opened = http_client()
        .get(format!("{}{url}", project.origin.url()))
        .send()
        .await?;
    assert_eq!(opened.error_for_status()?.bytes().await?, PNG);
    assert_eq!(
        project
            .reads(&project.origin.token(project.ada), path)
            .await?
            .0,
        200,
        "Ada reads it"
    );
    let other = rpc(
        &project.origin.key("anon"),
        "chat_open_session",
        json!({"site": project.site.id}),
    )
    .await?;
    let other = other["token"].as_str().context("a token")?;
    let refused = rpc(other, "chat_file_url", json!({"message": message["id"]})).await?;
    assert_eq!(refused["details"], "chat/no_such_message", "{refused}");
    Ok(())
}

#[tokio::test]
async fn a_folder_is_listed_as_far_as_one_sees() -> Result<()> {
    let project = TwoSites::open().await?;
    let (ada, eve) = (
        project.origin.token(project.ada),
        project.origin.token(project.eve),
    );
    let path = project.path("a.png");
    project.puts(&ada, &path).await?;
    let list = |token: &str, prefix: &str| {
        project
            .asks(token, Method::POST, "object/list/chat-media")
            .json(&json!({"prefix": prefix, "limit": 10, "offset": 0}))
    };
    let folders = project.says(list(&ada, "chat")).await?.1;
    assert_eq!(
        json!([folders[0]["name"], folders[0]["id"]]),
        json!([project.site.id, null])
    );
    let files = project
        .says(list(&ada, &format!("chat/{}/", project.site.id)))
        .await?
        .1;
    assert_eq!(files[0]["metadata"]["mimetype"], "image/png", "{files}");
    assert_eq!(project.says(list(&eve, "chat")).await?.1, json!([]));
    Ok(())
}

#[tokio::test]
async fn a_buckets_own_rules_hold_for_everybody() -> Result<()> {
    let project = TwoSites::open().await?;
    let service = project.origin.key("service_role");
    let bucket = json!({"id": "small", "name": "small", "public": true, "file_size_limit": 10,
        "allowed_mime_types": ["image/*"]});
    let made = project.asks(&service, Method::POST, "bucket").json(&bucket);
    assert_eq!(project.says(made).await?.0, 200);
    let ada = project.origin.token(project.ada);
    let made = project
        .asks(&ada, Method::POST, "bucket")
        .json(&json!({"name": "mine"}));
    assert_eq!(project.says(made).await?.0, 403);
    let put = |mime: &'static str, bytes: &'static [u8]| {
        project
            .asks(&service, Method::POST, "object/small/a")
            .header("content-type", mime)
            .body(bytes)
    };
    assert_eq!(project.says(put("text/html", b"1")).await?.0, 415);
    assert_eq!(project.says(put("image/png", b"12345678901")).await?.0, 413);
    assert_eq!(project.says(put("image/png", b"1234567890")).await?.0, 200);
    let public = format!("{}/storage/v1/object/public/small/a", project.origin.url());
    assert_eq!(http_client().get(public).send().await?.status(), 200);
    let bad = project
        .asks(&service, Method::POST, "object/small/a%7Bb")
        .header("content-type", "image/png")
        .body("x");
    assert_eq!(
        project.says(bad).await?.0,
        400,
        "a character that no key has"
    );
    Ok(())
}
