//! Joining: the token, the proof, the pins, and what each refusal becomes.

use crate::cluster::{CLUSTER, Node, config, loopback, secret, trust};
use shoal_membership::ClusterId;
use shoal_net::{
    Inbox, Incoming, JoinAnswer, JoinError, JoinRefusal, JoinToken, MAX_JOIN_HELLO, MAX_SNAPSHOT,
    TrustSet,
};

const NOBODY: fn(&shoal_membership::PublicKey, &JoinAnswer) -> bool = |_, _| false;

fn token(member: &Node) -> JoinToken {
    JoinToken {
        cluster: CLUSTER,
        id: *b"token-id",
        secret: [9; 32],
        pins: vec![member.id()],
        addresses: vec![member.addr()],
    }
}

/// A member whose agent knows one token.
fn serve(mut inbox: Inbox, known: JoinToken, snapshot: Vec<u8>) {
    tokio::spawn(async move {
        while let Some(event) = inbox.recv().await {
            let Incoming::Join(request) = event else {
                continue;
            };
            if request.token_id != known.id {
                request.reply.refuse(JoinRefusal::UnknownToken);
            } else if !request.is_proved_by(&known.public()) {
                request.reply.refuse(JoinRefusal::BadProof);
            } else {
                let mut answer = snapshot.clone();
                answer.extend(request.hello);
                request.reply.accept(answer);
            }
        }
    });
}

fn member_and_joiner() -> (Node, Node) {
    let member = Node::start(config(&secret(1), trust(&[&secret(1)])));
    let alone = TrustSet::empty(ClusterId::from_bytes([77; 16]));
    let joiner = Node::start(config(&secret(2), alone));
    (member, joiner)
}

#[tokio::test]
async fn a_joiner_with_a_token_is_let_in() {
    let (member, joiner) = member_and_joiner();
    let token = token(&member);
    let (address, key) = (member.addr(), secret(1).public());
    serve(member.inbox, token.clone(), vec![1; 1000]);
    let hello = vec![2; MAX_JOIN_HELLO - 1000];
    let answer = joiner.endpoint.join(&token, hello.clone(), NOBODY).await;
    let expected = JoinAnswer {
        member: key,
        address,
        snapshot: [vec![1; 1000], hello].concat(),
    };
    assert_eq!(answer.unwrap(), expected);
}

#[tokio::test]
async fn the_largest_snapshot_arrives() {
    let (member, joiner) = member_and_joiner();
    let token = token(&member);
    serve(member.inbox, token.clone(), vec![1; MAX_SNAPSHOT]);
    let answer = joiner.endpoint.join(&token, vec![], NOBODY).await;
    assert_eq!(answer.unwrap().snapshot.len(), MAX_SNAPSHOT);
}

#[tokio::test]
async fn a_wrong_secret_or_name_is_refused() {
    let (member, joiner) = member_and_joiner();
    let known = token(&member);
    serve(member.inbox, known.clone(), vec![]);
    let mut wrong = known.clone();
    wrong.secret = [8; 32];
    let mut unknown = known;
    unknown.id = *b"other-id";
    for (token, expected) in [
        (wrong, JoinRefusal::BadProof),
        (unknown, JoinRefusal::UnknownToken),
    ] {
        let refused = joiner.endpoint.join(&token, vec![], NOBODY).await;
        match refused {
            Err(JoinError::Refused { reason, .. }) => assert_eq!(reason, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_of_another_cluster_never_reaches_the_agent() {
    let (mut member, joiner) = member_and_joiner();
    let mut token = token(&member);
    token.cluster = ClusterId::from_bytes([5; 16]);
    let refused = joiner.endpoint.join(&token, vec![], NOBODY).await;
    let expected = JoinRefusal::AnotherCluster;
    assert!(
        matches!(&refused, Err(JoinError::Refused { reason, .. }) if *reason == expected),
        "{refused:?}"
    );
    member.endpoint.close().await;
    drop(member.endpoint);
    let event = member.inbox.recv().await;
    assert!(event.is_none(), "{event:?}");
}

#[tokio::test]
async fn a_hello_too_large_is_an_error_at_once() {
    let (member, joiner) = member_and_joiner();
    let token = token(&member);
    let size = MAX_JOIN_HELLO + 1;
    let refused = joiner.endpoint.join(&token, vec![0; size], NOBODY).await;
    assert!(matches!(refused, Err(JoinError::HelloTooLarge(n)) if n == size));
}

#[tokio::test]
async fn a_member_that_is_not_pinned_has_to_be_believed() {
    let (member, joiner) = member_and_joiner();
    let mut token = token(&member);
    token.pins = vec![secret(7).node_id()];
    let key = secret(1).public();
    serve(member.inbox, token.clone(), vec![4]);
    let refused = joiner.endpoint.join(&token, vec![], NOBODY).await;
    assert!(
        matches!(&refused, Err(JoinError::Impostor { found, .. }) if *found == key.node_id()),
        "{refused:?}"
    );
    let believe = |member: &shoal_membership::PublicKey, answer: &JoinAnswer| {
        *member == key && answer.snapshot == [4]
    };
    let answer = joiner.endpoint.join(&token, vec![], believe).await;
    assert_eq!(answer.unwrap().snapshot, [4]);
}

#[tokio::test]
async fn addresses_are_tried_in_turn() {
    let (member, joiner) = member_and_joiner();
    let mut token = token(&member);
    // Nobody is there: the port was given back.
    let gone = std::net::UdpSocket::bind(loopback(0)).unwrap();
    token.addresses.insert(0, gone.local_addr().unwrap());
    drop(gone);
    serve(member.inbox, token.clone(), vec![]);
    let mut quick = config(&secret(3), TrustSet::empty(CLUSTER));
    quick.handshake_timeout = std::time::Duration::from_millis(500);
    drop(joiner);
    let joiner = Node::start(quick);
    joiner
        .endpoint
        .join(&token, vec![], NOBODY)
        .await
        .expect("the second address answers");
    token.addresses.truncate(1);
    let failed = joiner.endpoint.join(&token, vec![], NOBODY).await;
    assert!(
        matches!(failed, Err(JoinError::Unreachable(_))),
        "{failed:?}"
    );
    token.addresses.clear();
    let failed = joiner.endpoint.join(&token, vec![], NOBODY).await;
    assert!(matches!(failed, Err(JoinError::NoAddress)), "{failed:?}");
}

#[tokio::test]
async fn a_dropped_reply_says_busy_and_a_reason_is_passed_on() {
    let (member, joiner) = member_and_joiner();
    let token = token(&member);
    let mut inbox = member.inbox;
    let reasons = tokio::spawn(async move {
        for reason in [None, Some("no room at the inn".to_owned())] {
            let Some(Incoming::Join(request)) = inbox.recv().await else {
                panic!("expected a joiner");
            };
            if let Some(text) = reason {
                request.reply.refuse(JoinRefusal::Other(text));
            }
        }
    });
    for expected in [
        JoinRefusal::Busy,
        JoinRefusal::Other("no room at the inn".to_owned()),
    ] {
        match joiner.endpoint.join(&token, vec![], NOBODY).await {
            Err(JoinError::Refused { reason, .. }) => assert_eq!(reason, expected),
            other => panic!("{other:?}"),
        }
    }
    reasons.await.unwrap();
}

#[tokio::test]
async fn a_member_that_does_not_know_the_token_is_not_the_last_to_be_asked() {
    let (member, joiner) = member_and_joiner();
    let late = Node::start(config(&secret(3), trust(&[&secret(1), &secret(3)])));
    let mut token = token(&member);
    token.pins.push(late.id());
    token.addresses.insert(0, late.addr());
    let mut unknown = token.clone();
    unknown.id = *b"other-id";
    serve(late.inbox, unknown, vec![]);
    serve(member.inbox, token.clone(), vec![7]);
    let answer = joiner.endpoint.join(&token, vec![], NOBODY).await;
    assert_eq!(answer.unwrap().snapshot, [7]);
}
