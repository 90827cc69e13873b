//! A program that speaks JSON.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::{PASSWORD, TestServer};

/// A program at one address, with the credential that it uses, if any.
#[derive(Clone)]
pub struct Client {
    pub server: Arc<TestServer>,
    pub peer: SocketAddr,
    headers: HeaderMap,
}

/// What was answered.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Client {
    pub fn new(server: Arc<TestServer>) -> Self {
        Self { server, peer: SocketAddr::from(([192, 0, 2, 7], 40_000)), headers: HeaderMap::new() }
    }

    /// The same from another address.
    pub fn at(mut self, ip: [u8; 4]) -> Self {
        self.peer = SocketAddr::from((ip, 40_000));
        self
    }

    /// The same with one more header on every request.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    /// The same with an access token.
    pub fn bearer(mut self, token: &str) -> Self {
        self.headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        self
    }

    /// The same with this value as its session cookie.
    pub fn cookie(self, value: &str) -> Self {
        self.header("cookie", &format!("__Host-session={value}"))
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None, Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None, Body::empty()).await
    }

    /// A POST without a body.
    pub async fn post(&self, path: &str) -> Reply {
        self.send(Method::POST, path, None, Body::empty()).await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Reply {
        if let Some(password) = body["password"].as_str() {
            self.server.keep_secret(password);
        }
        self.send(Method::POST, path, Some("application/json"), body.to_string().into()).await
    }

    pub async fn send(&self, method: Method, path: &str, media_type: Option<&str>, body: Body) -> Reply {
        let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
        request.headers_mut().extend(self.headers.clone());
        if let Some(media_type) = media_type {
            request.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        }
        let response = self.server.send(request, self.peer).await;
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let reply = Reply { status: parts.status, headers: parts.headers, body };
        for name in ["access_token", "refresh_token"] {
            if let Some(secret) = reply.json_or_null()[name].as_str() {
                self.server.keep_secret(secret);
            }
        }
        for cookie in reply.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap_or_default();
            self.server.keep_secret(pair.split_once('=').map_or("", |(_, value)| value));
        }
        reply
    }

    /// Logs in with the usual password; the tokens.
    pub async fn login(&self, name: &str) -> Value {
        let reply = self.post_json("/login", &json!({"username": name, "password": PASSWORD})).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        reply.json()
    }

    /// Logs in and asks for the cookie too: its value, and the tokens.
    pub async fn login_both(&self, name: &str) -> (String, Value) {
        let body = json!({"username": name, "password": PASSWORD, "cookie": true});
        let reply = self.post_json("/login", &body).await;
        (reply.session().unwrap_or_else(|| panic!("{}", reply.body)), reply.json())
    }

    /// Tries a password; what was answered.
    pub async fn try_login(&self, name: &str, password: &str) -> Reply {
        self.post_json("/login", &json!({"username": name, "password": password})).await
    }

    /// Refreshes with a token as Bearer.
    pub async fn refresh(&self, tokens: &Value) -> Reply {
        self.clone().bearer(tokens["refresh_token"].as_str().unwrap()).post("/refresh").await
    }

    /// The same client with the access token of these tokens.
    pub fn with(&self, tokens: &Value) -> Self {
        self.clone().bearer(tokens["access_token"].as_str().unwrap())
    }
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    fn json_or_null(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// One header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The session cookie that was set, if one was.
    pub fn session(&self) -> Option<String> {
        let mut set = self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        let pair = set.find(|text| text.starts_with("__Host-session="))?.split(';').next()?;
        Some(pair.split_once('=')?.1.to_owned())
    }

    /// Status and body in one line, for snapshots.
    pub fn brief(&self) -> String {
        let mut body = self.json_or_null();
        if let Some(object) = body.as_object_mut() {
            object.remove("request_id");
            return format!("{} {body}", self.status.as_u16());
        }
        format!("{} {}", self.status.as_u16(), self.body)
    }
}
