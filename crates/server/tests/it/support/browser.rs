//! A person with a browser: keeps cookies, follows redirects, and submits the forms that it was shown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;

use super::{PASSWORD, TestServer};

pub struct Browser {
    pub server: Arc<TestServer>,
    pub peer: SocketAddr,
    /// Name and value of every cookie.
    pub cookies: BTreeMap<String, String>,
    user_agent: String,
}

/// What the browser shows.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub html: String,
    /// The path that the last redirect led to.
    pub path: String,
    /// Every `Set-Cookie` on the way here.
    pub set_cookies: Vec<String>,
}

/// A form as it was shown, with what was typed into it.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Browser {
    pub fn new(server: Arc<TestServer>) -> Self {
        Self {
            server,
            peer: SocketAddr::from(([198, 51, 100, 4], 50_000)),
            cookies: BTreeMap::new(),
            user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
        }
    }

    /// The same on another device.
    pub fn with_user_agent(mut self, user_agent: &str) -> Self {
        user_agent.clone_into(&mut self.user_agent);
        self
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.go(Method::GET, path, None).await
    }

    /// Submits a form as a browser would.
    pub async fn submit(&mut self, form: &Form) -> Page {
        for (name, value) in &form.fields {
            if name == "password" {
                self.server.keep_secret(value);
            }
        }
        let body = serde_urlencoded::to_string(&form.fields).unwrap();
        self.go(Method::POST, &form.action, Some(body)).await
    }

    /// Fills in the login page and submits it.
    pub async fn login(&mut self, name: &str) -> Page {
        self.login_with(name, PASSWORD).await
    }

    /// The same with some password.
    pub async fn login_with(&mut self, name: &str, password: &str) -> Page {
        let page = self.get("/login").await;
        self.submit(&page.form("/login").fill("username", name).fill("password", password)).await
    }

    /// The session cookie's value, if there is one.
    pub fn session(&self) -> Option<&str> {
        self.cookies.get("__Host-session").map(String::as_str)
    }

    async fn go(&mut self, method: Method, path: &str, form: Option<String>) -> Page {
        let (mut method, mut path, mut form) = (method, path.to_owned(), form);
        let mut set_cookies = Vec::new();
        for _ in 0..6 {
            let (status, headers, html) = self.once(&method, &path, form.take()).await;
            for value in headers.get_all(header::SET_COOKIE) {
                let text = value.to_str().unwrap().to_owned();
                self.keep(&text);
                set_cookies.push(text);
            }
            let next = headers.get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
            let Some(next) = next.filter(|_| status.is_redirection()) else {
                return Page { status, headers, html, path, set_cookies };
            };
            assert_eq!(status, StatusCode::SEE_OTHER, "a redirect after a form must not repeat the form");
            (method, path) = (Method::GET, next);
        }
        panic!("redirected in circles at {path}");
    }

    async fn once(&self, method: &Method, path: &str, form: Option<String>) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "text/html,application/xhtml+xml")
            .header(header::USER_AGENT, &self.user_agent);
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if form.is_some() {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, self.server.origin())
                .header("sec-fetch-site", "same-origin");
        }
        let request = request.body(form.map_or_else(Body::empty, Body::from)).unwrap();
        let (parts, body) = self.server.send(request, self.peer).await.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn keep(&mut self, set_cookie: &str) {
        let (name, value) = set_cookie.split(';').next().unwrap().split_once('=').unwrap();
        if value.is_empty() {
            self.cookies.remove(name);
        } else {
            self.server.keep_secret(value);
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Page {
    /// The form with this action; the page must show one.
    pub fn form(&self, action: &str) -> Form {
        let mark = format!("action=\"{action}\"");
        let start = self.html.find(&mark).unwrap_or_else(|| panic!("no form to {action} on:\n{}", self.html));
        let text = &self.html[start..];
        let text = &text[..text.find("</form>").unwrap()];
        let fields = text.split("<input ").skip(1).filter_map(|input| {
            let input = &input[..input.find('>').unwrap()];
            Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default()))
        });
        Form { action: action.to_owned(), fields: fields.collect() }
    }

    /// Whether a text is on the page.
    pub fn shows(&self, text: &str) -> bool {
        self.html.contains(text)
    }
}

impl Form {
    /// Types into a field, which the form must have.
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        let field = self.fields.iter_mut().find(|(own, _)| own == name);
        value.clone_into(&mut field.unwrap_or_else(|| panic!("the form has no field {name}")).1);
        self
    }

    /// Types into a field if the form has it.
    pub fn fill_if_shown(self, name: &str, value: &str) -> Self {
        if self.fields.iter().any(|(own, _)| own == name) { self.fill(name, value) } else { self }
    }

    /// Adds a field that the form does not have, as only an attacker would.
    pub fn smuggle(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a field away.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(own, _)| own != name);
        self
    }
}

fn attribute(input: &str, name: &str) -> Option<String> {
    let (_, rest) = input.split_once(&format!("{name}=\""))?;
    let value = rest.split_once('"')?.0;
    Some(value.replace("&#34;", "\"").replace("&#38;", "&").replace("&amp;", "&").replace("&#39;", "'"))
}
