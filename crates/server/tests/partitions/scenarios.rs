//! The faults. In each of them whoever refreshes goes on, nobody accepts what was withdrawn beyond the bound, and all is well by
//! itself once the fault is over.

use std::thread;
use std::time::Duration;

use test_postgres::Cluster;

use crate::network::Id;
use crate::support::{Http, Random};
use crate::world::{Login, Node, World, log_out, pass};

/// Each with its name; those that take longest come first.
pub const SCENARIOS: [(&str, fn()); 7] = [
    ("processes_that_are_stopped_and_go_on", stopped),
    ("packets_that_are_dropped_silently_in_one_direction", dropped_one_way),
    ("packets_that_are_dropped_silently_in_both_directions", dropped_both_ways),
    ("connections_that_are_left_half_open_by_a_server_that_died", half_open),
    ("a_relay_that_is_killed_between_an_event_and_its_watermark", relay_killed),
    ("a_transaction_that_is_left_open_in_the_database", idle_writer),
    ("a_link_that_is_slow", slow),
];

/// A server, a verifier that follows it, and one behind a relay.
struct Scene {
    world: World,
    server: Node,
    relay: Node,
    near: Id,
}

const BOTH: [&str; 2] = ["near", "far"];

impl Scene {
    fn set() -> Self {
        let mut world = World::new(BOUND, None);
        let server = world.server();
        let relay = world.relay(&server);
        let near = world.direct("near", &server, Duration::ZERO);
        world.behind("far", &relay);
        Self { world, server, relay, near }
    }

    fn http(&self) -> Http {
        self.server.process.http()
    }

    fn login(&mut self) -> Login {
        let http = self.http();
        let login = self.world.login(http);
        self.world.until(&BOTH, &login, "accepted");
        login
    }

    fn log_out(&self, login: &Login) {
        self.world.log_out(self.http(), login);
    }

    /// What must hold while neither verifier gets an answer from the server: `ended` was ended since, `stays` was not.
    fn is_cut_off(&mut self, ended: &Login, stays: &Login) {
        self.proves_nothing(stays);
        self.world.until(&BOTH, ended, "stale");
        pass(BOUND);
        self.world.report();
        // Where nothing but the life of the token is promised, so it is known that the ledger notices.
        let latest = self.world.ledger.latest("until_exp").unwrap();
        assert!(latest > BOUND.as_micros() as i64, "a route without a bound accepts for longer: {latest}");
    }

    /// Neither verifier knows enough to accept `stays`, until its client refreshes.
    fn proves_nothing(&mut self, stays: &Login) {
        self.world.until(&BOTH, stays, "stale");
        for name in BOTH {
            self.world.ledger.until_verdict(name, &stays.name, "deny", &["unavailable"]);
        }
        let http = self.http();
        self.world.goes_on(&BOTH, http, stays);
    }

    /// What must come to hold by itself.
    fn heals(&mut self, ended: &Login, stays: &Login) {
        self.world.until(&BOTH, ended, "revoked");
        self.world.until(&BOTH, stays, "accepted");
        let one = self.login();
        self.log_out(&one);
        self.world.until(&BOTH, &one, "revoked");
    }

    /// Two logins that prove nothing any more by when they were made.
    fn two_old_ones(&mut self) -> (Login, Login) {
        let logins = (self.login(), self.login());
        pass(BOUND + Duration::from_millis(200));
        self.world.until(&BOTH, &logins.0, "accepted");
        logins
    }
}

fn dropped_both_ways() {
    let mut scene = Scene::set();
    let before = scene.login();
    scene.log_out(&before);
    let (ended, stays) = scene.two_old_ones();
    let (server, relay, near) = (scene.server.id, scene.relay.id, scene.near);
    scene.world.network.cut(server, near);
    scene.world.network.cut(server, relay);
    scene.log_out(&ended);
    scene.is_cut_off(&ended, &stays);
    scene.world.network.mend(server, near);
    scene.world.network.mend(server, relay);
    scene.heals(&ended, &stays);
    scene.world.check("dropped in both directions");
}

fn dropped_one_way() {
    let mut scene = Scene::set();
    let (server, relay, near) = (scene.server.id, scene.relay.id, scene.near);
    for answers_are_lost in [true, false] {
        let (ended, stays) = scene.two_old_ones();
        for other in [near, relay] {
            let (from, to) = if answers_are_lost { (server, other) } else { (other, server) };
            scene.world.network.cut_one_way(from, to);
        }
        scene.log_out(&ended);
        if answers_are_lost {
            scene.is_cut_off(&ended, &stays);
        } else {
            // Nothing can be asked, but a stream that is open may still bring news, as long as TCP has nothing to send again. They
            // prove nothing.
            scene.proves_nothing(&stays);
            for name in BOTH {
                scene.world.ledger.until_verdict(name, &ended.name, "fresh", &["revoked", "stale"]);
            }
        }
        scene.world.network.mend(server, near);
        scene.world.network.mend(server, relay);
        scene.heals(&ended, &stays);
    }
    scene.world.check("dropped in one direction");
}

fn half_open() {
    let mut scene = Scene::set();
    let (ended, stays) = scene.two_old_ones();
    let (server, relay, near) = (scene.server.id, scene.relay.id, scene.near);
    scene.world.network.cut(server, near);
    scene.world.network.cut(server, relay);
    // Nobody hears of its end, so to the others their connections are as good as ever.
    scene.server.process.kill();
    scene.world.serve_again(&mut scene.server);
    scene.log_out(&ended);
    scene.is_cut_off(&ended, &stays);
    scene.world.network.mend(server, near);
    scene.world.network.mend(server, relay);
    scene.heals(&ended, &stays);
    scene.world.check("half open");
}

fn relay_killed() {
    let mut scene = Scene::set();
    let stays = scene.login();
    let mut random = Random::seeded(7);
    let mut refreshed = None;
    for _ in 0..6 {
        let ended = scene.login();
        // It is on its way to the relay, and from there, when the relay dies.
        let moment = Duration::from_micros(random.below(3_000) as u64);
        let (ledger, http) = (scene.world.ledger.clone(), scene.http());
        thread::scope(|scope| {
            let logout = scope.spawn(|| log_out(&ledger, http, &ended));
            pass(moment);
            scene.relay.process.signal("KILL");
            scene.relay.process.kill();
            logout.join().unwrap();
        });
        refreshed = Some(scene.world.goes_on(&BOTH, http, refreshed.as_ref().unwrap_or(&stays)));
        scene.world.relay_again(&mut scene.relay);
        scene.world.until(&BOTH, &ended, "revoked");
    }
    scene.world.check("a relay killed");
}

fn stopped() {
    let mut scene = Scene::set();
    for who in ["near", "far", "relay", "server"] {
        let (ended, stays) = scene.two_old_ones();
        match who {
            "relay" => scene.relay.process.signal("STOP"),
            "server" => {}
            verifier => scene.world.signal(verifier, "STOP"),
        }
        scene.log_out(&ended);
        if who == "server" {
            scene.server.process.signal("STOP");
            scene.world.until(&BOTH, &stays, "stale");
        }
        pass(BOUND * 3 / 2);
        match who {
            "relay" => scene.relay.process.signal("CONT"),
            "server" => scene.server.process.signal("CONT"),
            verifier => scene.world.signal(verifier, "CONT"),
        }
        scene.heals(&ended, &stays);
    }
    scene.world.check("stopped");
}

fn idle_writer() {
    let cluster = Cluster::start(&["listen_addresses = ''"]);
    let mut world = World::new(BOUND, Some(&cluster.url("postgres")));
    let (first, second) = (world.server(), world.server());
    let relay = world.relay(&second);
    world.direct("near", &second, Duration::ZERO);
    world.behind("far", &relay);
    let held = cluster.hold("postgres");
    for _ in 0..3 {
        let ended = world.login(first.process.http());
        let stays = world.login(second.process.http());
        world.until(&BOTH, &ended, "accepted");
        world.log_out(first.process.http(), &ended);
        world.until(&BOTH, &ended, "revoked");
        pass(BOUND + Duration::from_millis(200));
        world.until(&BOTH, &stays, "accepted");
    }
    drop(held);
    world.check("an idle writer");
}

fn slow() {
    let mut world = World::new(BOUND, None);
    let server = world.server();
    world.direct("near", &server, Duration::from_millis(200));
    world.direct("far", &server, Duration::ZERO);
    let stays = world.login(server.process.http());
    for _ in 0..3 {
        let ended = world.login(server.process.http());
        world.until(&BOTH, &ended, "accepted");
        world.log_out(server.process.http(), &ended);
        world.until(&BOTH, &ended, "revoked");
    }
    pass(BOUND);
    world.until(&BOTH, &stays, "accepted");
    world.check("slow");
}

const BOUND: Duration = Duration::from_secs(3);
