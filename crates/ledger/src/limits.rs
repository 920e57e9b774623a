//! Every limit of the ledger in one place.
//! The numbers that other programs must know stand in `spec/ledger.md`.

use std::time::Duration;

/// Longest leaf in bytes: the two-byte length prefix of C2SP entry bundles.
pub const MAX_LEAF_BYTES: usize = 65_535;

/// Most entries in one frame.
pub const MAX_BATCH_ENTRIES: usize = 4_096;

/// A batch stops growing once its leaves reach this many bytes; the leaf that crosses the line still fits.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of leaves that may wait for the writer.
pub const MAX_QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// Longest frame, header included, that a reader accepts.
pub const MAX_FRAME_BYTES: usize =
    FRAME_HEADER_BYTES + MAX_BATCH_BYTES + MAX_LEAF_BYTES + 2 * MAX_BATCH_ENTRIES + 2 + MAX_NOTE_BYTES;

/// Longest signed checkpoint in bytes, cosignatures included.
pub const MAX_NOTE_BYTES: usize = 65_535;

/// Longest origin in bytes; keeps a one-leaf frame below [`MIN_SEGMENT_BYTES`].
pub const MAX_ORIGIN_BYTES: usize = 255;

/// Most signature lines in one note. C2SP asks verifiers to accept at least 16.
pub const MAX_NOTE_SIGNATURES: usize = 64;

/// Longest text of one offline proof in bytes.
pub const MAX_PROOF_BYTES: usize = 256 * 1024;

/// Smallest segment: one leaf of the greatest length and its checkpoint must fit.
pub const MIN_SEGMENT_BYTES: u64 = 80 * 1024;

/// Greatest segment: recovery and verification hold one in memory.
pub const MAX_SEGMENT_BYTES: u64 = 1024 * 1024 * 1024;

/// Segment size unless the configuration says otherwise.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Appends that may wait for the writer unless the configuration says otherwise.
pub const DEFAULT_QUEUE: usize = 8_192;

/// Bytes of a frame before its payload: length, checksum, first index, count.
pub(crate) const FRAME_HEADER_BYTES: usize = 20;

/// How long a batch waits for the appends that are known to be under way. A call takes milliseconds where that many
/// are, and a signature and a sync saved for each are worth more.
pub(crate) const GATHER: Duration = Duration::from_micros(700);

/// How often the segment is looked for under its name, and the openings are synced.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// Pause before a segment that could not be prepared is tried again.
pub(crate) const PREPARE_RETRY: Duration = Duration::from_millis(250);

/// Bytes that the search for an intact frame behind damage may checksum before it gives up and refuses.
pub(crate) const SEARCH_BUDGET_BYTES: usize = 256 * 1024 * 1024;
