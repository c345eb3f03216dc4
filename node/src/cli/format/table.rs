//! Columns of text, as Go's tabwriter with Docker's settings: at least 10 wide, 3 apart.

const WIDTH_MIN: usize = 10;
const PADDING: usize = 3;

/// Aligns lines whose cells are separated by tabs. The last cell of a line is not padded.
pub(crate) fn align(lines: &[String]) -> String {
    let rows: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| line.split('\t').collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter(|row| column + 1 < row.len());
            let longest = cells.map(|row| row[column].chars().count()).max();
            WIDTH_MIN.max(longest.unwrap_or(0) + PADDING)
        })
        .collect();
    let mut text = String::new();
    for row in &rows {
        let (last, padded) = match row.split_last() {
            Some((last, padded)) => (*last, padded),
            None => ("", &[][..]),
        };
        for (cell, width) in padded.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
        }
        text.push_str(last);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_dockers_widths() {
        let lines = ["ID\tNAME\tPORTS", "0123456789ab\tw1\t", "c\té\t*:1->2/tcp"];
        let text = align(&lines.map(String::from));
        assert_eq!(
            text,
            "ID             NAME      PORTS\n0123456789ab   w1        \nc              é         \
             *:1->2/tcp\n"
        );
    }
}
