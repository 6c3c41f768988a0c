//! Columns for a terminal.

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// `rows` under `head`, each column as wide as its widest cell, two blanks between and before. Control characters become
/// `?`, as a path in a header of the PROXY protocol may have them.
pub fn table(head: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|it| it.chars().count());
        cells.chain([head[column].0.len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for ((cell, (_, align)), width) in cells.zip(head).zip(&widths) {
            let cell = cell.replace(char::is_control, "?");
            match align {
                Align::Left => line.push_str(&format!("  {cell:width$}")),
                Align::Right => line.push_str(&format!("  {cell:>width$}")),
            }
        }
        line.trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut head.iter().map(|(name, _)| *name));
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_numbers_right() {
        let rows = [vec!["web".to_owned(), "7".to_owned()], vec!["a".to_owned(), "12,345".to_owned()]];
        let text = table(&[("service", Align::Left), ("open", Align::Right)], &rows);
        assert_eq!(text, "  service    open\n  web           7\n  a        12,345\n");
        let text = table(&[("client", Align::Left)], &[vec!["unix:/a\n\x1b[2J".to_owned()]]);
        assert_eq!(text, "  client\n  unix:/a??[2J\n", "what a proxy says is no line of ours");
    }
}
