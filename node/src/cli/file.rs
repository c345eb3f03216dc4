//! `shoal secret` and `shoal config`, which are alike but for what is shown of them.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    error::CliError,
    format::{
        human::ago,
        natural,
        rows::{Layout, ListArgs, Row},
        words::harmless,
    },
    inspect::{self, InspectArgs},
    lookup::Lookup,
    query::{Filters, Target},
    remove,
    session::Session,
    values::{WriteArgs, key_value},
};

/// Most bytes that are read: more than any of them may have.
const VALUE_BYTES_MAX: u64 = 2 << 20;

/// A kind of file that a container gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A secret.
    Secret,
    /// A config.
    Config,
}

impl Kind {
    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    /// Where the API has them.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Secret => "/secrets",
            Self::Config => "/configs",
        }
    }

    /// The list in the container's spec.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Secret => "Secrets",
            Self::Config => "Configs",
        }
    }

    /// The field that holds the name in that list.
    pub(crate) fn name_field(self) -> &'static str {
        match self {
            Self::Secret => "SecretName",
            Self::Config => "ConfigName",
        }
    }

    /// The field that holds the id in that list.
    pub(crate) fn id_field(self) -> &'static str {
        match self {
            Self::Secret => "SecretID",
            Self::Config => "ConfigID",
        }
    }
}

/// Secrets, or configs.
#[derive(Subcommand, Debug)]
pub(crate) enum FileCommand {
    /// Make one from a file, or from the standard input
    Create(CreateArgs),
    /// List them
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Show everything about some of them; never the value of a secret
    Inspect(FileInspectArgs),
    /// Remove some that no service uses
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
}

/// Options of `create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Its name
    name: String,
    /// The file with its value, '-' for the standard input
    file: PathBuf,
    /// Label of it
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    label: Vec<(String, String)>,
    /// What fills it in for each task
    #[arg(long, value_parser = ["golang"])]
    template_driver: Option<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Options of `ls`.
#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    /// Only those that match, such as name=db or label=app; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// Options of `inspect`.
#[derive(Args, Debug)]
pub(crate) struct FileInspectArgs {
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    inspect: InspectArgs,
}

/// Options of `rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// Does it.
pub(crate) async fn run(
    session: &mut Session,
    kind: Kind,
    command: FileCommand,
) -> Result<(), CliError> {
    match command {
        FileCommand::Create(args) => create(session, kind, args).await,
        FileCommand::Ls(args) => ls(session, kind, args).await,
        FileCommand::Inspect(args) => {
            let target = |name: &String| Target::new(kind.path()).segment(name);
            let targets: Vec<Target> = args.names.iter().map(target).collect();
            inspect::run(session, &args.inspect, &targets).await
        }
        FileCommand::Rm(args) => {
            remove::named(session, kind.path(), &args.names, false, args.write).await
        }
    }
}

async fn create(session: &mut Session, kind: Kind, args: CreateArgs) -> Result<(), CliError> {
    let value = read(&args.file)?;
    let spec = spec(
        &args.name,
        args.label,
        args.template_driver.as_deref(),
        &value,
    );
    let target = Target::new(kind.path())
        .then("/create")
        .maybe("write-concern", args.write.word());
    let answer = session.client.post(target.as_str(), Some(&spec)).await?;
    session.out.line(answer.body.text("/ID"))?;
    session.warn(&answer)
}

/// What docker sends.
pub(crate) fn spec(
    name: &str,
    labels: impl IntoIterator<Item = (String, String)>,
    template_driver: Option<&str>,
    value: &[u8],
) -> Value {
    let labels = labels.into_iter().map(|(key, value)| (key, value.into()));
    let mut spec = json!({
        "Name": name,
        "Labels": labels.collect::<Map<_, _>>(),
        "Data": BASE64.encode(value),
    });
    if let Some(driver) = template_driver.filter(|driver| !driver.is_empty()) {
        spec["Templating"] = json!({ "Name": driver });
    }
    spec
}

/// Reads a value: from a file, or from the standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let said =
        |error: std::io::Error| CliError::failed(format!("can't read {}: {error}", path.display()));
    let mut value = Vec::new();
    let input: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(std::fs::File::open(path).map_err(said)?),
    };
    let read = input.take(VALUE_BYTES_MAX + 1).read_to_end(&mut value);
    read.map_err(said)?;
    if value.len() as u64 > VALUE_BYTES_MAX {
        return Err(CliError::failed(format!(
            "{} is too large: a secret may have 500 KB, a config 1 MB",
            path.display()
        )));
    }
    Ok(value)
}

const HEADERS: [(&str, &str); 5] = [
    ("ID", "ID"),
    ("Name", "NAME"),
    ("Driver", "DRIVER"),
    ("CreatedAt", "CREATED"),
    ("UpdatedAt", "UPDATED"),
];

async fn ls(session: &mut Session, kind: Kind, args: LsArgs) -> Result<(), CliError> {
    let filters = Filters::parse(&args.filter)?;
    let target = Target::new(kind.path()).filtered(&filters);
    let mut files: Vec<Value> = session.client.get(target.as_str()).await?;
    files.sort_by(|a, b| natural::compare(a.text("/Spec/Name"), b.text("/Spec/Name")));
    let now = (session.now)();
    let row = |file: &Value| -> Row {
        let text = |pointer: &str| harmless(file.text(pointer));
        let fields = [
            ("ID", text("/ID")),
            ("Name", text("/Spec/Name")),
            ("Driver", text("/Spec/Driver/Name")),
            ("CreatedAt", ago(file.text("/CreatedAt"), now)),
            ("UpdatedAt", ago(file.text("/UpdatedAt"), now)),
        ];
        let fields = fields.into_iter();
        fields
            .map(|(field, text)| (field.to_owned(), text.into()))
            .collect()
    };
    let rows = files.iter().map(row).collect();
    let table = match kind {
        Kind::Secret => "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}",
        Kind::Config => "{{.ID}}\t{{.Name}}\t{{.CreatedAt}}\t{{.UpdatedAt}}",
    };
    let layout = Layout {
        table,
        headers: &HEADERS,
        quiet: "ID",
    };
    args.list.print(&mut session.out, &layout, rows)
}
