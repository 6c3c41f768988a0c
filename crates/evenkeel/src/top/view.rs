//! Where one is: which page, which row, in which order, and what is left out.

use super::watch::BackendId;
use std::time::Instant;

/// What a table is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Services.
    Services,
    /// Backends.
    Backends,
    /// Sessions of one backend.
    Sessions,
}

/// What is shown as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// All services, and all backends.
    Home,
    /// The backends of this service.
    Service(String),
    /// The sessions of this backend.
    Backend(BackendId),
}

/// What a row is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowId {
    /// A service.
    Service(String),
    /// A backend.
    Backend(BackendId),
    /// A session.
    Session(u64),
}

/// The row that is chosen: it stays the same one wherever it moves to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Which; the one at `index` until somebody has moved.
    pub row: Option<RowId>,
    /// Where it was last: its successor there is chosen when it is gone.
    pub index: usize,
}

/// By which column, and which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// Its place in the table of all columns.
    pub column: usize,
    /// Last first.
    pub reversed: bool,
}

/// A word to whoever sits there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What.
    pub text: String,
    /// Whether something went wrong.
    pub is_bad: bool,
    /// Until when it is shown.
    pub until: Instant,
}

/// Where one is.
#[derive(Clone, Debug)]
pub struct View {
    path: Vec<Page>,
    focus: Kind,
    cursors: [Cursor; 3],
    sorts: [Option<Sort>; 3],
    /// Rows without this are left out.
    pub filter: String,
    /// Whether it is being typed.
    pub is_typing: bool,
    /// The last word.
    pub note: Option<Note>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            path: Vec::new(),
            focus: Kind::Services,
            cursors: Default::default(),
            sorts: [None; 3],
            filter: String::new(),
            is_typing: false,
            note: None,
        }
    }
}

impl View {
    /// What is shown.
    pub fn page(&self) -> &Page {
        self.path.last().unwrap_or(&Page::Home)
    }

    /// The table in which one moves.
    pub fn kind(&self) -> Kind {
        match self.page() {
            Page::Home => self.focus,
            Page::Service(_) => Kind::Backends,
            Page::Backend(_) => Kind::Sessions,
        }
    }

    /// Into this page.
    pub fn enter(&mut self, page: Page) {
        self.path.push(page);
        self.filter.clear();
        self.cursors[self.kind() as usize] = Cursor::default();
    }

    /// One step back: what is left out is shown again, or the page before. Whether there was a step.
    pub fn back(&mut self) -> bool {
        if !self.filter.is_empty() {
            self.filter.clear();
            return true;
        }
        self.path.pop().is_some()
    }

    /// To the other table of the first page.
    pub fn switch(&mut self) {
        self.focus = match self.focus {
            Kind::Services => Kind::Backends,
            Kind::Backends | Kind::Sessions => Kind::Services,
        };
    }

    /// The row that is chosen in a table.
    pub fn cursor(&self, kind: Kind) -> &Cursor {
        &self.cursors[kind as usize]
    }

    /// Chooses a row in the table in which one moves.
    pub fn choose(&mut self, row: RowId, index: usize) {
        self.cursors[self.kind() as usize] = Cursor { row: Some(row), index };
    }

    /// How a table is sorted; as the configuration has it unless told.
    pub fn sort(&self, kind: Kind) -> Option<Sort> {
        self.sorts[kind as usize]
    }

    /// Sorts the table in which one moves.
    pub fn set_sort(&mut self, sort: Option<Sort>) {
        self.sorts[self.kind() as usize] = sort;
    }
}
