//! What is read: Compose files, the environment, and files of variables.
//!
//! As for `docker stack deploy`, the variables are those of the process; a `.env` file beside the
//! Compose file is not read. Relative paths start at the folder of the first file.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Most bytes of a Compose file or a file of variables.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;

/// A Compose file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name in messages.
    pub name: String,
    /// Its bytes. More than 1 MiB are refused.
    pub bytes: Vec<u8>,
}

impl Source {
    /// Reads a file; `-` is standard input. Of a file over 1 MiB only so much is read that
    /// [`super::read`] refuses it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let bytes = match path.as_os_str() == "-" {
            true => limited(io::stdin().lock())?,
            false => limited(fs::File::open(path)?)?,
        };
        Ok(Self {
            name: path.display().to_string(),
            bytes,
        })
    }
}

/// What Compose files take from their surroundings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Variables, for `${NAME}` and for `environment` entries without a value.
    pub variables: BTreeMap<String, String>,
    /// Where relative paths start: absolute, the folder of the first file.
    pub base_dir: PathBuf,
}

impl Environment {
    /// The variables of this process, and the folder of the first file (the current one if there
    /// is none, or if it is standard input). Variables that are not UTF-8 are left out.
    ///
    /// # Errors
    /// The current folder does not exist.
    pub fn of_process(first_file: &Path) -> io::Result<Self> {
        let folder = match first_file.parent() {
            Some(parent) if first_file.as_os_str() != "-" => parent,
            _ => Path::new(""),
        };
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self {
            variables,
            base_dir: std::env::current_dir()?.join(folder),
        })
    }

    /// A path of a Compose file as an absolute one, without `.` and `..` where that is certain.
    pub(crate) fn absolute(&self, path: &str) -> PathBuf {
        let mut out = PathBuf::new();
        for part in self.base_dir.join(path).components() {
            match part {
                std::path::Component::CurDir => {}
                std::path::Component::ParentDir => {
                    out.pop();
                }
                _ => out.push(part),
            }
        }
        out
    }

    /// A path of a Compose file, with `~` replaced.
    pub(crate) fn expanded(&self, path: &str) -> PathBuf {
        match (path.strip_prefix('~'), self.variables.get("HOME")) {
            (Some(rest), Some(home)) => self.absolute(&format!("{home}{rest}")),
            _ => self.absolute(path),
        }
    }
}

/// Reads a file of `NAME=value` lines as docker does: no quotes, no variables, `#` comments.
/// A name without `=` has no value.
///
/// # Errors
/// A sentence that says what is wrong, without the path.
pub(crate) fn variables_of_file(path: &Path) -> Result<Vec<(String, Option<String>)>, String> {
    let is_file = fs::metadata(path)
        .map_err(|error| reason(&error))?
        .is_file();
    if !is_file {
        return Err("it is not a file".to_owned());
    }
    let file = fs::File::open(path).map_err(|error| reason(&error))?;
    let bytes = limited(file).map_err(|error| reason(&error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut out = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (line.trim_end(), None),
        };
        if name.is_empty() || name.contains(char::is_whitespace) || line.contains('\0') {
            return Err(format!(
                "line {}: {name:?} cannot be the name of a variable",
                index + 1
            ));
        }
        out.push((name.to_owned(), value));
    }
    Ok(out)
}

fn limited(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => error.to_string(),
    }
}
