//! Sizes of files, functions and lines.

use super::tree::{File, files, none, rust_files};

/// Lines of a file.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function, its first and last included.
const FUNCTION_LINES_MAX: usize = 70;
/// Characters of a line, as in `rustfmt.toml`.
const LINE_CHARS_MAX: usize = 100;

#[test]
fn tidy_files_functions_and_lines_are_short() {
    let mut found = Vec::new();
    for file in rust_files() {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            found.push(format!("{}: {lines} lines", file.path));
        }
        for (number, line) in (1..).zip(file.text.lines()) {
            if line.chars().count() > LINE_CHARS_MAX {
                found.push(format!("{}:{number}: a long line", file.path));
            }
        }
        for (number, lines) in long_functions(&file) {
            found.push(format!("{}:{number}: a function of {lines} lines", file.path));
        }
    }
    none(&found, "too long");
}

/// Where functions begin that are too long, and how long they are. A function ends with the brace
/// that stands where its first line begins.
fn long_functions(file: &File) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if !is_function(line) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let closes = |line: &&str| line.trim() == "}" && line.len() == indent + 1;
        let end = lines[at..].iter().position(closes);
        let length = end.map_or(1, |end| end + 1);
        if length > FUNCTION_LINES_MAX {
            found.push((at + 1, length));
        }
    }
    found
}

fn is_function(line: &str) -> bool {
    let before = line.split_once("fn ").map(|(before, _)| before.trim());
    let words = ["pub", "pub(crate)", "pub(super)", "const", "async", "extern", "\"C\""];
    let opens = !line.trim_end().ends_with(';') && !line.trim_end().ends_with('}');
    before.is_some_and(|before| before.split_whitespace().all(|word| words.contains(&word)))
        && opens
}

#[test]
fn tidy_nothing_is_left_to_do() {
    // Put together here, so that this file does not find itself.
    let marks = [["TO", "DO"], ["FIX", "ME"], ["to", "do!"], ["unimple", "mented!"], ["XX", "X"]];
    let mut found = Vec::new();
    let rust = rust_files().into_iter();
    for file in rust.chain(files(&["docs", ".ci"], &["md", "sh", ""])) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if marks.iter().any(|mark| line.contains(&mark.concat())) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    none(&found, "left to do");
}

#[test]
fn tidy_nobodys_folders_are_named() {
    // A path of the machine that something was written on means nothing to its reader.
    let roots = ["ho", "wo", "ro", "Us"].into_iter().zip(["me/", "rk/", "ot/", "ers/"]);
    let roots: Vec<String> = roots.map(|(a, b)| format!("/{a}{b}")).collect();
    let mut found = Vec::new();
    let text = files(&["docs", ".ci"], &["md", "sh", "toml", ""]);
    for file in rust_files().into_iter().chain(text) {
        for (number, line) in (1..).zip(file.text.lines()) {
            let named = |root: &String| {
                line.match_indices(root.as_str()).any(|(at, _)| {
                    // The root of the file system, not a part of a longer path or address.
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}>/".contains(c))
                })
            };
            if roots.iter().any(named) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    none(&found, "folders of somebody's machine");
}
