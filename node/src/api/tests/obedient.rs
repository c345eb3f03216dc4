//! An owner who does what it is told.

use std::{collections::BTreeMap, sync::Arc};

use shoal_scheduler::{
    order::{NewFile, Order},
    spec::FileKind,
    task::{FileId, NetworkId, ServiceId},
    view::{ClusterView, FileView, TokenView},
};

use super::sample::{NOON, join_token, network, service};

/// Does it, to the view. The id of what was made or changed.
pub(super) fn obey(view: &mut ClusterView, order: &Order) -> String {
    match order {
        Order::CreateService { spec_json } => {
            let id = ServiceId(9 << 100);
            view.services.insert(id, service(id, spec_json));
            id.to_string()
        }
        Order::UpdateService {
            service: id,
            spec_json,
            ..
        } => {
            let service = view.services.get_mut(id).unwrap();
            service.version += 1;
            if let Some(text) = spec_json {
                service.spec_json = text.as_str().into();
                service.spec = Arc::new(serde_json::from_str(text).unwrap());
            }
            id.to_string()
        }
        Order::RemoveService { service } => {
            view.services.remove(service);
            service.to_string()
        }
        Order::CreateNetwork { spec } => {
            let id = NetworkId(9 << 100);
            let mut made = network(id, &spec.name);
            made.spec = spec.clone();
            view.networks.insert(id, made);
            id.to_string()
        }
        Order::RemoveNetwork { network } => {
            view.networks.remove(network);
            network.to_string()
        }
        Order::CreateFile(new) => {
            let files = files(view, new.kind);
            files.insert(new.id, file(new));
            new.id.to_string()
        }
        Order::UpdateFile { file, spec, .. } => {
            for kind in [FileKind::Secret, FileKind::Config] {
                if let Some(found) = files(view, kind).get_mut(file) {
                    found.version += 1;
                    found.spec = spec.clone();
                }
            }
            file.to_string()
        }
        Order::RemoveFile { file } => {
            for kind in [FileKind::Secret, FileKind::Config] {
                files(view, kind).remove(file);
            }
            file.to_string()
        }
        Order::UpdateNode { node, spec, .. } => {
            let found = view.nodes.get_mut(node).unwrap();
            found.version += 1;
            found.spec = spec.clone();
            node.to_string()
        }
        Order::RemoveNode { node, .. } => {
            view.nodes.remove(node);
            node.to_string()
        }
        Order::UpdateCluster { spec, .. } => {
            view.spec = spec.clone();
            view.spec_version += 1;
            view.cluster.to_string()
        }
        Order::RotateTokens => {
            view.tokens.retain(|token| !token.is_standing);
            String::new()
        }
        Order::CreateToken {
            ttl,
            uses,
            is_standing,
        } => {
            let token = join_token();
            view.tokens.push(TokenView {
                id: token.name(),
                created_at: NOON,
                ttl: *ttl,
                uses: *uses,
                used: 0,
                is_standing: *is_standing,
            });
            token.to_string()
        }
        Order::RemoveToken { id } => id.clone(),
        Order::ReleaseVolume { service, .. } => service.to_string(),
    }
}

fn files(view: &mut ClusterView, kind: FileKind) -> &mut BTreeMap<FileId, FileView> {
    match kind {
        FileKind::Secret => &mut view.secrets,
        FileKind::Config => &mut view.configs,
    }
}

fn file(new: &NewFile) -> FileView {
    FileView {
        id: new.id,
        spec: new.spec.clone(),
        version: 1,
        contents: None,
        digest: new.digest.clone(),
        readers: new.sealed.iter().map(|(node, _)| *node).collect(),
        created_at: NOON,
        updated_at: NOON,
    }
}
