use domain::{CookieSecret, OneTimeSecret, PasswordHash, Span};
use store::{Error, NewSession, NewUser};

use crate::support::{T0, TestStore, new_session, new_user};

#[tokio::test]
async fn no_secret_is_ever_in_the_file() {
    let store = TestStore::on_sqlite();
    let (cookie, setup) = (CookieSecret([0xc5; 32]), OneTimeSecret([0x5e; 32]));
    // A stand-in for what the server's hash function would answer: the store is given nothing else.
    let password = "correct horse battery staple";
    let hash = PasswordHash(format!("$argon2id$v=19${:x}", password.len()));
    let offered = setup.hash();
    store.offer_setup(move |_| offered, T0 + Span::hours(1), T0).await.unwrap();
    store.add_user(NewUser { password: Some(hash), ..new_user(1) }).await.unwrap();
    let opened = NewSession { cookie_hash: Some(cookie.hash()), ..new_session(1, 1) };
    store.open_session(opened).await.unwrap();

    let mut bytes = Vec::new();
    for file in std::fs::read_dir(store.path().parent().unwrap()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let contains = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    assert!(contains(&cookie.hash().0) && contains(&setup.hash().0), "the hashes are what is looked for");
    for secret in [&cookie.0[..], &setup.0[..], password.as_bytes()] {
        assert!(!contains(secret));
    }
}

#[tokio::test]
async fn an_error_names_no_values() {
    let store = TestStore::on_sqlite();
    store.user(1).await;
    let taken = store.add_user(new_user(1)).await.unwrap_err();
    let mut strange = new_session(1, 1);
    strange.amr = vec!["user 001".into()];
    let broken = store.open_session(strange).await.map(drop).unwrap_err();
    store.outside().execute_batch("update users set roles = 'NOT ROLES 001'").unwrap();
    let unreadable = store.account_by_name(&"user-001".parse().unwrap()).await.unwrap_err();
    for error in [&taken, &broken, &unreadable] {
        let source = if let Error::Broken(source) = error { source.to_string() } else { String::new() };
        assert!(!format!("{error} {source} {error:?}").contains("001"), "{error:?}");
    }
}
