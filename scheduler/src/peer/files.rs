//! Secrets and configs, read from the registry.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_membership::{NodeId, codec};

use super::Peer;
use crate::{
    file::{Contents, SealedKeys, piece_key},
    payload::FileRecord,
    registry::{Entry, Key, Registry, kind},
    spec::{FileKind, FileReference, ServiceSpec},
    task::FileId,
};

/// Most pieces that are looked for.
const PIECES_MAX: u32 = 4;

/// A secret or a config, read.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) kind: FileKind,
    pub(super) record: FileRecord,
    pub(super) version: u64,
    pub(super) updated_at: Duration,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    all: BTreeMap<FileId, File>,
    ids: BTreeMap<(FileKind, String), FileId>,
}

/// The kind of entry in which one is kept.
pub(super) fn entry_key(kind: FileKind, name: &str) -> Key {
    match kind {
        FileKind::Secret => Key::of(kind::SECRET, name),
        FileKind::Config => Key::of(kind::CONFIG, name),
    }
}

pub(super) fn sealed_key(secret: FileId) -> Key {
    Key::system(kind::SEALED, secret.to_string())
}

impl Files {
    pub(super) fn get(&self, id: FileId) -> Option<&File> {
        self.all.get(&id)
    }

    pub(super) fn of(&self, kind: FileKind) -> impl Iterator<Item = &File> {
        self.all.values().filter(move |file| file.kind == kind)
    }

    pub(super) fn named(&self, kind: FileKind, name: &str) -> Option<&File> {
        self.all.get(self.ids.get(&(kind, name.to_owned()))?)
    }

    /// The one that a service refers to. Where two were made of one name on two sides of a partition, and one of them
    /// lost, its name finds the other.
    pub(super) fn find(&self, kind: FileKind, id: &str, name: &str) -> Option<&File> {
        let by_id = id.parse().ok().and_then(|id| self.get(id));
        by_id
            .filter(|file| file.kind == kind)
            .or_else(|| self.named(kind, name))
    }

    /// Reads an entry that changed.
    pub(super) fn refresh(&mut self, registry: &Registry, key: &Key) {
        let kind = match key.kind.as_str() {
            kind::SECRET => FileKind::Secret,
            _ => FileKind::Config,
        };
        if let Some(id) = self.ids.remove(&(kind, key.name.clone())) {
            self.all.remove(&id);
        }
        let Some((record, written)) = registry.read_as::<FileRecord>(key) else {
            return;
        };
        // Its author should have checked this; a hostile one did not.
        if record.spec.name != key.name || record.spec.validate().is_err() {
            return;
        }
        self.ids.insert((kind, key.name.clone()), record.id);
        let file = File {
            kind,
            version: registry.entry(key).map_or(0, Entry::version),
            updated_at: written.write.stamp.as_wall(),
            record,
        };
        self.all.insert(file.record.id, file);
    }
}

impl Peer {
    /// What one holds, if all of it is here.
    pub(super) fn contents_of(&self, record: &FileRecord) -> Option<Contents> {
        let pieces = (0..record.pieces.min(PIECES_MAX)).map(|piece| piece_key(record.id, piece));
        let pieces: Option<Vec<_>> = pieces.map(|key| self.registry.read(&key)).collect();
        pieces.map(Contents::new)
    }

    /// The key of a secret's contents, sealed to each of these. Whoever wrote without knowing of another wrote no
    /// less: all of it counts.
    pub(super) fn sealed_keys(&self, secret: FileId) -> BTreeMap<NodeId, Vec<u8>> {
        let entry = self.registry.entry(&sealed_key(secret));
        let siblings = entry.map(Entry::siblings).unwrap_or_default();
        let payloads = siblings.iter().filter_map(|one| one.write.payload.as_ref());
        payloads
            .filter_map(|payload| codec::decode::<SealedKeys>(payload).ok())
            .flatten()
            .collect()
    }

    /// Names of the services that use this one.
    pub(super) fn users_of(&self, file: &File) -> BTreeSet<String> {
        let services = self.catalog.services().values();
        let users = services.filter(|service| {
            // While an update is under way, or has stopped half way, tasks of the spec before may start.
            let previous = service.previous.as_ref();
            let previous = previous.filter(|_| service.unfinished().is_some());
            let mut specs = std::iter::once(&service.spec).chain(previous.map(|one| &one.spec));
            specs.any(|spec| self.uses(spec, file))
        });
        users.map(|service| service.spec.name.clone()).collect()
    }

    /// Whether a spec refers to this one.
    pub(super) fn uses(&self, spec: &ServiceSpec, file: &File) -> bool {
        let files = self.catalog.files();
        let is_it = |id: &str, name: &str| {
            let found = files.find(file.kind, id, name);
            found.is_some_and(|found| found.record.id == file.record.id)
        };
        let container = spec.container();
        match file.kind {
            FileKind::Secret => {
                let mut secrets = container.secrets.iter();
                secrets.any(|one| is_it(&one.secret_id, one.name()))
            }
            FileKind::Config => {
                let mut configs = container.configs.iter();
                configs.any(|one| is_it(&one.config_id, one.name()))
            }
        }
    }
}
