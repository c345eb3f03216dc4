//! Lists: `--format table|json|TEMPLATE`, `-q`, columns and headers as Docker has them.

use clap::Args;
use serde_json::{Map, Value};

use super::{
    json::go_line,
    table::align,
    template::{Missing, Template},
};
use crate::cli::{error::CliError, output::Output};

/// Options that every list has.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ListArgs {
    /// How to print: 'table', 'table TEMPLATE', 'json' or a Go TEMPLATE
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Only print ids
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What a list looks like.
pub(crate) struct Layout {
    /// The template of the table.
    pub(crate) table: &'static str,
    /// Fields with their headers.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// The field that `-q` prints.
    pub(crate) quiet: &'static str,
}

/// A row: its fields in Docker's names.
pub(crate) type Row = Map<String, Value>;

impl ListArgs {
    /// Whether rows go into a table, where names may be indented.
    pub(crate) fn is_table(&self) -> bool {
        let format = self.format.as_deref().unwrap_or("table");
        !self.quiet && (format == "table" || format.starts_with("table "))
    }

    /// Prints rows.
    pub(crate) fn print(
        &self,
        out: &mut Output,
        layout: &Layout,
        rows: Vec<Row>,
    ) -> Result<(), CliError> {
        let format = self.format.as_deref().unwrap_or("table");
        if self.quiet {
            return fill(out, &format!("{{{{.{}}}}}", layout.quiet), rows);
        }
        match format {
            "table" => table(out, layout, layout.table, rows),
            "json" => rows
                .into_iter()
                .try_for_each(|row| out.line(&go_line(&row.into()))),
            format => match format.strip_prefix("table ") {
                Some(template) => table(out, layout, &unescape(template), rows),
                None => fill(out, &unescape(format), rows),
            },
        }
    }
}

/// In a shell's single quotes `\t` and `\n` arrive as two characters.
fn unescape(template: &str) -> String {
    template.replace("\\t", "\t").replace("\\n", "\n")
}

fn fill(out: &mut Output, template: &str, rows: Vec<Row>) -> Result<(), CliError> {
    let template = Template::parse(template).map_err(CliError::Usage)?;
    for row in rows {
        out.line(&line(&template, row)?)?;
    }
    Ok(())
}

fn line(template: &Template, row: Row) -> Result<String, CliError> {
    template
        .fill(&row.into(), Missing::IsError)
        .map_err(CliError::Usage)
}

fn table(
    out: &mut Output,
    layout: &Layout,
    template: &str,
    rows: Vec<Row>,
) -> Result<(), CliError> {
    let template = Template::parse(template).map_err(CliError::Usage)?;
    let header = layout
        .headers
        .iter()
        .map(|(field, header)| ((*field).to_owned(), (*header).into()))
        .collect();
    let mut lines = vec![line(&template, header)?];
    for row in rows {
        lines.push(line(&template, row)?);
    }
    out.data(align(&lines))
}
