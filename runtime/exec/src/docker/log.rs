//! What a container writes to stdout and stderr: one log, capped in the middle, without secrets; lines of
//! `wrun-progress: 0.4 message` say how far it is, and are not in the log.

use crate::RunContext;
use std::collections::VecDeque;
use std::sync::Arc;

/// A line longer than this is passed on in pieces.
const LINE: usize = 16 << 10;
const PROGRESS: &[u8] = b"wrun-progress:";
const MASK: &[u8] = b"***";
/// Shorter lines of a secret would mask ordinary text.
const SHORTEST: usize = 4;

pub(super) struct Log {
    context: Arc<dyn RunContext>,
    /// Longest first.
    secrets: Vec<Vec<u8>>,
    most: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
    /// What is not a whole line yet: of stdout, of stderr.
    open: [Vec<u8>; 2],
    /// Whether that is the rest of a line whose beginning was passed on.
    rest: [bool; 2],
}

impl Log {
    pub(super) fn new(most: u64, secrets: &[Vec<u8>], context: Arc<dyn RunContext>) -> Self {
        let lines = secrets.iter().flat_map(|secret| secret.split(|byte| *byte == b'\n'));
        let mut secrets: Vec<Vec<u8>> =
            lines.map(<[u8]>::trim_ascii).filter(|line| line.len() >= SHORTEST).map(<[u8]>::to_vec).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self {
            context,
            secrets,
            most: usize::try_from(most).unwrap_or(usize::MAX),
            head: Vec::new(),
            tail: VecDeque::new(),
            dropped: 0,
            open: [Vec::new(), Vec::new()],
            rest: [false, false],
        }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8], stderr: bool) {
        let stream = usize::from(stderr);
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            let room = LINE.saturating_sub(self.open[stream].len()).max(1);
            let take = end.min(room);
            self.open[stream].extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            let whole = self.open[stream].last() == Some(&b'\n');
            if whole {
                self.pass_on(stream, 0);
            } else if self.open[stream].len() >= LINE {
                // A secret may go on after the piece.
                let keep = self.secrets.first().map_or(0, |secret| secret.len() - 1);
                self.pass_on(stream, keep.min(LINE / 2));
            }
        }
    }

    /// Passes on what is open of a stream but its last bytes.
    fn pass_on(&mut self, stream: usize, keep: usize) {
        let mut piece = std::mem::take(&mut self.open[stream]);
        self.mask(&mut piece);
        self.open[stream] = piece.split_off(piece.len().saturating_sub(keep));
        let first = !self.rest[stream];
        self.rest[stream] = piece.last() != Some(&b'\n') && !piece.is_empty();
        if first && let Some(said) = piece.strip_prefix(PROGRESS) {
            let said = String::from_utf8_lossy(said);
            let said = said.trim();
            let (number, message) = said.split_once(char::is_whitespace).unwrap_or((said, ""));
            return match number.parse::<f64>().ok().filter(|fraction| (0.0..=1.0).contains(fraction)) {
                Some(fraction) => self.context.progress(Some(fraction), message.trim()),
                None => self.context.progress(None, said),
            };
        }
        self.context.log(&piece);
        self.keep(&piece);
    }

    fn mask(&self, piece: &mut Vec<u8>) {
        for secret in &self.secrets {
            let mut from = 0;
            while let Some(at) = find(&piece[from..], secret) {
                let at = from + at;
                piece.splice(at..at + secret.len(), MASK.iter().copied());
                from = at + MASK.len();
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (self.most / 4).saturating_sub(self.head.len());
        // Once the tail has begun, the head is whole.
        let (head, tail) = if self.tail.is_empty() && self.dropped == 0 {
            bytes.split_at(room.min(bytes.len()))
        } else {
            (&[][..], bytes)
        };
        self.head.extend_from_slice(head);
        self.tail.extend(tail);
        let most = self.most - self.most / 4;
        if self.tail.len() > most {
            let over = self.tail.len() - most;
            self.tail.drain(..over);
            self.dropped += over as u64;
        }
    }

    /// Returns the log: its beginning and its end, and a line that says what is missing between them.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for stream in 0..2 {
            if !self.open[stream].is_empty() {
                self.pass_on(stream, 0);
            }
        }
        let mut out = self.head;
        if self.dropped > 0 {
            if out.last().is_some_and(|byte| *byte != b'\n') {
                out.push(b'\n');
            }
            out.extend_from_slice(format!("wrun: {} bytes of the log are left out\n", self.dropped).as_bytes());
        }
        out.extend(self.tail);
        out
    }
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NeedEnded;
    use std::sync::Mutex;
    use wrun_core::task::Need;
    use wrun_store::files::Dir;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(Option<f64>, String)>>);

    #[async_trait::async_trait]
    impl RunContext for Heard {
        async fn need(&self, _: Vec<Need>) -> Result<Vec<Dir>, NeedEnded> {
            Err(NeedEnded)
        }
        fn progress(&self, fraction: Option<f64>, message: &str) {
            self.0.lock().expect("nobody panics").push((fraction, message.to_owned()));
        }
        fn log(&self, _: &[u8]) {}
    }

    fn log(most: u64, secrets: &[&str], pieces: &[&[u8]]) -> (String, Vec<(Option<f64>, String)>) {
        let heard = Arc::new(Heard::default());
        let secrets: Vec<Vec<u8>> = secrets.iter().map(|text| text.as_bytes().to_vec()).collect();
        let mut log = Log::new(most, &secrets, heard.clone());
        pieces.iter().for_each(|piece| log.write(piece, false));
        let out = String::from_utf8_lossy(&log.finish()).into_owned();
        (out, std::mem::take(&mut heard.0.lock().expect("nobody panics")))
    }

    #[test]
    fn progress_is_heard_and_not_kept() {
        let (out, heard) = log(1000, &[], &[b"a\nwrun-prog", b"ress: 0.4 half way\nwrun-progress: soon\nb"]);
        assert_eq!(out, "a\nb");
        assert_eq!(heard, [(Some(0.4), "half way".to_owned()), (None, "soon".to_owned())]);
    }

    #[test]
    fn the_middle_is_left_out() {
        let (out, _) = log(40, &[], &[&[b'x'; 100], b"\nthe end\n"]);
        assert_eq!(
            out,
            format!("{}\nwrun: 69 bytes of the log are left out\n{}\nthe end\n", "x".repeat(10), "x".repeat(21))
        );
    }

    #[test]
    fn secrets_are_masked_wherever_pieces_and_lines_end() {
        let (out, _) = log(1 << 20, &["hunter22\nsecond line"], &[b"pw hun", b"ter22!\nsecond line\n"]);
        assert_eq!(out, "pw ***!\n***\n");
        let mut long = vec![b'y'; LINE - 3];
        long.extend_from_slice(b"hunter22 and on");
        let (out, _) = log(1 << 20, &["hunter22"], &[&long]);
        assert!(!out.contains("hunter22") && out.ends_with("*** and on"), "{}", &out[LINE - 20..]);
    }

    #[test]
    fn a_line_without_end_takes_no_memory_of_its_own() {
        let heard = Arc::new(Heard::default());
        let mut log = Log::new(1 << 10, &[], heard);
        for _ in 0..1000 {
            log.write(&[0xff; 10_000], true);
            assert!(log.open[1].len() <= LINE);
        }
        assert!(log.finish().len() < 2 << 10);
    }
}
