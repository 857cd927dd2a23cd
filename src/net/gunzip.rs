//! gzip, unpacked by what a body begins with: servers hand out packed files without saying so, under other names, or pack
//! twice, and of a stream that ends early everything before its end is kept, which libraries for whole streams lose.

use flate2::{Decompress, FlushDecompress, Status};
use tokio::time::Instant;

use super::room::{FREE_BYTES, Share, grow};
use crate::envelope::NetError;

/// One layer is usual, two happen where a packed file is packed again on its way; nobody means three.
pub const TIMES_MAX: usize = 2;

/// What is unpacked before others on the same thread have their turn.
const STEP_BYTES: usize = 64 << 10;
/// The largest window that deflate has, as zlib counts.
const WINDOW_BITS: u8 = 15;

/// How a stream ended, where it was not too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    /// It ended early; all before is there.
    Cut,
    /// It is no gzip from some place on; what came before it cannot be trusted.
    Corrupt,
}

/// Whether these bytes are gzip: no text begins so. The third byte is deflate, the one method there is (RFC 1952, 2.3.1).
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1F, 0x8B, 8])
}

/// Unpacks into `body`, all members; what follows the last one is padding.
///
/// # Errors
/// When `body` would be longer than `bytes_max`, or no memory was free for it in time. It holds the beginning then.
pub async fn unpack(
    packed: &[u8],
    body: &mut Vec<u8>,
    bytes_max: usize,
    share: &mut Share,
    deadline: Instant,
) -> Result<End, NetError> {
    let mut rest = packed;
    let mut member = Decompress::new_gzip(WINDOW_BITS);
    // Text shrinks to a quarter; a guess that costs nobody anything.
    let mut room = (4 * packed.len()).clamp(1 << 10, FREE_BYTES);
    loop {
        if body.len() == body.capacity() {
            // One more than may come tells what is too large.
            room = room.max(2 * body.len()).min(bytes_max.saturating_add(1));
            grow(body, room, packed.len(), share, deadline).await?;
        }
        let (read, written) = (member.total_in(), body.len());
        let step = rest.get(..STEP_BYTES).unwrap_or(rest);
        let Ok(status) = member.decompress_vec(step, body, FlushDecompress::None) else {
            return Ok(End::Corrupt);
        };
        let read = usize::try_from(member.total_in() - read).unwrap_or(step.len());
        rest = rest.get(read..).unwrap_or_default();
        if body.len() > bytes_max {
            body.truncate(bytes_max);
            return Err(NetError::TooLarge { bytes_max });
        }
        match status {
            Status::StreamEnd if is_packed(rest) => member = Decompress::new_gzip(WINDOW_BITS),
            Status::StreamEnd => return Ok(End::Whole),
            Status::Ok | Status::BufError => {
                let is_stuck = read == 0 && body.len() == written;
                if is_stuck && body.len() < body.capacity() {
                    return Ok(End::Cut);
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, time::Duration};

    use flate2::{Compression, write::GzEncoder};

    use super::{super::room::Rooms, *};

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::default());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    async fn unpacked(packed: &[u8], bytes_max: usize) -> (Result<End, NetError>, Vec<u8>) {
        let mut body = Vec::new();
        let mut share = Rooms::new(1 << 20).share();
        let deadline = Instant::now() + Duration::from_secs(30);
        let end = unpack(packed, &mut body, bytes_max, &mut share, deadline).await;
        (end, body)
    }

    #[tokio::test]
    async fn a_stream_is_unpacked_as_far_as_it_goes() {
        let text: Vec<u8> = (0..20_000u32)
            .flat_map(|number| {
                (number.wrapping_mul(2_654_435_761) >> 7)
                    .to_string()
                    .into_bytes()
            })
            .collect();
        let (whole, max) = (pack(&text), text.len());
        assert!(is_packed(&whole) && !is_packed(b"\x1F\x8B") && !is_packed(&text));
        let two = [&pack(&text[..9]), &pack(&text[9..])[..]].concat();
        let padded = [&whole, &b"\0\0\n"[..]].concat();
        for packed in [&whole, &two, &padded] {
            assert_eq!(unpacked(packed, max).await, (Ok(End::Whole), text.clone()));
        }
        assert_eq!(
            unpacked(&pack(b""), max).await,
            (Ok(End::Whole), Vec::new())
        );
        // Even where only its checksum is missing, more may have followed.
        for length in [3, 10, 11, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let (end, body) = unpacked(&whole[..length], max).await;
            assert_eq!(end, Ok(End::Cut), "{length}");
            assert!(text.starts_with(&body), "{length}");
            assert!(
                3 * body.len() > 2 * length || length < 100,
                "{length}: {}",
                body.len()
            );
        }
        let mut wrong = whole.clone();
        let at = whole.len() - 6;
        wrong[at] ^= 1;
        assert_eq!(unpacked(&wrong, max).await.0, Ok(End::Corrupt));
        assert_eq!(
            unpacked(b"\x1F\x8B\x08\xFFnothing", max).await.0,
            Ok(End::Corrupt)
        );
    }

    #[tokio::test]
    async fn what_grows_beyond_its_limit_ends_there() {
        let bomb = pack(&vec![b'x'; 8 << 20]);
        for bytes_max in [0, 1, 1000, 3 << 20, (8 << 20) - 1] {
            let (end, body) = unpacked(&bomb, bytes_max).await;
            assert_eq!(end, Err(NetError::TooLarge { bytes_max }));
            assert_eq!(body.len(), bytes_max);
            assert!(body.capacity() <= bytes_max + (64 << 10));
        }
        assert_eq!(unpacked(&bomb, 8 << 20).await.0, Ok(End::Whole));
    }
}
