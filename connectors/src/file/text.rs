//! Delimited text: lines into cells, with exact line numbers (RFC 4180 quoting, CRLF, comments, blank lines).
//!
//! In: a reader. Out: one row at a time in a reused buffer, or why a line is none. Not here: what the cells mean.

use super::record::Number;
use super::record::Numbers;
use super::record::Record;
use super::record::TimeCell;
use crate::mapping::FormatSpec;
use engine::source::SourceError;
use std::io::BufRead;
use std::io::Read;

/// Longest line we take, quoted line breaks included; more is another kind of file.
const LONGEST_LINE: u64 = 1 << 20;
/// Comments kept before a header.
const MOST_COMMENTS: usize = 1000;

/// A text file being read; also the current row.
pub(crate) struct TextRows {
    input: Box<dyn BufRead + Send>,
    place: String,
    delimiter: u8,
    comment: Option<u8>,
    text: String,
    /// Cells of the current row, unquoted, when the row has quotes.
    unquoted: Option<String>,
    cells: Vec<(usize, usize)>,
    width: usize,
    line: u64,
    next_line: u64,
    /// A line that was read too far.
    held: Option<Vec<u8>>,
    /// `# Turbine: Kelmarsh 1` before the header, without its sign.
    comments: Vec<String>,
}

/// What a step found.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Row,
    Bad { line: u64, reason: &'static str, detail: String, raw: String },
    End,
}

impl TextRows {
    /// Passes the skipped lines and reads the header; returns the names of the columns too.
    pub(crate) fn new(
        input: Box<dyn BufRead + Send>,
        place: &str,
        format: &FormatSpec,
    ) -> Result<(Self, Vec<String>), SourceError> {
        let mut rows = Self {
            input,
            place: place.into(),
            delimiter: format.delimiter as u8,
            comment: format.comment.map(|c| c as u8),
            text: String::new(),
            unquoted: None,
            cells: Vec::new(),
            width: 0,
            line: 0,
            next_line: 1,
            held: None,
            comments: Vec::new(),
        };
        for _ in 0..format.skip_lines {
            let mut ignored = Vec::new();
            rows.read_line(&mut ignored)?;
        }
        if !format.header {
            rows.width = format.columns.len();
            return Ok((rows, format.columns.clone()));
        }
        if let Some(sign) = rows.comment {
            rows.read_comments(sign)?;
        }
        match if format.header_in_comment { rows.last_comment() } else { rows.next()? } {
            Step::Row => {}
            Step::Bad { detail, .. } => return Err(SourceError::Format { place: place.into(), problem: detail }),
            Step::End => {
                return Err(SourceError::Format {
                    place: place.into(),
                    problem: "the file is empty; a header was expected".into(),
                });
            }
        }
        let header: Vec<String> = (0..rows.cells.len()).map(|i| rows.text(i).to_owned()).collect();
        rows.width = header.len();
        Ok((rows, header))
    }

    /// Goes to the next line that is neither blank nor a comment.
    pub(crate) fn next(&mut self) -> Result<Step, SourceError> {
        loop {
            let mut bytes = std::mem::take(&mut self.text).into_bytes();
            bytes.clear();
            self.line = self.next_line;
            if !self.read_line(&mut bytes)? {
                return Ok(Step::End);
            }
            if bytes.is_empty() || self.comment.is_some_and(|c| bytes.first() == Some(&c)) {
                self.text = String::from_utf8(bytes).unwrap_or_default();
                continue;
            }
            let quoted = bytes.contains(&b'"');
            while quoted && bytes.iter().filter(|b| **b == b'"').count() % 2 == 1 {
                bytes.push(b'\n');
                if !self.read_line(&mut bytes)? {
                    let raw = String::from_utf8_lossy(&bytes).into_owned();
                    return Ok(self.bad("open_quote", "a quote is opened and never closed".into(), raw));
                }
            }
            match String::from_utf8(bytes) {
                Ok(text) => self.text = text,
                Err(error) => {
                    let detail =
                        format!("the line is not UTF-8 at byte {}; convert the file to UTF-8", error.utf8_error().valid_up_to());
                    let raw = String::from_utf8_lossy(error.as_bytes()).into_owned();
                    return Ok(self.bad("not_utf8", detail, raw));
                }
            }
            self.split(quoted);
            if self.width != 0 && self.cells.len() != self.width {
                let detail = format!("the line has {} cells, the header has {}", self.cells.len(), self.width);
                return Ok(self.bad("ragged", detail, self.text.clone()));
            }
            return Ok(Step::Row);
        }
    }

    /// What a comment before the header says: the text after `name:`.
    pub(crate) fn comment(&self, name: &str) -> Option<&str> {
        let mut found = self.comments.iter().filter_map(|line| line.split_once(':'));
        found.find(|(key, _)| key.trim() == name).map(|(_, text)| text.trim())
    }

    /// Reads the comments before the first line that is none, which is read next.
    fn read_comments(&mut self, sign: u8) -> Result<(), SourceError> {
        let mut bytes = Vec::new();
        while self.comments.len() < MOST_COMMENTS && self.read_line(&mut bytes)? {
            match bytes.split_first() {
                None => {}
                Some((first, comment)) if *first == sign => {
                    let comment = String::from_utf8_lossy(comment).trim_start().to_owned();
                    self.comments.extend(Some(comment).filter(|comment| !comment.is_empty()));
                }
                Some(_) => {
                    self.held = Some(bytes);
                    self.next_line -= 1;
                    return Ok(());
                }
            }
            bytes.clear();
        }
        Ok(())
    }

    /// The last comment as a row.
    fn last_comment(&mut self) -> Step {
        let Some(header) = self.comments.pop() else { return Step::End };
        self.text = header;
        self.split(self.text.contains('"'));
        Step::Row
    }

    fn bad(&self, reason: &'static str, detail: String, raw: String) -> Step {
        Step::Bad { line: self.line, reason, detail, raw }
    }

    /// Appends a line without its end; false at the end of the file.
    fn read_line(&mut self, bytes: &mut Vec<u8>) -> Result<bool, SourceError> {
        if let Some(held) = self.held.take() {
            bytes.extend(held);
            self.next_line += 1;
            return Ok(true);
        }
        let before = bytes.len();
        let read = (&mut self.input).take(LONGEST_LINE).read_until(b'\n', bytes);
        let read = read.map_err(|cause| SourceError::Io { place: format!("{} line {}", self.place, self.next_line), cause })?;
        if read == 0 {
            return Ok(false);
        }
        if bytes.len() as u64 >= LONGEST_LINE {
            let problem = "the line is longer than 1 MiB; is this a text file?".into();
            return Err(SourceError::Format { place: format!("{} line {}", self.place, self.next_line), problem });
        }
        self.next_line += 1;
        for end in [b'\n', b'\r'] {
            if bytes.len() > before && bytes.last() == Some(&end) {
                bytes.pop();
            }
        }
        Ok(true)
    }

    fn split(&mut self, quoted: bool) {
        self.cells.clear();
        self.unquoted = None;
        if quoted {
            return self.split_quoted();
        }
        let mut start = 0;
        for (at, byte) in self.text.bytes().enumerate() {
            if byte == self.delimiter {
                self.cells.push((start, at));
                start = at + 1;
            }
        }
        self.cells.push((start, self.text.len()));
    }

    fn split_quoted(&mut self) {
        let mut plain = String::with_capacity(self.text.len());
        let delimiter = char::from(self.delimiter);
        let mut start = 0;
        let mut inside = false;
        let mut chars = self.text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if inside && chars.peek() == Some(&'"') => {
                    plain.push('"');
                    chars.next();
                }
                '"' => inside = !inside,
                c if c == delimiter && !inside => {
                    self.cells.push((start, plain.len()));
                    start = plain.len();
                }
                c => plain.push(c),
            }
        }
        self.cells.push((start, plain.len()));
        self.unquoted = Some(plain);
    }
}

impl Record for TextRows {
    fn time(&self, column: usize) -> TimeCell<'_> {
        TimeCell::Text(self.text(column))
    }

    fn text(&self, column: usize) -> &str {
        let (start, end) = self.cells.get(column).copied().unwrap_or((0, 0));
        self.unquoted.as_ref().unwrap_or(&self.text).get(start..end).unwrap_or("")
    }

    fn number(&self, column: usize, numbers: &Numbers) -> Number {
        numbers.read(self.text(column))
    }

    fn raw(&self) -> String {
        self.text.clone()
    }

    fn line(&self) -> u64 {
        self.line
    }
}

impl std::fmt::Debug for TextRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextRows").field("place", &self.place).field("line", &self.line).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{FormatSpec, Record, Step, TextRows};
    use std::io::Cursor;

    #[test]
    fn a_header_in_the_last_comment_is_read_with_what_stands_before_it() {
        let text =
            "# Exported\n#\n# Turbine: Kelmarsh 1\n\n# Date and time,\"Wind speed, mean (m/s)\"\n\n2016-01-03,\"5\"\n# end\n1,2";
        let format = FormatSpec { comment: Some('#'), header_in_comment: true, ..FormatSpec::default() };
        let (mut rows, header) = TextRows::new(Box::new(Cursor::new(text)), "t.csv", &format).unwrap();
        assert_eq!(header, ["Date and time", "Wind speed, mean (m/s)"]);
        assert_eq!((rows.comment("Turbine"), rows.comment("Park")), (Some("Kelmarsh 1"), None));
        assert_eq!(rows.next().unwrap(), Step::Row);
        assert_eq!((rows.line(), rows.text(1)), (7, "5"));
        assert_eq!(rows.next().unwrap(), Step::Row);
        assert_eq!((rows.line(), rows.text(0)), (9, "1"));
        let format = FormatSpec { comment: Some(';'), ..format };
        assert!(TextRows::new(Box::new(Cursor::new(text)), "t.csv", &format).unwrap_err().to_string().contains("header"));
    }

    #[test]
    fn lines_keep_their_numbers_through_quotes_comments_and_crlf() {
        let text = "# made by hand\na,b\r\n1,\"x,\"\"y\nz\"\r\n\r\n# more\r\n3\r\n4,5";
        let format = FormatSpec { comment: Some('#'), ..FormatSpec::default() };
        let (mut rows, header) = TextRows::new(Box::new(Cursor::new(text)), "t.csv", &format).unwrap();
        assert_eq!(header, ["a", "b"]);
        assert_eq!(rows.next().unwrap(), Step::Row);
        assert_eq!((rows.line(), rows.text(1)), (3, "x,\"y\nz"));
        let Step::Bad { line, reason, .. } = rows.next().unwrap() else { panic!("a ragged line was taken") };
        assert_eq!((line, reason), (7, "ragged"));
        assert_eq!(rows.next().unwrap(), Step::Row);
        assert_eq!((rows.line(), rows.text(0), rows.text(1)), (8, "4", "5"));
        assert_eq!(rows.next().unwrap(), Step::End);
    }
}
