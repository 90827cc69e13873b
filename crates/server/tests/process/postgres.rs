//! Two nodes on one PostgreSQL.

use test_postgres::Schema;

use crate::support::Place;

const URL: [&str; 2] = ["--public-url", "http://127.0.0.1:9"];

#[test]
fn two_nodes_on_one_database_share_what_is_acknowledged_and_need_the_same_master_key() {
    let schema = Schema::new();
    let (one, two) = (Place::new(), Place::new());
    for place in [&one, &two] {
        place.write("watchword.toml", format!("database = '{}'\n", schema.url()));
    }
    one.add_user("kavya");
    let mut here = one.serve_with(&URL, &[]);
    assert!(here.line("Database").contains("postgres://"));

    let refusal = two.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(refusal.code == Some(1) && refusal.err.contains("put back watchword.key"), "{refusal:?}");
    assert_eq!(two.files(), ["watchword.toml"]);
    let key = one.path("watchword.key");
    std::fs::copy(key, two.path("watchword.key")).unwrap();
    let there = two.serve_with(&URL, &[]);

    let tokens = here.http().login("kavya").json();
    let bearer = [format!("Authorization: Bearer {}", tokens["access_token"].as_str().unwrap())];
    here.kill();
    assert_eq!(there.http().get("/dashboard", &bearer).status, 200);
    let again = one.serve_with(&URL, &[]);
    assert_eq!(again.http().get("/dashboard", &bearer).status, 200);
    assert_eq!(two.json(&["session", "list", "kavya", "--json"]).as_array().unwrap().len(), 1);
    assert_eq!((again.stop(), there.stop()), (Some(0), Some(0)));
}
