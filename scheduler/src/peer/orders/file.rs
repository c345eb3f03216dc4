//! Orders about secrets and configs.

use std::collections::BTreeMap;

use shoal_membership::codec;

use super::{
    super::{
        Peer,
        files::{File, entry_key, sealed_key},
    },
    Draft, json,
};
use crate::{
    file::{PIECE_BYTES_MAX, piece_key},
    order::{NewFile, OrderError},
    payload::FileRecord,
    registry::Key,
    spec::{FileKind, FileReference, FileSpec, ServiceSpec},
    task::FileId,
};

/// What encryption adds to a value, at most.
const ENCRYPTION_BYTES: usize = 64;

impl Peer {
    pub(super) fn draft_file(&mut self, new: NewFile) -> Result<Draft, OrderError> {
        let NewFile {
            kind,
            id,
            spec,
            contents,
            digest,
            sealed,
        } = new;
        spec.validate()?;
        let limit = kind.bytes_max() + ENCRYPTION_BYTES;
        if contents.len() > limit {
            let size = contents.len();
            return Err(OrderError::TooLarge { size, limit });
        }
        let files = self.catalog.files();
        if files.named(kind, &spec.name).is_some() || files.get(id).is_some() {
            return Err(OrderError::FileTaken {
                kind,
                name: spec.name,
            });
        }
        let pieces = contents.chunks(PIECE_BYTES_MAX).map(<[u8]>::to_vec);
        let pieces: Vec<Vec<u8>> = pieces.collect();
        let record = FileRecord {
            id,
            created_at: u64::try_from(self.now.wall.as_millis()).unwrap_or(u64::MAX),
            pieces: u32::try_from(pieces.len()).unwrap_or(u32::MAX),
            digest,
            spec,
        };
        let key = entry_key(kind, &record.spec.name);
        let mut draft = Draft::one(key, json(&record), id.to_string());
        let numbered = (0..).zip(pieces);
        let numbered = numbered.map(|(number, piece)| (piece_key(id, number), Some(piece)));
        draft.writes.extend(numbered);
        if kind == FileKind::Secret {
            let sealed = codec::encode(&sealed);
            draft.writes.push((sealed_key(id), Some(sealed)));
        }
        Ok(draft)
    }

    pub(super) fn draft_file_update(
        &mut self,
        id: FileId,
        version: u64,
        spec: FileSpec,
    ) -> Result<Draft, OrderError> {
        let file = self.known_file(id)?;
        if file.version != version {
            return Err(OrderError::OutOfSequence);
        }
        spec.validate()?;
        let known = &file.record.spec;
        let labels = spec.labels;
        let is_same = spec.name == known.name
            && (spec.driver.is_none() || spec.driver == known.driver)
            && (spec.templating.is_none() || spec.templating == known.templating);
        if !is_same {
            return Err(OrderError::FileFixed);
        }
        let mut record = file.record.clone();
        record.spec.labels = labels;
        let key = entry_key(file.kind, &record.spec.name);
        let mut draft = Draft::one(key, json(&record), id.to_string());
        // All of it again: who removes it at the same time on another side must not leave half of it.
        for key in self.keys_of(file).skip(1) {
            let payload = self.registry.read(&key);
            let payload = payload.and_then(|signed| signed.write.payload.clone());
            draft
                .writes
                .extend(payload.map(|payload| (key, Some(payload))));
        }
        Ok(draft)
    }

    pub(super) fn draft_file_removal(&mut self, id: FileId) -> Result<Draft, OrderError> {
        let file = self.known_file(id)?;
        let users = self.users_of(file);
        if !users.is_empty() {
            return Err(OrderError::FileInUse {
                kind: file.kind,
                name: file.record.spec.name.clone(),
                services: users.into_iter().collect::<Vec<_>>().join(", "),
            });
        }
        let keys = self.keys_of(file);
        let held = keys.filter(|key| self.registry.read(key).is_some());
        Ok(Draft {
            writes: held.map(|key| (key, None)).collect(),
            id: id.to_string(),
            warnings: Vec::new(),
        })
    }

    /// All entries of one: its own first.
    fn keys_of<'a>(&self, file: &'a File) -> impl Iterator<Item = Key> + use<'a> {
        let id = file.record.id;
        let pieces = (0..file.record.pieces).map(move |piece| piece_key(id, piece));
        let sealed = (file.kind == FileKind::Secret).then(|| sealed_key(id));
        let own = std::iter::once(entry_key(file.kind, &file.record.spec.name));
        own.chain(pieces).chain(sealed)
    }

    fn known_file(&self, id: FileId) -> Result<&File, OrderError> {
        let missing = || OrderError::NotFound {
            kind: "secret",
            id: id.to_string(),
        };
        self.catalog.files().get(id).ok_or_else(missing)
    }

    /// Refuses secrets and configs that nobody made, and two in one place.
    pub(in crate::peer) fn check_files(&self, spec: &ServiceSpec) -> Result<(), OrderError> {
        let container = spec.container();
        let secrets = container.secrets.iter();
        self.check_references(
            FileKind::Secret,
            secrets.map(|one| (one.secret_id.as_str(), one)),
        )?;
        let configs = container.configs.iter();
        // One without a file is a credential spec, of Windows.
        let configs = configs.filter(|one| one.file.is_some());
        self.check_references(
            FileKind::Config,
            configs.map(|one| (one.config_id.as_str(), one)),
        )
    }

    fn check_references<'a, R: FileReference + 'a>(
        &self,
        kind: FileKind,
        references: impl Iterator<Item = (&'a str, &'a R)>,
    ) -> Result<(), OrderError> {
        let mut targets: BTreeMap<&str, &str> = BTreeMap::new();
        for (id, reference) in references {
            let name = reference.name();
            if self.catalog.files().find(kind, id, name).is_none() {
                let name = name.to_owned();
                return Err(OrderError::NoSuchFile { kind, name });
            }
            let target = reference.file().map_or("", |file| file.name.as_str());
            let target = if target.is_empty() { name } else { target };
            if let Some(first) = targets.insert(target, name) {
                return Err(OrderError::FileTarget {
                    kind,
                    first: first.to_owned(),
                    second: name.to_owned(),
                    target: target.to_owned(),
                });
            }
        }
        Ok(())
    }
}
