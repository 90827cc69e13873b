//! Long answers on real sockets, of which some read nothing.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// More than all the buffers between two sockets hold.
const BYTES: usize = 64 << 20;

/// A socket that has asked for a long answer, and the task that writes it there: why it ended.
async fn asked(long: Long) -> (TcpStream, tokio::task::JoinHandle<Option<NotTaken>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reader = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut writer, _) = listener.accept().await.unwrap();
    let writing = tokio::spawn(async move {
        let mut parts = std::pin::pin!(long.parts(vec![0; BYTES]));
        while let Some(part) = parts.next().await {
            match part {
                Ok(part) => writer.write_all(&part).await.unwrap(),
                Err(late) => return Some(late),
            }
        }
        None
    });
    (reader, writing)
}

/// Waits for a place.
async fn place(places: &Places, asker: &str) -> Long {
    loop {
        if let Some(long) = places.take(asker) {
            return long;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_long_answer_that_nobody_reads_gives_its_place_and_its_memory_back_at_the_deadline() {
    let places = Places { deadline: Duration::from_millis(200), ..Places::default() };
    let taken: Vec<_> = (0..Long::PLACES_EACH).map(|_| places.take("slow").unwrap()).collect();
    assert!(places.take("slow").is_none());
    let mut unread = Vec::new();
    for long in taken {
        unread.push(asked(long).await);
    }
    tokio::time::timeout(Duration::from_mins(1), place(&places, "slow")).await.unwrap();

    let (mut reader, writing) = unread.remove(0);
    let mut read = Vec::new();
    reader.read_to_end(&mut read).await.unwrap();
    assert!(read.len() < BYTES, "the rest was dropped");
    assert_eq!(writing.await.unwrap(), Some(NotTaken));
}

#[tokio::test]
async fn what_is_left_at_the_deadline_is_dropped_although_somebody_holds_a_part() {
    let places = Places::default();
    let answer = Bytes::from(vec![1; 2 * PART]);
    let mut stream = std::pin::pin!(places.take("slow").unwrap().stream(iter([answer.clone()]), Duration::ZERO));
    let first = stream.next().await.unwrap().unwrap();
    let dropped = async {
        while !answer.is_unique() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), dropped).await.unwrap();
    assert_eq!((first.len(), stream.next().await), (PART, Some(Err(NotTaken))));
}

#[tokio::test]
async fn a_long_answer_that_is_read_arrives_whole_and_then_its_place_is_free() {
    let places = Places::default();
    let others: Vec<_> = (1..Long::PLACES_EACH).map(|_| places.take("orders").unwrap()).collect();
    let (mut reader, writing) = asked(places.take("orders").unwrap()).await;
    assert!(places.take("orders").is_none());
    let mut read = Vec::new();
    reader.read_to_end(&mut read).await.unwrap();
    assert_eq!((read.len(), writing.await.unwrap()), (BYTES, None));
    assert!(places.take("orders").is_some());
    drop(others);
    assert!(lock(&places.taken).is_empty(), "nobody is remembered who has none");
}

#[tokio::test]
async fn a_stream_that_begins_with_much_holds_its_place_until_that_is_taken_and_goes_on() {
    let places = Places::default();
    let frames = iter([Bytes::from(vec![1; PART + 1]), Bytes::from_static(&[2])]);
    let mut stream = std::pin::pin!(places.take("orders").unwrap().stream(frames, Duration::from_hours(1)));
    let mut sizes = Vec::new();
    while let Some(part) = stream.next().await {
        sizes.push((part.unwrap().len(), lock(&places.taken).len()));
    }
    assert_eq!(sizes, [(PART, 1), (1, 1), (1, 0)]);
}

#[tokio::test]
async fn what_a_stream_begins_with_may_be_taken_for_as_long_as_the_stream_lives() {
    let places = Places { deadline: Duration::ZERO, ..Places::default() };
    let answer = Bytes::from(vec![1; 2 * PART]);
    let (question, stream) = (places.take("slow").unwrap(), places.take("slow").unwrap());
    let mut stream = std::pin::pin!(stream.stream(iter([answer]), Duration::from_hours(1)));
    let mut question = std::pin::pin!(question.parts(vec![1; 2 * PART]));
    assert!(question.next().await.unwrap().is_ok() && stream.next().await.unwrap().is_ok());
    let one_is_left = async {
        while lock(&places.taken)["slow"] > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), one_is_left).await.unwrap();
    assert_eq!((question.next().await, stream.next().await.unwrap().unwrap().len()), (Some(Err(NotTaken)), PART));
}

#[test]
fn one_asker_leaves_two_places_to_others_and_all_have_no_more_than_there_are() {
    let places = Places::default();
    let mut taken: Vec<_> = (0..Long::PLACES_EACH).map(|_| places.take("a").unwrap()).collect();
    assert!(places.take("a").is_none());
    taken.extend((0..2).map(|_| places.take("b").unwrap()));
    assert!(places.take("b").is_none());
    assert!(places.take("c").is_none(), "{} are on their way", taken.len());
    taken.pop();
    assert!(places.take("c").is_some());
    assert!(places.take("a").is_none(), "it has as many as before");
}
