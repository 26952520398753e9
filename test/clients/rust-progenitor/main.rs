//! The scenario of ../steps.ts with the client that progenitor makes.

use std::{env, fmt::Debug, num::NonZeroU64, time::Duration, time::SystemTime};

use eventsource_client::{Client as _, ClientBuilder, ReconnectOptions, SSE};
use futures_util::{Stream, StreamExt, TryStreamExt};
use launchdarkly_sdk_transport::HyperTransport;

mod treekeeper {
    progenitor::generate_api!(spec = "document.json", interface = Builder);
}
use treekeeper::types::*;
use treekeeper::{ByteStream, Client, Error};

struct Scenario {
    client: Client,
    endpoint: String,
    session: OpenedSession,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let endpoint = env::var("TREEKEEPER_ENDPOINT").unwrap();
    let client = Client::new(&endpoint);
    let session = open(&client).await;
    assert!(session.valid_for_ms > 0 && session.valid_for_ms <= 60_000);
    ok("session");

    let scenario = Scenario {
        client,
        endpoint,
        session,
    };
    let numbered = scenario.sequence().await;
    scenario.data().await;
    scenario.transaction().await;
    scenario.lists().await;
    scenario.lock().await;
    scenario.service().await;
    scenario.watch().await;
    scenario.close(numbered).await;
}

// --- the steps

impl Scenario {
    async fn sequence(&self) -> Vec<String> {
        let folder = "/clients/中文 路径/v1.2/a b";
        self.create(folder, b"").await;
        let mut numbered = Vec::new();
        for _ in 0..2 {
            let request = self
                .client
                .create_znode()
                .path(format!("{folder}/n-"))
                .ephemeral(true)
                .sequential(true);
            let made = request
                .session_token(self.session.token.as_str())
                .body("")
                .send()
                .await
                .unwrap();
            numbered.push(made.into_inner().path);
        }
        assert_eq!(
            numbered,
            [
                format!("{folder}/n-0000000000"),
                format!("{folder}/n-0000000001")
            ]
        );
        assert_eq!(
            self.stat(&numbered[1]).await.ephemeral_owner.as_ref(),
            Some(&self.session.id)
        );
        ok("sequence");
        numbered
    }

    async fn data(&self) {
        let every_byte: Vec<u8> = (0..=255).collect();
        self.create("/clients/binary", &every_byte).await;
        let read = self
            .client
            .get_data()
            .path("/clients/binary")
            .send()
            .await
            .unwrap();
        assert_eq!(bytes(read.into_inner()).await, every_byte);
        ok("binary");

        assert!(self.exists("/clients/binary").await && !self.exists("/clients/nothing").await);
        ok("exists");

        let late = self
            .client
            .set_znode()
            .path("/clients/binary")
            .version(7)
            .body("late");
        assert_eq!(refused(late.send().await).await.code, "bad_version");
        ok("conflict");
    }

    async fn transaction(&self) {
        let check = CheckOperation::builder()
            .op(CheckOperationOp::Check)
            .path("/clients")
            .exists(true);
        let create = CreateOperation::builder()
            .op(CreateOperationOp::Create)
            .path("/clients/t");
        let set = SetOperation::builder()
            .op(SetOperationOp::Set)
            .path("/clients/nothing");
        let delete = DeleteOperation::builder()
            .op(DeleteOperationOp::Delete)
            .path("/clients/t");
        let operations: Vec<TransactionOperation> = vec![
            CheckOperation::try_from(check).unwrap().into(),
            CreateOperation::try_from(create.data("made".to_owned()))
                .unwrap()
                .into(),
            SetOperation::try_from(set.data("lost".to_owned()))
                .unwrap()
                .into(),
            DeleteOperation::try_from(delete).unwrap().into(),
        ];
        let request = self
            .client
            .transact()
            .body_map(|body| body.operations(operations));
        let problem = refused(request.send().await).await;
        assert_eq!(problem.code, "no_node");
        assert_eq!(problem.failed_operation, Some(2));
        let fates: Vec<String> = problem.results.into_iter().map(|fate| fate.code).collect();
        assert_eq!(
            fates,
            ["rolled_back", "rolled_back", "no_node", "not_evaluated"]
        );
        assert!(!self.exists("/clients/t").await);
        ok("transaction");
    }

    async fn lists(&self) {
        for number in 0..7 {
            self.create(&format!("/clients/pages/c{number}"), b"").await;
        }
        let mut pages = Vec::new();
        let first = self.client.list_children().path("/clients/pages").limit(3);
        let mut page = first.send().await.unwrap().into_inner();
        while let Some(after) = page.next {
            pages.push(page.children);
            let next = self
                .client
                .list_children()
                .path("/clients/pages")
                .limit(3)
                .after(after);
            page = next.send().await.unwrap().into_inner();
        }
        pages.push(page.children);
        assert_eq!(
            pages,
            [vec!["c0", "c1", "c2"], vec!["c3", "c4", "c5"], vec!["c6"]]
        );
        ok("paging");

        let made = SystemTime::UNIX_EPOCH
            + Duration::from_millis(self.stat("/clients").await.ctime_ms as u64);
        assert!(made.elapsed().unwrap() < Duration::from_secs(60));
        ok("int64");
    }

    async fn lock(&self) {
        let rival = open(&self.client).await;
        let claim = self
            .client
            .claim_lock()
            .name("scenario")
            .session_token(self.session.token.as_str());
        let held = claim.body(ClaimRequest::builder()).send().await.unwrap();
        assert_eq!(held.state, TakenClaimState::Held);
        let claim = self
            .client
            .claim_lock()
            .name("scenario")
            .session_token(rival.token.as_str());
        let waiting = claim
            .body_map(|body| body.wait_ms(100))
            .send()
            .await
            .unwrap();
        assert_eq!(waiting.state, TakenClaimState::Waiting);
        assert_eq!(waiting.position, Some(1));
        let release = self
            .client
            .release_claim()
            .name("scenario")
            .id(held.id.as_str());
        release
            .session_token(self.session.token.as_str())
            .send()
            .await
            .unwrap();
        let wait = self
            .client
            .get_claim()
            .name("scenario")
            .id(waiting.id.as_str())
            .wait_ms(5_000);
        let standing = wait
            .session_token(rival.token.as_str())
            .send()
            .await
            .unwrap();
        assert_eq!(standing.state, ClaimStandingState::Held);
        ok("lock");
    }

    async fn service(&self) {
        for (id, tags) in [("one", vec!["blue", "small"]), ("two", vec!["green"])] {
            let tags: Vec<String> = tags.into_iter().map(String::from).collect();
            let instance = InstanceRequest::builder()
                .address("10.0.0.1")
                .port(8080)
                .tags(tags);
            let request = self
                .client
                .register_instance()
                .service("echo")
                .id(id)
                .body(instance);
            request
                .session_token(self.session.token.as_str())
                .send()
                .await
                .unwrap();
        }
        let blue = self
            .client
            .get_service()
            .service("echo")
            .tag(vec!["blue".to_owned()]);
        let service = blue.send().await.unwrap().into_inner();
        let ids: Vec<String> = service
            .instances
            .into_iter()
            .map(|instance| instance.id)
            .collect();
        assert_eq!(ids, ["one"]);
        ok("service");
    }

    async fn watch(&self) {
        let path = "/clients/watched";
        self.create(path, b"").await;
        let source = ClientBuilder::for_url(&format!("{}/v1/watch?path={path}", self.endpoint))
            .unwrap()
            .reconnect(
                ReconnectOptions::reconnect(true)
                    .delay(Duration::from_millis(100))
                    .build(),
            )
            .build_with_transport(HyperTransport::new().unwrap());
        let mut stream = source.stream();
        while event(&mut stream).await.0 != "synced" {}

        for values in [["1", "2", "3"], ["4", "5", "6"]] {
            for value in values {
                self.client
                    .set_znode()
                    .path(path)
                    .body(value)
                    .send()
                    .await
                    .unwrap();
            }
            assert_eq!(changes(&mut stream, 3).await, values);
            if values[0] == "1" {
                tokio::task::spawn_blocking(kill_server).await.unwrap();
            }
        }
        ok("watch");
    }

    async fn close(&self, numbered: Vec<String>) {
        let request = self
            .client
            .close_session()
            .id(self.session.id.as_str())
            .session_token(self.session.token.as_str());
        request.send().await.unwrap();
        for path in numbered {
            assert!(!self.exists(&path).await);
        }
        ok("close");
    }

    // --- what the steps share

    async fn create(&self, path: &str, data: &[u8]) {
        let request = self
            .client
            .create_znode()
            .path(path)
            .parents(true)
            .body(data.to_vec());
        request.send().await.unwrap();
    }

    async fn stat(&self, path: &str) -> Stat {
        self.client
            .get_znode()
            .path(path)
            .send()
            .await
            .unwrap()
            .into_inner()
            .stat
            .unwrap()
    }

    async fn exists(&self, path: &str) -> bool {
        match self.client.exists_znode().path(path).send().await {
            Ok(_) => true,
            Err(refusal) if refusal.status().is_some_and(|status| status == 404) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

async fn open(client: &Client) -> OpenedSession {
    let request = client
        .open_session()
        .body_map(|body| body.timeout_ms(NonZeroU64::new(60_000)));
    request.send().await.unwrap().into_inner()
}

async fn bytes(stream: ByteStream) -> Vec<u8> {
    let parts: Vec<_> = stream.into_inner().try_collect().await.unwrap();
    parts.concat()
}

/// The next event's name and data, over any number of connections.
async fn event<E>(stream: &mut (impl Stream<Item = Result<SSE, E>> + Unpin)) -> (String, String) {
    loop {
        if let Ok(SSE::Event(event)) = stream.next().await.expect("another connection") {
            return (event.event_type, event.data);
        }
    }
}

async fn changes<E>(
    stream: &mut (impl Stream<Item = Result<SSE, E>> + Unpin),
    count: usize,
) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < count {
        let (name, data) = event(stream).await;
        if name == "change" {
            let change: WatchChange = serde_json::from_str(&data).unwrap();
            told.extend(change.events.into_iter().map(|event| event.data.unwrap()));
        }
    }
    told
}

// --- what any scenario needs

fn kill_server() {
    println!("kill me");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert_eq!(line, "killed and back\n");
}

fn ok(step: &str) {
    println!("ok {step}");
}

/// progenitor hands over the bytes of a refusal: it makes types of application/json, and not of application/problem+json.
async fn refused<T: Debug>(answer: Result<T, Error<ByteStream>>) -> Problem {
    match answer {
        Err(Error::ErrorResponse(refusal)) => {
            serde_json::from_slice(&bytes(refusal.into_inner()).await).unwrap()
        }
        other => panic!("not refused: {other:?}"),
    }
}
