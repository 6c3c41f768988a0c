//! A list or an inline table as rows of text: each is one item with the comments that are about it, so that they go where it goes.

use std::mem;

/// How far the rows of a list are indented where nothing shows how its author does it.
const INDENT: &str = "    ";

/// What stands between two brackets. Put together without a change it is the text that it was.
#[derive(Clone, Debug)]
pub struct Rows {
    open: char,
    close: char,
    /// The comment in the line of the opening bracket: it is about all of them.
    head: String,
    rows: Vec<Row>,
    /// What stands behind the last one, such as comments on lines of their own.
    tail: String,
    /// How its lines end.
    newline: &'static str,
    /// It had no brackets, and has none as long as it is one item.
    is_single: bool,
}

/// One item, and what goes with it.
#[derive(Clone, Debug)]
struct Row {
    /// From the end of the line before: white space, and comments on lines of their own.
    above: String,
    value: String,
    /// What stands before its comma.
    gap: String,
    comma: bool,
    /// The comment behind it, on its line.
    beside: String,
}

impl Rows {
    /// The items of `text`, a list or an inline table of valid TOML; another value is a single item.
    pub fn of(text: &str) -> Self {
        match (text.chars().next(), text.get(1..text.len().saturating_sub(1))) {
            (Some('['), Some(inner)) => Self::between('[', ']', inner),
            (Some('{'), Some(inner)) => Self::between('{', '}', inner),
            _ => Self::single(text),
        }
    }

    /// `text` alone, which would stand in a list if there were more.
    pub fn single(text: &str) -> Self {
        let mut list = Self::between('[', ']', "");
        list.push(text.to_owned());
        Self { is_single: true, ..list }
    }

    fn between(open: char, close: char, inner: &str) -> Self {
        let (head, mut rest) = inner.split_at(comment_beside(inner));
        let newline = if inner.contains("\r\n") { "\r\n" } else { "\n" };
        let mut rows = Vec::new();
        loop {
            let (above, item) = rest.split_at(blank(rest));
            if item.is_empty() {
                let (head, tail) = (head.to_owned(), above.to_owned());
                return Self { open, close, head, rows, tail, newline, is_single: false };
            }
            let (value, behind) = item.split_at(value(item.as_bytes()));
            let (gap, comma) = behind.split_at(blank(behind));
            // Without a comma, what follows is about the item or the end of the list.
            let (gap, behind) = comma.strip_prefix(',').map_or(("", behind), |behind| (gap, behind));
            let (beside, next) = behind.split_at(comment_beside(behind));
            let [above, value, gap, beside] = [above, value, gap, beside].map(str::to_owned);
            rows.push(Row { above, value, gap, comma: comma.starts_with(','), beside });
            rest = next;
        }
    }

    /// The items, in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rows.iter().map(|row| row.value.as_str())
    }

    /// Has the item at `at`, if there is one, say something else.
    pub fn set(&mut self, at: usize, value: String) {
        if let Some(row) = self.rows.get_mut(at) {
            row.value = value;
        }
    }

    /// One more item, behind the others and in their look.
    pub fn push(&mut self, value: String) {
        let above = self.place_of_next();
        // It takes the comma of the one before if that had one, and that needs one now.
        let comma = self.rows.last_mut().is_some_and(|last| mem::replace(&mut last.comma, true));
        self.rows.push(Row { above, value, gap: String::new(), comma, beside: String::new() });
    }

    /// Takes the item at `at`, if there is one, away with what is about it.
    pub fn remove(&mut self, at: usize) {
        if at >= self.rows.len() {
            return;
        }
        let gone = self.rows.remove(at);
        match self.rows.get_mut(at) {
            // It stood in the same line, and begins that now.
            Some(next) if !next.above.contains('\n') => next.above = place(&gone.above).to_owned(),
            Some(_) => {}
            None => self.end_like(&gone),
        }
    }

    /// The last one ends as `gone` did, which stood behind it.
    fn end_like(&mut self, gone: &Row) {
        let Some(last) = self.rows.last_mut() else { return };
        last.comma = gone.comma;
        if !last.comma && !last.gap.contains('#') {
            last.gap.clear();
        }
        // Else the closing bracket would be a part of the comment.
        if !last.beside.is_empty() && !self.tail.contains('\n') {
            self.tail.insert_str(0, self.newline);
        }
    }

    /// White space to stand before one more item.
    fn place_of_next(&self) -> String {
        match self.rows.last() {
            Some(last) if last.above.contains('\n') => place(&last.above).to_owned(),
            Some(last) if !last.beside.is_empty() => self.line_of_its_own(),
            Some(_) if self.rows.len() == 1 => " ".to_owned(),
            Some(last) => last.above.clone(),
            None if !self.head.is_empty() => self.line_of_its_own(),
            None => String::new(),
        }
    }

    fn line_of_its_own(&self) -> String {
        let indented = self.rows.iter().rev().find(|row| row.above.contains('\n'));
        match indented {
            Some(row) => place(&row.above).to_owned(),
            None => format!("{}{INDENT}", self.newline),
        }
    }

    /// Its text.
    pub fn text(&self) -> String {
        match &self.rows[..] {
            [row] if self.is_single => row.value.clone(),
            rows => {
                let rows: String = rows.iter().map(Row::text).collect();
                format!("{}{}{rows}{}{}", self.open, self.head, self.tail, self.close)
            }
        }
    }
}

impl Row {
    fn text(&self) -> String {
        let comma = if self.comma { "," } else { "" };
        format!("{}{}{}{comma}{}", self.above, self.value, self.gap, self.beside)
    }
}

/// The last line break of `above` with what follows: where an item stands, without what was said about it.
fn place(above: &str) -> &str {
    let Some(at) = above.rfind('\n') else { return above };
    &above[if above[..at].ends_with('\r') { at - 1 } else { at }..]
}

/// How many bytes of white space and comments `text` begins with.
fn blank(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if !rest.starts_with('#') {
            return text.len() - rest.len();
        }
        rest = &rest[line(rest)..];
    }
}

/// How many bytes of `text` are a comment that begins in its first line, with the white space before it.
fn comment_beside(text: &str) -> usize {
    let comment = text.trim_start_matches([' ', '\t']);
    if comment.starts_with('#') { line(text) } else { 0 }
}

/// How long the first line of `text` is.
fn line(text: &str) -> usize {
    text.lines().next().map_or(0, str::len)
}

/// How long the item is that `bytes` begin with: up to a comma, a comment or the end of the line, but for those within it.
pub fn value(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b',' | b'#' | b'\n' if depth == 0 => break,
            b'"' | b'\'' => at += string(&bytes[at..]) - 1,
            b'#' => at += bytes[at..].iter().take_while(|it| **it != b'\n').count() - 1,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    bytes[..at].trim_ascii_end().len()
}

/// How long the string is that `bytes` begin with.
fn string(bytes: &[u8]) -> usize {
    let quote = bytes[0];
    let three = [quote; 3];
    let is_long = bytes.starts_with(&three);
    let end = if is_long { &three[..] } else { &three[..1] };
    let mut at = end.len();
    while at < bytes.len() && !bytes[at..].starts_with(end) {
        at += if quote == b'"' && bytes[at] == b'\\' { 2 } else { 1 };
    }
    at = bytes.len().min(at + end.len());
    // A long one may have quotes just before its end.
    let more = bytes[at..].iter().take_while(|it| is_long && **it == quote).count();
    at + more
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` after the item at `at` has gone.
    fn without(text: &str, at: usize) -> String {
        let mut rows = Rows::of(text);
        rows.remove(at);
        rows.text()
    }

    /// `text` with `"n"` as one more item.
    fn with_one_more(text: &str) -> String {
        let mut rows = Rows::of(text);
        rows.push("\"n\"".to_owned());
        rows.text()
    }

    #[test]
    fn a_comment_goes_with_the_item_that_it_is_about() {
        let list =
            "[ # all\n  \"a\", # first\n  # about the second\n  \"b\", # second\n  \"c\" # third\n  # end\n]";
        assert_eq!(
            without(list, 0),
            "[ # all\n  # about the second\n  \"b\", # second\n  \"c\" # third\n  # end\n]"
        );
        assert_eq!(without(list, 1), "[ # all\n  \"a\", # first\n  \"c\" # third\n  # end\n]");
        assert_eq!(
            without(list, 2),
            "[ # all\n  \"a\", # first\n  # about the second\n  \"b\" # second\n  # end\n]"
        );
    }

    #[test]
    fn what_is_left_stands_as_it_would_have_been_typed() {
        for (list, at, left) in [
            ("[\"a\", \"b\", \"c\"]", 0, "[\"b\", \"c\"]"),
            ("[\"a\", \"b\", \"c\"]", 1, "[\"a\", \"c\"]"),
            ("[\"a\", \"b\", \"c\"]", 2, "[\"a\", \"b\"]"),
            ("[ \"a\" , \"b\" ]", 1, "[ \"a\" ]"),
            ("[\"a\", \"b\",]", 1, "[\"a\",]"),
            ("[\n  \"a\", \"b\",\n  \"c\",\n]", 0, "[\n  \"b\",\n  \"c\",\n]"),
            ("[\"a\", # first\n \"b\"]", 1, "[\"a\" # first\n]"),
            ("[\"a\" # first\n , \"b\"]", 1, "[\"a\" # first\n ]"),
            ("[\"a\"]", 0, "[]"),
        ] {
            assert_eq!(without(list, at), left, "{list}");
        }
    }

    #[test]
    fn one_more_looks_like_its_neighbours() {
        for (list, more) in [
            ("[\"a\"]", "[\"a\", \"n\"]"),
            ("[ \"a\" ]", "[ \"a\", \"n\" ]"),
            ("[\"a\",\"b\"]", "[\"a\",\"b\",\"n\"]"),
            ("[\n  \"a\",\n]", "[\n  \"a\",\n  \"n\",\n]"),
            ("[\n\t\"a\"\n]", "[\n\t\"a\",\n\t\"n\"\n]"),
            ("[\r\n  \"a\", # x\r\n]", "[\r\n  \"a\", # x\r\n  \"n\",\r\n]"),
            ("[\n  \"a\" # x\n  # end\n]", "[\n  \"a\", # x\n  \"n\"\n  # end\n]"),
            ("[\"a\" # x\n]", "[\"a\", # x\n    \"n\"\n]"),
            ("[\n  \"a\",\n  \"b\", \"c\", # x\n]", "[\n  \"a\",\n  \"b\", \"c\", # x\n  \"n\",\n]"),
            ("[]", "[\"n\"]"),
            ("\"a\"", "[\"a\", \"n\"]"),
        ] {
            assert_eq!(with_one_more(list), more, "{list}");
        }
    }

    #[test]
    fn nothing_within_an_item_ends_it() {
        let items = [
            r#""a,]#\"""#,
            r"'b,\'",
            "\"\"\"c\n,\"\\\"\"\"\"\"",
            "'''d,''''",
            "{ x = [1, 2], # },\n y = 'z' }",
            "\"\"",
        ];
        let text = format!("[{}]", items.join(", "));
        let rows = Rows::of(&text);
        assert_eq!(rows.values().collect::<Vec<_>>(), items);
        assert_eq!(rows.text(), text);
    }

    /// Every list of three that differs in comments, line breaks, line ends and its last comma.
    fn lists() -> Vec<String> {
        let mut lists = Vec::new();
        for shape in 0..1_u32 << 11 {
            let has = |bit: u32| shape >> bit & 1 == 1;
            let newline = if has(0) { "\r\n" } else { "\n" };
            let row = |at: u32| {
                let bit = |it: u32| has(2 + at * 3 + it);
                let before = if bit(0) || at > 0 && has(at * 3 + 1) { newline } else { "" };
                let above =
                    if bit(1) { format!("{newline}# above {at}{newline}") } else { before.to_owned() };
                let comma = if at < 2 || has(1) { "," } else { "" };
                let beside = if bit(2) { format!(" # beside {at}") } else { String::new() };
                format!("{above} \"{at}\"{comma}{beside}")
            };
            let end = if has(10) { newline } else { "" };
            lists.push(format!("[{}{}{}{end}]", row(0), row(1), row(2)));
        }
        lists
    }

    #[test]
    fn whichever_goes_the_others_keep_their_comments_and_all_is_still_toml() {
        for list in lists() {
            assert_eq!(Rows::of(&list).text(), list);
            for gone in 0..3 {
                let left = without(&list, gone);
                let parsed: toml::Table = format!("to = {left}").parse().unwrap();
                let expected: Vec<_> = (0..3).filter(|at| *at != gone).map(|at| at.to_string()).collect();
                let values: Vec<_> =
                    parsed["to"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
                assert_eq!(values, expected, "{list}");
                check_comments(&list, &left, gone);
            }
            let more: toml::Table = format!("to = {}", with_one_more(&list)).parse().unwrap();
            assert_eq!(more["to"].as_array().unwrap().len(), 4, "{list}");
        }
    }

    /// In `left` each item has the comments of its own that it had in `list`, and `gone` has left none behind.
    fn check_comments(list: &str, left: &str, gone: usize) {
        for at in 0..3 {
            let (above, beside) = (format!("# above {at}"), format!("# beside {at}"));
            let is_there = |text: &str, comment: &str| text.contains(comment);
            assert_eq!(is_there(left, &above), at != gone && is_there(list, &above), "{list} -> {left}");
            assert_eq!(is_there(left, &beside), at != gone && is_there(list, &beside), "{list} -> {left}");
            let lines: Vec<_> = left.lines().collect();
            for (line, next) in lines.iter().zip(lines.iter().skip(1)) {
                assert!(*line != above || next.contains(&format!("\"{at}\"")), "{list} -> {left}");
            }
            for line in lines.iter().filter(|it| it.contains(&beside)) {
                assert!(line.contains(&format!("\"{at}\"")), "{list} -> {left}");
            }
            let ends = |end: &str| left.matches(end).count();
            assert!(!list.contains('\r') || ends("\n") == ends("\r\n"), "{list} -> {left}");
        }
    }
}
