//! What is printed for people. Everything that comes from elsewhere is made harmless here.
//!
//! Text gets on a [`Page`] only through functions that escape it: a name that another member
//! wrote can neither steer the terminal nor change the order in which it is read.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// How a piece of text looks where colours are shown. It never carries meaning of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal is set.
    #[default]
    Plain,
    /// Emphasised: what a reader looks for.
    Strong,
    /// Less important.
    Dim,
    /// All is well.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong, void, refused.
    Bad,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\u{1b}[1m",
            Self::Dim => "\u{1b}[2m",
            Self::Good => "\u{1b}[32m",
            Self::Warn => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
        }
    }
}

/// A piece of text with its look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell(pub Tone, pub String);

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self(Tone::Plain, text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self(Tone::Plain, text)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self(Tone::Plain, count.to_string())
    }
}

/// Something that can be shown to people.
pub trait Show {
    /// Writes it on a page.
    fn show(&self, page: &mut Page);

    /// Writes only what was asked for: for something made, its id.
    fn brief(&self, page: &mut Page) {
        self.show(page);
    }
}

/// Text to be printed.
#[derive(Debug)]
pub struct Page {
    text: String,
    is_colored: bool,
}

impl Page {
    /// An empty page.
    pub const fn new(is_colored: bool) -> Self {
        Self { text: String::new(), is_colored }
    }

    /// Appends `text`, made harmless.
    pub fn put(&mut self, tone: Tone, text: &str) -> &mut Self {
        let code = if self.is_colored { tone.code() } else { "" };
        self.text.push_str(code);
        self.text.push_str(&safe(text));
        if !code.is_empty() {
            self.text.push_str("\u{1b}[0m");
        }
        self
    }

    /// Ends the line.
    pub fn end(&mut self) {
        while self.text.ends_with(' ') {
            self.text.pop();
        }
        self.text.push('\n');
    }

    /// Appends a whole line.
    pub fn line(&mut self, text: &str) {
        self.put(Tone::Plain, text).end();
    }

    /// Appends names and values, the values below each other.
    pub fn fields(&mut self, fields: &[(&str, Cell)]) {
        let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, Cell(tone, value)) in fields {
            self.put(Tone::Dim, &format!("{name:width$}  ")).put(*tone, value).end();
        }
    }

    /// Appends a table; the columns are as wide as they must be.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<Cell>]) {
        let head: Vec<Cell> =
            head.iter().map(|title| Cell(Tone::Dim, (*title).to_owned())).collect();
        let mut widths: Vec<usize> = Vec::new();
        for row in rows.iter().chain([&head]) {
            for (column, Cell(_, text)) in row.iter().enumerate() {
                let width = safe(text).chars().count();
                match widths.get_mut(column) {
                    Some(known) => *known = width.max(*known),
                    None => widths.push(width),
                }
            }
        }
        for row in [&head].into_iter().chain(rows) {
            for (Cell(tone, text), width) in row.iter().zip(&widths) {
                let gap = width.saturating_sub(safe(text).chars().count()) + 2;
                self.put(*tone, text).put(Tone::Plain, &" ".repeat(gap));
            }
            self.end();
        }
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// `text` without characters that a terminal obeys or that hide or reorder others: those are
/// written as `\u{…}`.
pub fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmful(character) {
            // A string never refuses a write.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

/// The same JSON text, with harmful characters written as JSON escapes.
pub fn safe_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if is_harmful(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// Whether a terminal obeys the character, or it is unseen, or it turns the direction of others.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Whether colours are shown: on a terminal that can, unless `NO_COLOR` is set.
pub fn wants_color(stream: &impl IsTerminal) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// Writes to standard output. A reader who has gone away is no error.
///
/// # Errors
///
/// Any other error of the operating system.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a line for people to standard error; there is nobody to tell if that fails.
pub fn say(text: &str) {
    let lines: Vec<String> = text.split('\n').map(safe).collect();
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = "a\u{1b}[2Jb\u{202e}c\r\nd\u{9b}31me\u{200b}\u{e0041}";

    #[test]
    fn attack_63_nothing_that_a_terminal_obeys_gets_through() {
        let shown = safe(EVIL);
        assert_eq!(shown, r"a\u{1b}[2Jb\u{202e}c\u{d}\u{a}d\u{9b}31me\u{200b}\u{e0041}");
        assert_eq!(safe("Zoë 名前 🙂 e\u{301}"), "Zoë 名前 🙂 e\u{301}");
        let mut page = Page::new(true);
        page.put(Tone::Bad, EVIL).end();
        page.table(&["name"], &[vec![EVIL.into()]]);
        page.fields(&[("name", EVIL.into())]);
        let text = page.into_text();
        let ours = ["\u{1b}[31m", "\u{1b}[0m", "\u{1b}[2m"];
        let rest = ours.iter().fold(text, |text, code| text.replace(code, ""));
        assert!(rest.chars().all(|character| character == '\n' || !is_harmful(character)));
    }

    #[test]
    fn attack_63_json_keeps_its_meaning() {
        let json = serde_json::to_string(EVIL).unwrap();
        let shown = safe_json(&json);
        assert!(!shown.chars().any(is_harmful));
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), EVIL);
    }

    #[test]
    fn tables_line_up() {
        let mut page = Page::new(false);
        page.table(
            &["a", "long"],
            &[vec!["wide cell".into(), 1.into()], vec!["x".into(), 2.into()]],
        );
        assert_eq!(page.into_text(), "a          long\nwide cell  1\nx          2\n");
    }
}
