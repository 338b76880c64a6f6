//! What is printed: a row for each figure, with its goal beside it.

use super::Options;
use super::measure::{Measured, exponent};
use serde::Serialize;

/// A goal for one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    /// Only stated.
    None,
    /// Ours is at most so many times the yardstick.
    RatioAtMost(f64),
    /// Ours is at least so many times the yardstick.
    RatioAtLeast(f64),
    /// Ours is at most so much, in the unit of the row.
    AtMost(f64),
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    name: String,
    size: usize,
    unit: &'static str,
    ours: f64,
    ours_min: f64,
    yardstick: f64,
    yardstick_min: f64,
    ratio: f64,
    samples: usize,
    exponent: Option<f64>,
    goal: String,
    met: Option<bool>,
}

impl Row {
    /// Microseconds for each piece of work.
    pub(super) fn new(name: &str, size: usize, measured: &Measured, goal: Goal) -> Self {
        Self::in_unit("us", name, size, measured, goal)
    }

    /// Figures in another unit.
    pub(super) fn in_unit(
        unit: &'static str,
        name: &str,
        size: usize,
        measured: &Measured,
        goal: Goal,
    ) -> Self {
        let Measured { ours, yardstick } = measured;
        let mut row = Self {
            name: name.to_owned(),
            size,
            unit,
            ours: ours.median(),
            ours_min: ours.min(),
            yardstick: yardstick.median(),
            yardstick_min: yardstick.min(),
            ratio: ours.median() / yardstick.median(),
            samples: ours.len(),
            exponent: None,
            goal: String::new(),
            met: None,
        };
        row.set_goal(goal);
        row
    }

    /// How our cost grows from the smallest of some rows to the largest.
    pub(super) fn growth(name: &str, rows: &[Self], goal: Goal) -> Option<Self> {
        let (first, last) = (rows.first()?, rows.last()?);
        if first.size == last.size {
            return None;
        }
        let mut row = Self {
            name: format!("{name}, growth"),
            yardstick: first.ours,
            yardstick_min: first.ours_min,
            ratio: last.ours / first.ours,
            exponent: Some(exponent((first.size, first.ours), (last.size, last.ours))),
            ..last.clone()
        };
        row.set_goal(goal);
        Some(row)
    }

    fn set_goal(&mut self, goal: Goal) {
        (self.goal, self.met) = match goal {
            Goal::None => (String::new(), None),
            Goal::RatioAtMost(most) => (format!("ratio <= {most}"), Some(self.ratio <= most)),
            Goal::RatioAtLeast(least) => (format!("ratio >= {least}"), Some(self.ratio >= least)),
            Goal::AtMost(most) => (format!("<= {most} {}", self.unit), Some(self.ours <= most)),
        };
    }
}

/// Where rows are printed as they come.
#[derive(Debug)]
pub(super) struct Report {
    options: Options,
    is_begun: bool,
}

impl Report {
    /// A report as a table, or as one JSON object per row.
    pub(super) fn new(options: Options) -> Self {
        Self { options, is_begun: false }
    }

    /// Prints a row. At a tiny size no goal is met or missed.
    pub(super) fn row(&mut self, row: &Row) {
        let row = Row { met: row.met.filter(|_| !self.options.tiny), ..row.clone() };
        if self.options.json {
            println!("{}", serde_json::to_string(&row).expect("a row is plain data"));
            return;
        }
        if !self.is_begun {
            self.is_begun = true;
            println!("{}", Self::heading());
        }
        println!("{}", line(&row));
    }

    fn heading() -> String {
        let figures = ["ours", "min", "yardstick", "min"].map(|name| format!("{name:>11}"));
        let (name, size, figures) = ("name", "size", figures.join(" "));
        format!("{name:<26} {size:>8} unit {figures}    ratio   n    exp  goal")
    }

    /// Prints rows of growing size, and how our cost grows with it.
    pub(super) fn rows(&mut self, name: &str, rows: &[Row], goal: Goal) {
        for row in rows {
            self.row(row);
        }
        self.growth(name, rows, goal);
    }

    /// Prints how our cost grows over some rows, where there are several.
    pub(super) fn growth(&mut self, name: &str, rows: &[Row], goal: Goal) {
        if let Some(growth) = Row::growth(name, rows, goal) {
            self.row(&growth);
        }
    }
}

fn line(row: &Row) -> String {
    let Row { name, size, unit, ours, ours_min, yardstick, yardstick_min, ratio, .. } = row;
    let (samples, goal) = (row.samples, &row.goal);
    let figures = format!("{ours:>11.3} {ours_min:>11.3} {yardstick:>11.3} {yardstick_min:>11.3}");
    let exponent = row.exponent.map(|exponent| format!("{exponent:.2}")).unwrap_or_default();
    let verdict = row.met.map_or("", |met| if met { " met" } else { " MISSED" });
    let ends = format!("{ratio:>8.2} {samples:>3} {exponent:>6}  {goal}{verdict}");
    format!("{name:<26} {size:>8} {unit:>4} {figures} {ends}")
}
