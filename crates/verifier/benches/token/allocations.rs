//! How many bytes one operation asks the allocator for. Beside `token`, and not a part of it, because counting takes time.
//! What the cryptographic library allocates within C is not counted.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for people at a terminal")]

mod contest;
mod primitive;
#[path = "../../../token/tests/support/mod.rs"]
mod support;
mod table;
mod with_jsonwebtoken;
mod with_jwt_simple;

use table::{Table, is_meant};

fn main() {
    if is_meant() {
        let mut table = Table::new("bytes", "bytes");
        for contest in contest::all() {
            let bytes = contest.rivals.iter().map(|rival| {
                // What is made once is not what an operation costs.
                (rival.work)();
                allocation_counter::measure(&rival.work).bytes_total as f64
            });
            table.row(&contest, &bytes.collect::<Vec<_>>());
        }
    }
}
