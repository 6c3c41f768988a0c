//! One thing that is wrong with a configuration, and all of them together.

/// One mistake or warning.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What is wrong.
    pub what: String,
}

/// Everything that is wrong.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// In the order of the files.
    pub list: Vec<Problem>,
    /// The first file could not be read at all.
    pub unreadable: bool,
}
