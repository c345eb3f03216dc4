//! A member that another does not know shows how it was admitted.

use crate::cluster::{CLUSTER, Node, config, ordered, secret, trust};
use bytes::Bytes;
use shoal_net::{Incoming, JoinError, JoinRefusal, TrustSet};

/// A newcomer that knows a member, which knows nobody.
fn newcomer_and_member() -> (Node, Node) {
    let (a, b) = ordered(1, 2);
    let newcomer = Node::start(config(&a, trust(&[&a, &b])));
    let member = Node::start(config(&b, TrustSet::empty(CLUSTER)));
    newcomer.knows(&member);
    (newcomer, member)
}

#[tokio::test]
async fn who_is_unknown_is_told_so_shows_its_admission_and_is_let_in_at_once() {
    let (mut newcomer, mut member) = newcomer_and_member();
    let id = member.id();
    newcomer.endpoint.redial(id);
    let by = newcomer.wait_for(|event| match event {
        Incoming::Unknown { by } => Some(by),
        _ => None,
    });
    assert_eq!(by.await, id);
    let deciding = async {
        let request = member.wait_for(|event| match event {
            Incoming::Vouch(request) => Some(request),
            _ => None,
        });
        let request = request.await;
        assert_eq!(request.admissions, b"signed");
        let both = TrustSet::empty(CLUSTER).with(request.key);
        member.endpoint.set_trust(both).unwrap();
        request.reply.accept(Vec::new());
    };
    let vouching = newcomer.endpoint.vouch(id, b"signed".to_vec());
    let (vouched, ()) = tokio::join!(vouching, deciding);
    vouched.unwrap();
    newcomer
        .endpoint
        .send_rumour(id, Bytes::from_static(b"news"));
    newcomer.connected(id).await;
}

#[tokio::test]
async fn an_admission_that_does_not_count_is_refused_with_what_to_do() {
    let (newcomer, mut member) = newcomer_and_member();
    let id = member.id();
    let deciding = async {
        let request = member.wait_for(|event| match event {
            Incoming::Vouch(request) => Some(request),
            _ => None,
        });
        request.await.reply.refuse(JoinRefusal::NotAdmitted);
    };
    let vouching = newcomer.endpoint.vouch(id, b"forged".to_vec());
    let (vouched, ()) = tokio::join!(vouching, deciding);
    let error = vouched.unwrap_err();
    assert!(matches!(
        &error,
        JoinError::Refused {
            reason: JoinRefusal::NotAdmitted,
            ..
        }
    ));
    assert!(error.to_string().contains("a new token"), "{error}");
}

#[tokio::test]
async fn too_much_and_the_wrong_node_are_errors() {
    let (newcomer, member) = newcomer_and_member();
    let too_much = newcomer.endpoint.vouch(member.id(), vec![0; 70_000]).await;
    assert!(matches!(too_much, Err(JoinError::HelloTooLarge(70_000))));
    // Somebody else answers where the member is believed to be: it is shown nothing.
    let other = secret(3);
    let (a, b) = ordered(1, 2);
    newcomer
        .endpoint
        .set_trust(trust(&[&a, &b, &other]))
        .unwrap();
    newcomer
        .endpoint
        .set_addresses(other.node_id(), vec![member.addr()]);
    let wrong = newcomer.endpoint.vouch(other.node_id(), vec![1]).await;
    let error = wrong.unwrap_err().to_string();
    assert!(error.contains("another node than the expected"), "{error}");
}
