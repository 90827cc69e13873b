//! An order book: everybody sees their own orders, and who has the role `admin` sees all.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use verifier::{Authenticated, Policy, Verifier};

/// The service, for users of the verifier's issuer.
pub fn app(verifier: &Verifier) -> Router {
    let admins = verifier.require(Policy::new().role("admin"));
    Router::new()
        .route("/", get(welcome))
        .route("/orders", get(own).post(place))
        .route("/all", get(all).layer(admins))
        .layer(verifier.provide())
        .with_state(Book::default())
}

/// Every order there is; an example keeps them no longer than it runs.
type Book = Arc<Mutex<Vec<Order>>>;

/// What somebody wants.
#[derive(Clone, Serialize)]
struct Order {
    /// Whose it is: the stable id, because names change.
    user_id: String,
    item: String,
}

#[derive(Deserialize)]
struct NewOrder {
    item: String,
}

async fn welcome(who: Option<Authenticated>) -> String {
    match who {
        Some(who) => format!("Hello {}, your orders are at /orders", who.username()),
        None => "Hello stranger, please log in".to_owned(),
    }
}

async fn own(who: Authenticated, State(book): State<Book>) -> Json<Vec<Order>> {
    Json(orders(&book, |order| order.user_id == who.subject()))
}

async fn place(who: Authenticated, State(book): State<Book>, Json(new): Json<NewOrder>) -> (StatusCode, Json<Order>) {
    let order = Order { user_id: who.subject().to_owned(), item: new.item };
    book.lock().unwrap_or_else(PoisonError::into_inner).push(order.clone());
    (StatusCode::CREATED, Json(order))
}

async fn all(State(book): State<Book>) -> Json<Vec<Order>> {
    Json(orders(&book, |_| true))
}

fn orders(book: &Book, wanted: impl Fn(&Order) -> bool) -> Vec<Order> {
    book.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|order| wanted(order)).cloned().collect()
}
