use proptest::prelude::*;

use super::*;

fn decode(chunks: &[&[u8]]) -> Vec<Event> {
    let mut decoder = Decoder::new();
    chunks.iter().flat_map(|chunk| decoder.push(chunk).expect("a stream")).collect()
}

fn told(data: &str) -> Event {
    Event { event: "message".to_owned(), data: data.to_owned(), id: String::new() }
}

#[test]
fn fields_are_read_as_the_standard_says() {
    for (stream, expected) in [
        ("data: a\n\n", vec![told("a")]),
        ("data:a\n\n", vec![told("a")]),
        ("data:  a\n\n", vec![told(" a")]),
        ("data: a\ndata: b\n\n", vec![told("a\nb")]),
        ("data\n\n", vec![told("")]),
        ("data:\ndata:\n\n", vec![told("\n")]),
        (": comment\n\ndata: a\n\n", vec![told("a")]),
        ("unknown: x\nDATA: x\ndata: a\n\n", vec![told("a")]),
        ("event: x\n\ndata: a\n\n", vec![told("a")]),
        ("\n\n\n", vec![]),
        ("data: unfinished\n", vec![]),
        ("data: unfinished", vec![]),
        ("\u{feff}data: a\n\n", vec![told("a")]),
        ("\u{feff}\u{feff}data: a\n\n", vec![]),
        ("data: a\r\rdata: b\r\n\r\ndata: c\n\r", vec![told("a"), told("b"), told("c")]),
        ("event: e\ndata: a\n\n", vec![Event { event: "e".to_owned(), ..told("a") }]),
        (
            "id: 7\ndata: a\n\ndata: b\n\n",
            vec![Event { id: "7".to_owned(), ..told("a") }, Event { id: "7".to_owned(), ..told("b") }],
        ),
        ("id: 7\0\ndata: a\n\n", vec![told("a")]),
        // How a server tells where to resume before it has anything to say.
        ("id: p\ndata:\n\n", vec![Event { id: "p".to_owned(), ..told("") }]),
    ] {
        assert_eq!(decode(&[stream.as_bytes()]), expected, "{stream:?}");
    }
}

#[test]
fn retry_is_digits_only() {
    let mut decoder = Decoder::new();
    decoder.push(b"retry: 1500\n\n").unwrap();
    assert_eq!(decoder.retry(), Some(Duration::from_millis(1500)));
    decoder.push(b"retry: -1\nretry: 1e3\nretry:\nretry: 99999999999999999999999\n\n").unwrap();
    assert_eq!(decoder.retry(), Some(Duration::from_millis(1500)));
    assert_eq!(decoder.last_event_id(), "");
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let stream = "\u{feff}: hi\r\nid: 1\r\nevent: message\r\ndata: {\"é\":\r\ndata: 世}\r\n\r\ndata: b\r\rretry: 5\ndata: c\n\n";
    let bytes = stream.as_bytes();
    let whole = decode(&[bytes]);
    assert_eq!(whole.len(), 3);
    assert_eq!(whole[0].data, "{\"é\":\n世}");
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            assert_eq!(
                decode(&[&bytes[..first], &bytes[first..second], &bytes[second..]]),
                whole,
                "{first} {second}"
            );
        }
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(decode(&single), whole);
}

#[test]
fn a_failed_stream_stays_failed() {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.push(b"data: \xff\n\n"), Err(SseError::NotUtf8));
    assert_eq!(decoder.push(b"data: a\n\n"), Err(SseError::NotUtf8));
    let mut decoder = Decoder::new();
    let line = vec![b'a'; BUFFER_BYTES];
    assert_eq!(decoder.push(&line), Ok(vec![]));
    assert_eq!(decoder.push(b"a"), Err(SseError::TooLarge));
    let mut decoder = Decoder::new();
    let part = [b"data:".as_slice(), &vec![b'a'; BUFFER_BYTES / 2], b"\n"].concat();
    assert_eq!(decoder.push(&part), Ok(vec![]));
    assert_eq!(decoder.push(&part), Err(SseError::TooLarge));
}

#[test]
fn what_is_encoded_cannot_inject_fields() {
    let encoded = message("{\"a\":\r\n1,\r\"b\":\n2}", Some("7\ndata: forged\0"));
    let text = std::str::from_utf8(&encoded).unwrap();
    assert_eq!(
        text,
        "event: message\nid: 7data: forged\ndata: {\"a\":\ndata: 1,\ndata: \"b\":\ndata: 2}\n\n"
    );
    assert_eq!(&retry(Duration::from_secs(2))[..], b"retry: 2000\n\n");
    assert_eq!(decode(&[&message("a\0b", None)])[0].data, "a\0b");
    assert_eq!(decode(&[KEEP_ALIVE.as_bytes()]), []);
}

proptest! {
    #[test]
    fn events_survive_encoding_and_cutting(
        all in proptest::collection::vec(("[^\r\n]{0,30}(\n[^\r\n]{0,10}){0,3}", "[a-z0-9-]{1,8}"), 0..5),
        size in 1_usize..20,
    ) {
        let stream: Vec<u8> = all.iter().flat_map(|(data, id)| message(data, Some(id)).to_vec()).collect();
        let chunks: Vec<&[u8]> = stream.chunks(size).collect();
        let expected: Vec<Event> = all
            .into_iter()
            .map(|(data, id)| Event { event: "message".to_owned(), data, id })
            .collect();
        prop_assert_eq!(decode(&chunks), expected);
    }

    #[test]
    fn any_bytes_in_any_chunks_decode_alike(bytes in proptest::collection::vec(
        prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), any::<u8>()], 0..60), at in 0_usize..60,
    ) {
        let at = at.min(bytes.len());
        let run = |chunks: &[&[u8]]| {
            let mut decoder = Decoder::new();
            let mut events = Vec::new();
            for chunk in chunks {
                match decoder.push(chunk) {
                    Ok(more) => events.extend(more),
                    Err(error) => return Err(error),
                }
            }
            Ok(events)
        };
        prop_assert_eq!(run(&[&bytes]), run(&[&bytes[..at], &bytes[at..]]));
    }
}
