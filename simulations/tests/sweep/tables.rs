//! CSV and Parquet hold the same, to the last bit.

use std::{fs, fs::File, path::Path};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};

use crate::made_up::{MadeUp, into, kept};

/// A Parquet file as text, row by row, as CSV has it.
fn parquet(path: &Path) -> Vec<Vec<String>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let columns = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .columns()
        .to_vec();
    let mut rows = vec![
        columns
            .iter()
            .map(|column| column.name().to_owned())
            .collect(),
    ];
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let cell = |(_, field): (&String, &Field)| match field {
            Field::Null => String::new(),
            Field::Str(text) => text.clone(),
            Field::Double(number) => number.to_string(),
            Field::ULong(count) => count.to_string(),
            other => panic!("{other:?}"),
        };
        rows.push(row.get_column_iter().map(cell).collect());
    }
    rows
}

fn csv(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(path)
        .unwrap();
    let rows = reader.records().map(|row| row.unwrap());
    rows.map(|row| row.iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn both_forms_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let odd = MadeUp {
        oddities: true,
        ..MadeUp::default()
    };
    into(folder.path(), &odd, 5, 4);
    for name in ["runs", "samples"] {
        let rows = csv(&folder.path().join(format!("{name}.csv")));
        assert_eq!(
            rows,
            parquet(&folder.path().join(format!("{name}.parquet"))),
            "{name}"
        );
    }
    let rows = csv(&folder.path().join("runs.csv"));
    let expected =
        "nodes hold_down loss_percent seed detection_s moved_tasks virtual_s events trace failure";
    assert_eq!(rows[0].join(" "), expected);
    assert_eq!(rows.len(), 31);
    assert_eq!(rows[1][..4], ["4", "off", "1", "0"]);
    assert_eq!(rows[2][5], "", "NaN is an empty cell");
    assert_eq!(rows[2][8], "123456789abcdef5");
    assert!(rows[3][9].contains("\"and\" more") && rows[3][4].is_empty());
}

#[test]
fn many_samples_come_in_several_groups_of_rows() {
    let folder = tempfile::tempdir().unwrap();
    let many = MadeUp {
        samples: 20_011,
        ..MadeUp::default()
    };
    into(folder.path(), &many, 1, 4);
    let file = File::open(folder.path().join("samples.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 6 * 20_011);
    assert_eq!(reader.num_row_groups(), 2);
    let text = fs::read_to_string(folder.path().join("samples.csv")).unwrap();
    assert_eq!(text.lines().count(), 6 * 20_011 + 1);
    let kept = kept(folder.path());
    let samples = kept.samples(&kept.runs()[5]).unwrap();
    let last = samples[0].values.last().copied().flatten().unwrap();
    assert!(text.trim_end().ends_with(&format!(",latency_ms,{last}")));
}
