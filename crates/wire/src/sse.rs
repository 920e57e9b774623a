//! Server-sent events: an incremental decoder and an encoder.
//! The rules are the WHATWG HTML standard, section 9.2.6 "Interpreting an event stream"; text that is not UTF-8 is refused.

use std::time::Duration;

use bytes::Bytes;
use placet_domain::limits;

/// A comment line that keeps a quiet stream open.
pub const KEEP_ALIVE: &str = ":\n\n";
/// Largest unfinished line or event, bytes: a reply, and room for its field names.
const BUFFER_BYTES: usize = limits::REPLY_BYTES + 64 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The type; `message` if the stream names none.
    pub event: String,
    /// The data, lines joined by line feeds.
    pub data: String,
    /// The last id the stream has named, this event included; empty if none.
    pub id: String,
}

/// Why a stream cannot be read on. It stays that way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A line or an event grows beyond the limit of a reply.
    #[error("an event of the stream is larger than {} bytes", limits::REPLY_BYTES)]
    TooLarge,
    /// Not UTF-8.
    #[error("the stream is not UTF-8")]
    NotUtf8,
}

/// Reads a stream in chunks, cut anywhere.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    /// The unfinished line.
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_return: bool,
    /// A first line has been read, so a byte order mark can no longer stand before it.
    started: bool,
    event: String,
    /// Data so far, each line with its line feed; a `data` field was seen if this is not empty.
    data: String,
    id: String,
    retry: Option<Duration>,
    failed: Option<SseError>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and returns the events they complete. An event that the stream does not complete
    /// is never returned.
    ///
    /// # Errors
    /// Once a limit is passed or a line is not UTF-8, this and every later call fails.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, SseError> {
        match self.failed.map_or_else(|| self.read(chunk), Err) {
            Ok(events) => Ok(events),
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// The id to resume after, empty if the stream named none.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.id
    }

    /// How long to wait before connecting again, if the stream says so.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    fn read(&mut self, mut chunk: &[u8]) -> Result<Vec<Event>, SseError> {
        let mut events = Vec::new();
        if self.after_return && !chunk.is_empty() {
            self.after_return = false;
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        while let Some(end) = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, rest) = chunk.split_at(end);
            events.extend(if self.line.is_empty() {
                self.line(line)?
            } else {
                self.keep(line)?;
                let mut whole = std::mem::take(&mut self.line);
                let event = self.line(&whole)?;
                whole.clear();
                self.line = whole;
                event
            });
            chunk = match rest {
                [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
                [_, rest @ ..] => {
                    self.after_return = rest.is_empty();
                    rest
                }
                [] => rest,
            };
        }
        self.keep(chunk)?;
        Ok(events)
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), SseError> {
        if self.line.len() + part.len() > BUFFER_BYTES {
            return Err(SseError::TooLarge);
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// Takes one line without its end.
    fn line(&mut self, line: &[u8]) -> Result<Option<Event>, SseError> {
        let line = match std::mem::replace(&mut self.started, true) {
            true => line,
            false => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
        };
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let line = std::str::from_utf8(line).map_err(|_| SseError::NotUtf8)?;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if self.data.len() + value.len() > BUFFER_BYTES {
                    return Err(SseError::TooLarge);
                }
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry);
            }
            // A comment has an empty name; other fields are ignored.
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        let event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Event { event, data, id: self.id.clone() })
    }
}

/// Encodes a message event. Line breaks in `data`, which JSON knows only between its tokens, come out as line
/// feeds; an id cannot hold line breaks or U+0000, and they are left out.
#[must_use]
pub fn message(data: &str, id: Option<&str>) -> Bytes {
    let mut text = String::with_capacity(data.len() + 48);
    field(&mut text, "event", ["message"]);
    if let Some(id) = id {
        field(&mut text, "id", id.split(['\r', '\n', '\0']));
    }
    let mut rest = data;
    while let Some(end) = rest.find(['\r', '\n']) {
        let (line, more) = rest.split_at(end);
        field(&mut text, "data", [line]);
        rest = more.strip_prefix("\r\n").unwrap_or_else(|| more.get(1..).unwrap_or_default());
    }
    field(&mut text, "data", [rest]);
    text.push('\n');
    text.into()
}

/// Tells the client how long to wait before connecting again.
#[must_use]
pub fn retry(wait: Duration) -> Bytes {
    format!("retry: {}\n\n", wait.as_millis()).into()
}

/// Appends a field; the parts of its value hold no line breaks.
fn field<'a>(text: &mut String, name: &str, value: impl IntoIterator<Item = &'a str>) {
    text.push_str(name);
    text.push_str(": ");
    text.extend(value);
    text.push('\n');
}

#[cfg(test)]
mod tests;
