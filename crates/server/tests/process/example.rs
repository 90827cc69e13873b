//! The example application beside a real server: one login there opens both.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use verifier::Verifier;

use crate::support::{Http, Place, Reply, SOON};

/// The order book, until it is dropped.
struct Orders {
    http: Http,
    _runtime: tokio::runtime::Runtime,
}

impl Orders {
    fn start(issuer: SocketAddr) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let address = runtime.block_on(async {
            let connect = Verifier::from_issuer(format!("http://{issuer}"));
            let verifier = connect.cookies_fresh_for(Duration::ZERO).retry_for(SOON).await.unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, orders::app(&verifier)).await });
            address
        });
        Self { http: Http { address }, _runtime: runtime }
    }

    fn order(&self, headers: &[String]) -> Reply {
        let headers = [headers, &["Content-Type: application/json".to_owned()]].concat();
        self.answer("POST", "/orders", &headers, &json!({"item": "tea"}).to_string())
    }

    fn get(&self, path: &str, headers: &[String]) -> Reply {
        self.answer("GET", path, headers, "")
    }

    /// Asks again where the issuer was too slow to say whose cookie that is.
    fn answer(&self, method: &str, path: &str, headers: &[String], body: &str) -> Reply {
        let began = Instant::now();
        loop {
            let reply = self.http.send(method, path, headers, body).unwrap();
            if reply.status != 503 {
                return reply;
            }
            assert!(began.elapsed() < SOON, "{reply:?}");
        }
    }
}

#[test]
fn one_login_opens_an_application_to_cookie_and_token_and_one_logout_closes_it() {
    let place = Place::new();
    place.add_user("kavya");
    assert_eq!(place.run(&["user", "set-roles", "kavya", "admin"]).code, Some(0));
    let server = place.serve();
    let orders = Orders::start(server.http().address);
    let login = server.http().login("kavya");
    let (token, cookie) = (login.bearer("access_token"), [login.cookie()]);
    let own_page = [cookie.as_slice(), &["Sec-Fetch-Site: same-origin".to_owned()]].concat();

    assert_eq!(orders.order(&token).status, 201);
    assert_eq!(orders.order(&own_page).status, 201);
    assert_eq!(orders.order(&cookie).status, 403, "the browser does not say which page sent it");
    for credential in [&token, &cookie] {
        let own: Vec<Value> = serde_json::from_str(&orders.get("/orders", credential).body).unwrap();
        assert_eq!(own.len(), 2, "both are kavya's");
        assert_eq!(orders.get("/all", credential).status, 200);
    }
    assert_eq!(orders.get("/", &cookie).body, "Hello kavya, your orders are at /orders");

    assert_eq!(server.http().post("/logout", &token).status, 200);
    assert_eq!(orders.get("/orders", &cookie).status, 401);
    assert_eq!(orders.get("/", &cookie).body, "Hello stranger, please log in");
}
