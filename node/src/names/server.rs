//! Answers the questions of a network, by packets and by streams.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{
        DNSClass, RData, Record, RecordType,
        rdata::{A, AAAA},
    },
};
use shoal_scheduler::task::NetworkId;
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Names,
    answer::Book,
    client,
    relay::{self, By},
};
use crate::balancer::NameServer;

/// For how long others may remember an address, in seconds: tasks move.
const TTL_S: u32 = 5;
/// Questions of one network that are being answered; more are dropped, and asked again.
const QUESTIONS_MAX: usize = 256;
/// Streams of one network.
pub(super) const STREAMS_MAX: usize = 64;
/// Longest question in a packet.
const PACKET_MAX: usize = 4_096;
/// Longest answer in a packet to who did not say that more may come.
const ANSWER_MAX: u16 = 512;
/// Who opened a stream and asks nothing for so long is left.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Pause after what could not be read.
const PAUSE: Duration = Duration::from_millis(50);

impl NameServer for Arc<Names> {
    fn serve(
        &self,
        network: NetworkId,
        packets: UdpSocket,
        streams: TcpListener,
        end: CancellationToken,
    ) {
        let by_packets = take_packets(self.clone(), network, packets);
        let by_streams = take_streams(self.clone(), network, streams);
        tokio::spawn(async move {
            let both = async { tokio::join!(by_packets, by_streams) };
            end.run_until_cancelled(both).await;
        });
    }
}

async fn take_packets(names: Arc<Names>, network: NetworkId, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let places = Arc::new(Semaphore::new(QUESTIONS_MAX));
    let mut packet = vec![0; PACKET_MAX];
    loop {
        let Ok((size, from)) = socket.recv_from(&mut packet).await else {
            sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::debug!("too many questions for names at once: one is dropped");
            continue;
        };
        let question = packet[..size].to_vec();
        let (names, socket) = (names.clone(), socket.clone());
        tokio::spawn(async move {
            let _place = place;
            if let Some(answer) = names.answer(network, from, &question, By::Packets).await {
                // It asks again.
                let _ = socket.send_to(&answer, from).await;
            }
        });
    }
}

async fn take_streams(names: Arc<Names>, network: NetworkId, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(STREAMS_MAX));
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let names = names.clone();
        tokio::spawn(async move {
            let _place = place;
            // It sees that the stream has ended.
            let _ = serve(names, network, from, stream).await;
        });
    }
}

async fn serve(
    names: Arc<Names>,
    network: NetworkId,
    from: SocketAddr,
    mut stream: TcpStream,
) -> io::Result<()> {
    loop {
        let question = timeout(SILENCE_MAX, relay::read(&mut stream)).await??;
        let Some(answer) = names.answer(network, from, &question, By::Stream).await else {
            return Ok(());
        };
        timeout(SILENCE_MAX, relay::write(&mut stream, &answer)).await??;
    }
}

impl Names {
    /// The answer to a question. None: there is none, it was no question, or nobody here may ask.
    async fn answer(
        &self,
        network: NetworkId,
        from: SocketAddr,
        question: &[u8],
        by: By,
    ) -> Option<Vec<u8>> {
        let IpAddr::V4(from) = from.ip() else {
            return None;
        };
        let Ok(message) = Message::from_vec(question) else {
            tracing::debug!(%from, "what should be a question for a name is none");
            return None;
        };
        let is_question = message.metadata.message_type == MessageType::Query;
        if !is_question {
            return None;
        }
        let local = self.networks.borrow().clone();
        if !local.networks.get(&network)?.range.subnet.contains(&from) {
            return None;
        }
        let client = client::find(&local, network, from);
        if let Some(found) = self.found(&message, &client.networks) {
            return reply(&message, found, by);
        }
        let servers = client.servers(&self.view.borrow().clone());
        match relay::pass_on(question, &servers, by).await {
            Some(answer) => Some(answer),
            None => reply(&message, Err(ResponseCode::ServFail), by),
        }
    }

    /// What is known here. None: somebody else may know.
    fn found(
        &self,
        message: &Message,
        networks: &[NetworkId],
    ) -> Option<Result<Vec<RData>, ResponseCode>> {
        if message.metadata.op_code != OpCode::Query {
            return Some(Err(ResponseCode::NotImp));
        }
        let [query] = message.queries.as_slice() else {
            return Some(Err(ResponseCode::FormErr));
        };
        if query.query_class() != DNSClass::IN {
            return None;
        }
        let name = query.name().to_ascii().to_ascii_lowercase();
        let (view, local) = (self.view.borrow().clone(), self.networks.borrow().clone());
        let book = Book {
            view: &view,
            local: &local,
            virtuals: &self.virtuals,
        };
        let places = book.find(name.trim_end_matches('.'), networks)?;
        let asked = |kind| [kind, RecordType::ANY].contains(&query.query_type());
        let v4 = places.iter().map(|place| RData::A(A(place.v4)));
        let v6 = places.iter().filter_map(|place| place.v6);
        let v6 = v6.map(|address| RData::AAAA(AAAA(address)));
        // Of other kinds there is nothing.
        let v4 = v4.filter(|_| asked(RecordType::A));
        let v6 = v6.filter(|_| asked(RecordType::AAAA));
        Some(Ok(v4.chain(v6).collect()))
    }
}

fn reply(question: &Message, found: Result<Vec<RData>, ResponseCode>, by: By) -> Option<Vec<u8>> {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.add_queries(question.queries.iter().cloned());
    match found {
        Err(code) => answer.metadata.response_code = code,
        Ok(addresses) => {
            answer.metadata.authoritative = true;
            let name = question.queries.first()?.name().clone();
            answer.add_answers(
                addresses
                    .into_iter()
                    .map(|data| Record::from_rdata(name.clone(), TTL_S, data)),
            );
        }
    }
    let bytes = answer.to_vec().ok()?;
    let most = question.max_payload().max(ANSWER_MAX);
    match by == By::Packets && bytes.len() > usize::from(most) {
        // It asks again, by a stream.
        true => answer.truncate().to_vec().ok(),
        false => Some(bytes),
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::Query,
        rr::{Name, rdata},
    };

    use proptest::{collection::vec, prelude::*};

    use super::{
        super::samples::{HERE_ADDRESS, NETWORK, names},
        *,
    };

    proptest! {
        /// Whatever comes, nothing breaks; and who is on no network of ours gets no answer.
        #[test]
        fn nonsense_is_no_question(bytes in vec(any::<u8>(), 0..600), header in any::<bool>()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut bytes = bytes;
            if header && bytes.len() > 12 {
                // One question, and nothing else.
                bytes[2..12].copy_from_slice(&[8, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
            }
            let names = names();
            let stranger = "192.168.0.9:4000".parse().unwrap();
            let answer = names.answer(NETWORK, stranger, &bytes, By::Packets);
            prop_assert_eq!(runtime.block_on(answer), None);
            if let Ok(message) = Message::from_vec(&bytes)
                && let Some(found) = names.found(&message, &[NETWORK])
            {
                reply(&message, found, By::Packets);
            }
        }
    }

    #[tokio::test]
    async fn a_container_is_told_of_its_network_and_of_kinds_that_are_not_there() {
        let names = names();
        let from = SocketAddr::new(HERE_ADDRESS.into(), 4000);
        let ask = async |question: Message| {
            let bytes = question.to_vec().unwrap();
            let answer = names.answer(NETWORK, from, &bytes, By::Packets).await;
            Message::from_vec(&answer.unwrap()).unwrap()
        };
        let answer = ask(question("WEB.")).await;
        assert_eq!(answer.answers.len(), 1);
        assert!(answer.metadata.authoritative);
        let mut of_v6 = question("web.");
        of_v6.queries[0].set_query_type(RecordType::AAAA);
        let answer = ask(of_v6).await;
        assert_eq!(answer.answers.len(), 1);
        assert_eq!(answer.answers[0].record_type(), RecordType::AAAA);
        let mut of_mail = question("web.");
        of_mail.queries[0].set_query_type(RecordType::MX);
        let answer = ask(of_mail).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert!(
            answer.answers.is_empty(),
            "there is none, and nobody else is asked"
        );
        let mut two = question("web.");
        two.add_query(two.queries[0].clone());
        assert_eq!(ask(two).await.metadata.response_code, ResponseCode::FormErr);
        let mut update = question("web.");
        update.metadata.op_code = OpCode::Update;
        assert_eq!(
            ask(update).await.metadata.response_code,
            ResponseCode::NotImp
        );
    }

    fn question(name: &str) -> Message {
        let mut question = Message::query();
        question.metadata.id = 7;
        let name = Name::from_ascii(name).unwrap();
        question.add_query(Query::query(name, RecordType::A));
        question
    }

    #[test]
    fn an_answer_has_the_addresses_or_says_that_it_is_cut_off() {
        let asked = question("web.");
        let few = [1, 2].map(|last| RData::A(rdata::A::new(10, 0, 0, last)));
        let reply_to = |addresses: Vec<RData>, by| {
            Message::from_vec(&reply(&asked, Ok(addresses), by).unwrap()).unwrap()
        };
        let answer = reply_to(few.to_vec(), By::Packets);
        assert_eq!((answer.metadata.id, answer.answers.len()), (7, 2));
        assert_eq!(answer.answers[0].data, few[0]);
        assert_eq!(answer.answers[0].ttl, TTL_S);
        let many = vec![few[0].clone(); 100];
        let answer = reply_to(many.clone(), By::Packets);
        assert!(answer.metadata.truncation && answer.answers.len() < 100);
        assert_eq!(reply_to(many, By::Stream).answers.len(), 100);
        let none = reply_to(Vec::new(), By::Packets);
        assert_eq!(none.metadata.response_code, ResponseCode::NoError);
    }
}
