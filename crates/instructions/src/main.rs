//! One operation, again and again, for `valgrind` to count: `repeats make >materials`, then
//! `repeats <operation> <algorithm> <times> <materials`. Keys and tokens are made beforehand, so that two runs do the same.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a part of a test, as a program of its own")]

mod floor;
mod materials;

use std::hint::black_box;

use materials::{Materials, NOW_MS, SECRET, expectation};
use token::{Profile, Room};
use verifier::Checker;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["make"] => println!("{}", Materials::make()),
        [operation, algorithm, times] => {
            let materials = Materials::read(&std::io::read_to_string(std::io::stdin()).unwrap());
            repeat(operation, &materials, algorithm, times.parse().unwrap());
        }
        _ => panic!("repeats make | repeats <operation> <algorithm> <times>"),
    }
}

fn repeat(operation: &str, materials: &Materials, algorithm: &str, times: u32) {
    let (key, own) = (materials.key(algorithm), materials.token(algorithm));
    let (keys, expect) = (materials.keys(), expectation());
    match operation {
        "floor-verify" => {
            let verify = floor::verifies(key, &own);
            (0..times).for_each(|_| verify());
        }
        "floor-sign" => {
            let sign = floor::signs(key, &own);
            (0..times).for_each(|_| sign());
        }
        "borrowed" | "foreign" | "extra" => {
            let token = match operation {
                "foreign" => materials.foreign(algorithm),
                "extra" => materials.extra(algorithm),
                _ => own,
            };
            let mut room = Room::new();
            for _ in 0..times {
                black_box(&token::verify_in(&mut room, black_box(&token), &keys, &expect, NOW_MS).unwrap());
            }
        }
        "owned" => {
            for _ in 0..times {
                black_box(token::verify(black_box(&own), &keys, &expect, NOW_MS).unwrap());
            }
        }
        "cached" => {
            let checker = Checker::new(expect, keys, 1_000);
            for _ in 0..times {
                black_box(checker.verify(black_box(&own), NOW_MS).unwrap());
            }
        }
        "cached-borrowed" => {
            let checker = Checker::new(expect, keys, 1_000);
            for _ in 0..times {
                black_box(checker.check(black_box(&own), NOW_MS, |claims| claims.exp).unwrap());
            }
        }
        "sign" => {
            let claims = token::verify(&own, &keys, &expect, NOW_MS).unwrap();
            for _ in 0..times {
                black_box(token::sign(key, Profile::Rfc9068, black_box(&claims)));
            }
        }
        _ => panic!("no operation is called {operation}"),
    }
}
