//! Aligned columns.

use crate::text::coloured;

/// A table for people.
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

/// One cell: text on one line, perhaps in a colour.
pub(crate) struct Cell {
    text: String,
    colour: Option<u8>,
}

impl Table {
    /// Returns a table with these column names.
    pub(crate) fn new(names: &[&str]) -> Self {
        let names = names
            .iter()
            .map(|name| Cell::from(name.to_uppercase()))
            .collect();
        Table {
            rows: vec![names],
            indent: 0,
        }
    }

    /// Returns a table of two columns, names and values, without column names.
    pub(crate) fn of_fields() -> Self {
        Table {
            rows: Vec::new(),
            indent: 0,
        }
    }

    /// Moves the table to the right by this many characters.
    pub(crate) fn indented(mut self, by: usize) -> Self {
        self.indent = by;
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn field(&mut self, name: &str, value: impl Into<Cell>) {
        self.row([name.to_owned().into(), value.into()]);
    }

    /// Formats the table. The last column is not padded, so that long lines wrap no earlier than they must.
    pub(crate) fn render(&self, with_colour: bool) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(self.indent);
            for (cell, width) in row.iter().zip(&widths) {
                match cell.colour.filter(|_| with_colour) {
                    Some(colour) => line += &coloured(&cell.text, colour),
                    None => line += &cell.text,
                }
                line += &" ".repeat(width - cell.text.chars().count() + 2);
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell: &Cell| cell.text.chars().count())
                .max()
                .unwrap_or_default()
        };
        (0..columns).map(width).collect()
    }
}

impl Cell {
    /// Returns a cell whose text has a colour.
    pub(crate) fn coloured(text: impl Into<String>, colour: u8) -> Self {
        Cell {
            text: text.into(),
            colour: Some(colour),
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell {
            text: text.into(),
            colour: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_colours_do_not_count() {
        let mut table = Table::new(&["id", "status", "note"]);
        table.row([
            "1".into(),
            Cell::coloured("completed", 32),
            "\u{fc}ber".into(),
        ]);
        table.row(["1000".into(), "failed".into(), "".into()]);
        assert_eq!(
            table.render(false),
            "ID    STATUS     NOTE\n1     completed  \u{fc}ber\n1000  failed\n"
        );
        assert_eq!(
            table.render(true).lines().nth(1),
            Some("1     \u{1b}[32mcompleted\u{1b}[0m  \u{fc}ber")
        );
    }
}
