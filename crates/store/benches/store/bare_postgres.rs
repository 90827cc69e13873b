//! PostgreSQL alone: as many connections as the store has, each used by one caller or shared by few, statements prepared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row, Statement};

use crate::What;
use crate::ours::{CALLERS, READABLE};
use crate::rows::{CLIENT, T0, USERS, hash, id, ip, new_session, refresh};
use crate::texts::{
    ADVANCE, FIND, FIND_GRANT, INSERT_GRANT, INSERT_SESSION, LOCKING_BOTH, LOCKING_USER, MAKE_ROOM, RENEW,
};

pub struct BarePostgres {
    connections: Vec<Arc<Mutex<Connection>>>,
    next: Arc<AtomicU64>,
    rotations: Vec<u32>,
}

struct Connection {
    client: Client,
    insert_session: Statement,
    insert_grant: Statement,
    make_room: Statement,
    find: Statement,
    find_grant: Statement,
    advance: Statement,
    renew: Statement,
}

/// As many as a node has.
const CONNECTIONS: usize = 10;

impl BarePostgres {
    pub async fn connect(url: &str) -> Self {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(Arc::new(Mutex::new(Connection::new(url).await)));
        }
        Self { connections, next: Arc::new(AtomicU64::new(2_000_000_000)), rotations: vec![0; CALLERS as usize] }
    }

    pub async fn rate(&mut self, what: What, callers: usize, span: Duration) -> f64 {
        let began = Instant::now();
        let calling: Vec<_> = (0..callers)
            .map(|caller| {
                let connection = Arc::clone(&self.connections[caller % CONNECTIONS]);
                let (next, rotation) = (Arc::clone(&self.next), self.rotations[caller]);
                tokio::spawn(async move {
                    let mut count = 0;
                    while began.elapsed() < span {
                        let connection = connection.lock().await;
                        match what {
                            What::Login => connection.login(next.fetch_add(1, Ordering::Relaxed)).await,
                            What::Refresh => connection.refresh(CALLERS + caller as u64, rotation + count).await,
                            What::Read => {
                                let n = (caller as u64 * 7919 + u64::from(count) * 31) % READABLE;
                                connection.rows(&connection.find, &[&id('s', n).as_slice()]).await;
                            }
                        }
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let mut count = 0;
        for (caller, calls) in calling.into_iter().enumerate() {
            let calls = calls.await.unwrap();
            count += calls;
            if what == What::Refresh {
                self.rotations[caller] += calls;
            }
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    }
}

impl Connection {
    async fn new(url: &str) -> Self {
        const I: Type = Type::INT8;
        const B: Type = Type::BYTEA;
        const T: Type = Type::TEXT;
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let prepare = async |text: &str, kinds: &[Type]| client.prepare_typed(text, kinds).await.unwrap();
        let insert_session = format!("{INSERT_SESSION}{LOCKING_USER}");
        Self {
            insert_session: prepare(&insert_session, &[B, B, B, I, I, I, T, T, B, I, I]).await,
            insert_grant: prepare(INSERT_GRANT, &[B, B, T, T, I]).await,
            make_room: prepare(MAKE_ROOM, &[B, B, I, T, I, I]).await,
            find: prepare(FIND, &[B]).await,
            find_grant: prepare(&format!("{FIND_GRANT}{LOCKING_BOTH}"), &[B, B]).await,
            advance: prepare(ADVANCE, &[B, I, I, I]).await,
            renew: prepare(RENEW, &[B, I, I, I]).await,
            client,
        }
    }

    async fn rows(&self, statement: &Statement, values: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        self.client.query(statement, values).await.unwrap()
    }

    async fn login(&self, n: u64) {
        let new = new_session(n);
        let (session, user, grant) = (id('s', n), id('u', n % USERS), id('g', n));
        let (session, user, grant) = (session.as_slice(), user.as_slice(), grant.as_slice());
        let (idle, end) = (T0.0 + 86_460_000, T0.0 + 1_209_600_000);
        self.client.batch_execute("begin").await.unwrap();
        let values: [&(dyn ToSql + Sync); 11] = [
            &session,
            &user,
            &hash(n).to_vec(),
            &T0.0,
            &idle,
            &end,
            &"pwd",
            &new.user_agent,
            &ip(n).to_vec(),
            &(T0.0 + 600_000),
            &0_i64,
        ];
        assert_eq!(self.client.execute(&self.insert_session, &values).await.unwrap(), 1);
        self.client.execute(&self.insert_grant, &[&grant, &session, &CLIENT, &"", &T0.0]).await.unwrap();
        self.rows(&self.make_room, &[&user, &session, &T0.0, &"replaced", &99_i64, &i64::MAX]).await;
        assert_eq!(self.rows(&self.find, &[&session]).await.len(), 1);
        self.client.batch_execute("commit").await.unwrap();
    }

    async fn refresh(&self, n: u64, presented: u32) {
        let request = refresh(n, presented);
        let (session, grant, now) = (request.session_id.0, request.grant_id.0, request.now.0);
        let (session, grant) = (session.as_slice(), grant.as_slice());
        let found: [&(dyn ToSql + Sync); 2] = [&grant, &session];
        let begun = futures_util::future::join(self.client.batch_execute("begin"), self.rows(&self.find_grant, &found));
        assert_eq!(begun.await.1.len(), 1);
        let (was, is) = (i64::from(presented), i64::from(presented) + 1);
        let (idle, access) = (now + 86_460_000, now + 600_000);
        let advance: [&(dyn ToSql + Sync); 4] = [&grant, &was, &is, &now];
        let renew: [&(dyn ToSql + Sync); 4] = [&session, &now, &idle, &access];
        let (advanced, renewed) = futures_util::future::join(
            self.client.execute(&self.advance, &advance),
            self.client.execute(&self.renew, &renew),
        )
        .await;
        assert_eq!((advanced.unwrap(), renewed.unwrap()), (1, 1));
        self.client.batch_execute("commit").await.unwrap();
    }
}
