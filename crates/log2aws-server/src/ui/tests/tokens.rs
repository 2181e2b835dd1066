//! Logins with several tokens: whose answer it is, and what they may do.

use super::*;

impl Place {
    /// Adds a named token, and logs in with it; the token, and the cookie.
    async fn add(&self, name: &str, rights: Rights) -> (String, String) {
        let admin = TokenAdmin::open(self.folder.path()).unwrap();
        let token = admin.add(name.parse().unwrap(), rights, NOON.now()).unwrap();
        let token = token.expose().to_owned();
        let cookie = self.post("127.0.0.1", &token).await.cookie();
        (token, cookie)
    }
}

#[tokio::test]
async fn an_answer_names_the_token_that_it_was_given_for() {
    let place = place();
    let name = |response: &http::Response<Body>| {
        response.extensions().get::<TokenName>().map(|name| name.as_str().to_owned())
    };
    let form = |token: &str| {
        let headers = [("sec-fetch-site", "same-origin")];
        request(Method::POST, "/ui/login", &headers, &format!("token={token}"))
    };
    let right = place.send("127.0.0.1", form(&place.token)).await;
    assert_eq!(name(&right).as_deref(), Some("default"));
    let wrong = place.send("127.0.0.1", form("guess")).await;
    assert_eq!((wrong.status(), name(&wrong)), (StatusCode::UNAUTHORIZED, None));
    let cookie = place.post("127.0.0.1", &place.token).await.cookie();
    let cookie = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    for path in ["/ui/", "/ui/events", "/ui/login"] {
        let page = place.send("127.0.0.1", request(Method::GET, path, &cookie, "")).await;
        assert_eq!(name(&page).as_deref(), Some("default"), "{path}");
        let stranger = place.send("127.0.0.1", request(Method::GET, path, &[], "")).await;
        assert_eq!(name(&stranger), None, "{path}");
    }
    let logout = || place.send("127.0.0.1", request(Method::POST, "/ui/logout", &cookie, ""));
    assert_eq!(name(&logout().await).as_deref(), Some("default"));
    assert_eq!(name(&logout().await), None, "nobody is logged in any more");
    let link = place.send("127.0.0.1", request(Method::GET, &place.link, &[], "")).await;
    assert_eq!(name(&link).as_deref(), Some("default"));
}

#[tokio::test]
async fn who_may_only_read_is_refused_every_other_method() {
    let place = place();
    let (_, reader) = place.add("reader", Rights::ReadOnly).await;
    let (_, writer) = place.add("writer", Rights::Full).await;
    let send = async |cookie: &str, method: &Method, path: &str| {
        let headers = [("cookie", cookie), ("sec-fetch-site", "same-origin")];
        let sent = request(method.clone(), path, &headers, "");
        let reply = place.send("127.0.0.1", sent).await;
        let name = reply.extensions().get::<TokenName>().map(TokenName::to_string);
        (reply.status().as_u16(), name.unwrap_or_default())
    };
    let reader_is = |status| (status, "reader".to_owned());
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        for path in ["/ui/", "/ui/s/web01", "/ui/events", "/ui/lang", "/ui/assets/app.css"] {
            let refused = send(&reader, &method, path).await;
            assert_eq!(refused, reader_is(403), "{method} {path}");
            assert_eq!(send(&writer, &method, path).await.0, 405, "{method} {path}");
            assert_eq!(send("", &method, path).await.0, 405, "{method} {path}");
        }
    }
    assert_eq!(send(&reader, &Method::GET, "/ui/s/web01").await, reader_is(200));
    assert_eq!(send(&reader, &Method::HEAD, "/ui/").await, reader_is(200));
    assert_eq!(send(&reader, &Method::POST, "/ui/logout").await, reader_is(303));
}

#[tokio::test]
async fn guesses_are_counted_also_while_a_file_of_tokens_is_damaged() {
    let place = place();
    let (alice, _) = place.add("alice", Rights::Full).await;
    let file = place.folder.path().join("dashboard-tokens.json");
    std::fs::write(file, "{}").unwrap();
    for _ in 0..10 {
        let damaged = place.post("203.0.113.9", &alice).await;
        assert_eq!(damaged.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(damaged.text, "Some(NoToken) /ui/s/web01");
    }
    assert_eq!(place.post("203.0.113.9", "x").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(place.post("203.0.113.9", &place.token).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_link_waits_until_the_default_token_can_be_used() {
    let place = place();
    let (_, cookie) = place.add("alice", Rights::Full).await;
    let file = place.folder.path().join("dashboard-token");
    std::fs::write(&file, "short").unwrap();
    assert_eq!(place.get(&place.link, &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(place.get("/ui/", &[("cookie", &cookie)]).await.status, StatusCode::OK);
    std::fs::write(&file, &place.token).unwrap();
    assert_eq!(place.get(&place.link, &[]).await.status, StatusCode::SEE_OTHER);
}
