//! Who a node is survives restarts, torn files and lost registries.

use std::fs;

use shoal_membership::Addresses;

use super::*;

fn known() -> KnownCluster {
    let key = SecretKey::from_seed(&[3; 32]).public();
    KnownCluster {
        id: CLUSTER,
        founder_nonce: Some([9; 16]),
        members: vec![
            KnownMember {
                id: key.node_id(),
                key: Some(key),
                addresses: Addresses::new(&["192.0.2.1:7900".parse().unwrap()]).unwrap(),
                silence: std::time::Duration::from_secs(90),
            },
            KnownMember {
                id: SecretKey::from_seed(&[4; 32]).node_id(),
                key: None,
                addresses: Addresses::default(),
                silence: std::time::Duration::ZERO,
            },
        ],
        trust: vec![signed("member", 1, 40).to_bytes()],
    }
}

fn saved(directory: &Directory) -> Identity {
    let mut identity = Identity::load_or_create(directory.0.path()).unwrap();
    assert_eq!(identity.cluster, None);
    assert!(!identity.save().unwrap());
    identity.cluster = Some(known());
    assert!(identity.save().unwrap());
    identity
}

#[test]
fn an_identity_comes_back_and_is_written_only_when_it_changed() {
    let directory = Directory::new();
    let mut first = saved(&directory);
    assert!(!first.save().unwrap());
    let mut second = Identity::load_or_create(directory.0.path()).unwrap();
    assert_eq!(second.secret.to_seed(), first.secret.to_seed());
    assert_eq!(second.cluster, Some(known()));
    assert!(!second.save().unwrap());
    second.cluster = None;
    assert!(second.save().unwrap());
    let third = Identity::load_or_create(directory.0.path()).unwrap();
    assert_eq!(third.cluster, None);
    assert_eq!(third.was_damaged, None);
}

#[test]
fn a_torn_or_altered_cluster_file_is_set_aside() {
    let directory = Directory::new();
    drop(saved(&directory));
    let path = directory.0.path().join("cluster.json");
    let whole = fs::read(&path).unwrap();
    // Without its last byte, the end of the line, it is whole.
    for length in 0..whole.len() - 1 {
        fs::write(&path, &whole[..length]).unwrap();
        let identity = Identity::load_or_create(directory.0.path()).unwrap();
        assert!(identity.was_damaged.is_some_and(|aside| aside.exists()));
        assert!(!path.exists());
    }
    for place in 0..whole.len() - 1 {
        let mut altered = whole.clone();
        altered[place] ^= 1;
        fs::write(&path, &altered).unwrap();
        let identity = Identity::load_or_create(directory.0.path()).unwrap();
        assert!(identity.was_damaged.is_some(), "byte {place}");
        assert_eq!(identity.cluster, None);
    }
}

#[test]
fn a_lost_or_exchanged_key_is_not_replaced_silently() {
    let directory = Directory::new();
    drop(saved(&directory));
    let key = directory.0.path().join("node.key");
    fs::write(&key, "11".repeat(32)).unwrap();
    let error = Identity::load_or_create(directory.0.path()).unwrap_err();
    assert!(matches!(error, IdentityError::OtherNode { .. }), "{error}");
    fs::remove_file(&key).unwrap();
    let error = Identity::load_or_create(directory.0.path()).unwrap_err();
    assert!(matches!(error, IdentityError::KeyMissing(_)), "{error}");
    assert!(!key.exists());
}

#[test]
fn a_cluster_file_of_a_newer_format_is_left_as_it_is() {
    let directory = Directory::new();
    drop(saved(&directory));
    let path = directory.0.path().join("cluster.json");
    let newer = cluster_file::sealed(2, "{\"Anything\":1}");
    fs::write(&path, &newer).unwrap();
    let error = Identity::load_or_create(directory.0.path()).unwrap_err();
    assert!(error.to_string().contains("format 2"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), newer);
}
