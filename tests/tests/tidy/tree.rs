//! The files of the project, without what is built.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of the project.
pub(crate) struct File {
    /// Where it is, from the root of the project, with `/`.
    pub(crate) path: String,
    /// What it says. Files that are not text are left out.
    pub(crate) text: String,
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files of the project, in the order of their paths.
pub(crate) fn files() -> Vec<File> {
    let mut files = Vec::new();
    walk(&root(), "", &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 100, "this is not the project's root");
    files
}

/// All files whose paths end so.
pub(crate) fn files_with_end(end: &str) -> Vec<File> {
    let mut files = files();
    files.retain(|file| file.path.ends_with(end));
    files
}

/// One file.
pub(crate) fn read(path: &str) -> String {
    let whole = root().join(path);
    fs::read_to_string(whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn walk(folder: &Path, path: &str, files: &mut Vec<File>) {
    for item in fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        let name = item.file_name().into_string().unwrap();
        let path = match path {
            "" => name.clone(),
            above => format!("{above}/{name}"),
        };
        let kind = item.file_type().unwrap();
        let is_ours = name == ".ci" || (!name.starts_with('.') && name != "target");
        if kind.is_dir() && is_ours {
            walk(&item.path(), &path, files);
        } else if kind.is_file()
            && name != ".git"
            && let Ok(text) = fs::read_to_string(item.path())
        {
            files.push(File { path, text });
        }
    }
}
