//! Server-sent events: where a stream is cut into chunks changes nothing, and what we write is read as it was meant.

use placet_wire::sse::{Decoder, Event, SseError, message};

pub(crate) fn check(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let whole = Decoder::new().push(stream);
    let size = usize::from(*cut).max(1);
    let pieces = in_pieces(stream, size);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces, "cut every {size} bytes"),
        (Err(whole), Err(pieces)) => assert_eq!(whole, pieces),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("cut every {size} bytes: {whole:?} became {pieces:?}"),
    }
    if let Ok(data) = std::str::from_utf8(stream) {
        let read = Decoder::new().push(&message(data, Some("7"))).expect("what we write can be read");
        let meant = data.replace("\r\n", "\n").replace('\r', "\n");
        let expected = Event { event: "message".to_owned(), data: meant, id: "7".to_owned() };
        assert_eq!(read, [expected]);
    }
}

fn in_pieces(stream: &[u8], size: usize) -> Result<Vec<Event>, SseError> {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    for piece in stream.chunks(size) {
        events.extend(decoder.push(piece)?);
    }
    Ok(events)
}
