use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::read::Refused;
use super::*;

fn key(byte: u8) -> Secret {
    Secret::KeyFile(Zeroizing::new(vec![byte; 32]))
}

fn made(database: &[u8], secret: Option<&Secret>) -> Vec<u8> {
    let sealed = secret.map_or(Sealed::No, Secret::sealed);
    let head = Head { made_at: 1, made_by: "0.1.0".into(), schema: 2, bytes: database.len() as u64, sealed };
    let mut file = Vec::new();
    write(&head, secret, database, &mut file, &AtomicU64::new(0)).unwrap();
    file
}

fn opened(file: &[u8], secret: Option<&Secret>) -> Result<Vec<u8>, Refused> {
    let mut database = Vec::new();
    read(file, secret, &mut database, &AtomicU64::new(0)).map(|_| database)
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 31 % 251) as u8).collect()
}

#[test]
fn what_was_written_is_read_again_whatever_its_length() {
    for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
        let database = content(length);
        for secret in [None, Some(&key(7))] {
            assert_eq!(opened(&made(&database, secret), secret).unwrap(), database, "{length}");
        }
    }
}

#[test]
fn a_password_opens_what_it_sealed_and_another_is_told_from_damage() {
    let password = |text: &str| Secret::Password(Zeroizing::new(text.to_owned()));
    let database = content(CHUNK + 5);
    let mut file = made(&database, Some(&password("six quiet otters swim")));
    assert_eq!(opened(&file, Some(&password("six quiet otters swim"))).unwrap(), database);
    assert!(matches!(opened(&file, Some(&password("six quiet otters fly"))), Err(Refused::OtherSecret)));
    assert!(matches!(opened(&file, Some(&key(7))), Err(Refused::NeedsPassword)));
    assert!(matches!(opened(&file, None), Err(Refused::NeedsPassword)));
    let middle = file.len() / 2;
    file[middle] ^= 1;
    assert!(matches!(opened(&file, Some(&password("six quiet otters swim"))), Err(Refused::Damaged)));
    let file = made(&database, Some(&key(7)));
    assert!(matches!(opened(&file, Some(&key(8))), Err(Refused::OtherSecret)));
    assert!(matches!(opened(&file, None), Err(Refused::NeedsKeyFile)));
}

#[test]
fn an_encrypted_file_shows_nothing_of_the_database() {
    let database = b"kavya@example.org ".repeat(5000);
    let file = made(&database, Some(&key(7)));
    assert!(!file.windows(6).any(|window| window == b"kavya@"));
    assert_ne!(made(&database, Some(&key(7))), file, "each has a key of its own");
}

/// Somebody who can make the checksum fit, but has no key, moves and cuts chunks.
#[test]
fn chunks_that_were_moved_dropped_or_repeated_do_not_open() {
    let file = made(&content(3 * CHUNK), Some(&key(7)));
    let start = file.len() - SUM - 3 * (CHUNK + TAG);
    let chunk = |n: usize| &file[start + n * (CHUNK + TAG)..start + (n + 1) * (CHUNK + TAG)];
    let forged = |bytes: u64, order: &[usize]| {
        let text = String::from_utf8(file[..start].to_vec()).unwrap();
        let mut forged = text.replace("\"bytes\":196608", &format!("\"bytes\":{bytes}")).into_bytes();
        for n in order {
            forged.extend_from_slice(chunk(*n));
        }
        let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &forged);
        forged.extend_from_slice(sum.as_ref());
        forged
    };
    assert!(opened(&forged(3 * CHUNK as u64, &[0, 1, 2]), Some(&key(7))).is_ok());
    for order in [&[1, 0, 2][..], &[0, 0, 2], &[0, 2, 1], &[0, 1], &[0], &[0, 1, 2, 2]] {
        let refused = opened(&forged((order.len() * CHUNK) as u64, order), Some(&key(7)));
        assert!(matches!(refused, Err(Refused::OtherSecret)), "{order:?}");
    }
}

#[test]
fn what_is_something_else_or_from_later_is_told_apart() {
    for other in [&b""[..], b"SQLite format 3\0 and so on and on", b"watchword", &[0; 4096]] {
        assert!(matches!(opened(other, None), Err(Refused::NotABackup)), "{other:?}");
    }
    assert!(matches!(opened(b"watchword backup 2\n{}\n", None), Err(Refused::Later)));
    assert!(matches!(opened(&[MAGIC, &[b' '; 4096]].concat(), None), Err(Refused::Damaged)));
}

proptest! {
    #[test]
    fn no_bit_can_be_flipped_anywhere(at in any::<prop::sample::Index>(), bit in 0..8, sealed: bool) {
        let secret = sealed.then(|| key(7));
        let mut file = made(&content(CHUNK + 100), secret.as_ref());
        let at = at.index(file.len());
        file[at] ^= 1u8 << bit;
        prop_assert!(opened(&file, secret.as_ref()).is_err());
    }

    #[test]
    fn no_byte_can_be_missing_or_added_at_the_end(length in any::<prop::sample::Index>(), sealed: bool) {
        let secret = sealed.then(|| key(7));
        let mut file = made(&content(CHUNK + 100), secret.as_ref());
        let cut = &file[..length.index(file.len())];
        prop_assert!(opened(cut, secret.as_ref()).is_err());
        file.push(0);
        prop_assert!(matches!(opened(&file, secret.as_ref()), Err(Refused::Damaged)));
    }

    #[test]
    fn no_bytes_from_outside_do_more_than_be_refused(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert!(opened(&bytes, None).is_err());
        prop_assert!(opened(&[MAGIC, &bytes].concat(), None).is_err());
    }
}
