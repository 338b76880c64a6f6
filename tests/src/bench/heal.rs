//! Two halves meet.
