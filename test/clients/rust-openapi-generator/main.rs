//! The scenario of ../steps.ts with the client that OpenAPI Generator makes for Rust.

use std::{env, fs, path::PathBuf, time::Duration, time::SystemTime};

use async_trait::async_trait;
use eventsource_client::{Client, ClientBuilder, ReconnectOptions, SSE};
use futures_util::{Stream, StreamExt};
use launchdarkly_sdk_transport::HyperTransport;
use reqwest_middleware::{Middleware, Next};
use treekeeper::apis::{Error, configuration::Configuration};
use treekeeper::apis::{
    locks_api::*, services_api::*, sessions_api::*, transactions_api::*, znodes_api::*,
};
use treekeeper::models::*;

struct Scenario {
    client: Configuration,
    session: OpenedSession,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let client = client(env::var("TREEKEEPER_ENDPOINT").unwrap());
    let session = open(&client).await;
    assert!(session.valid_for_ms > 0 && session.valid_for_ms <= 60_000);
    ok("session");

    let scenario = Scenario { client, session };
    let numbered = scenario.sequence().await;
    scenario.data().await;
    scenario.transaction().await;
    scenario.lists().await;
    scenario.lock().await;
    scenario.service().await;
    scenario.watch().await;
    scenario.close(numbered).await;
}

fn client(base_path: String) -> Configuration {
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(SpacesInPaths)
        .build();
    Configuration {
        base_path,
        client,
        ..Configuration::default()
    }
}

/// The generator writes a path as a form's value is written, with `+` for a space, which is a plus sign in a path.
struct SpacesInPaths;

#[async_trait]
impl Middleware for SpacesInPaths {
    async fn handle(
        &self,
        mut request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let path = request.url().path().replace('+', "%20");
        request.url_mut().set_path(&path);
        next.run(request, extensions).await
    }
}

// --- the steps

impl Scenario {
    async fn sequence(&self) -> Vec<String> {
        let folder = "/clients/中文 路径/v1.2/a b";
        self.create(folder, b"").await;
        let mut numbered = Vec::new();
        for _ in 0..2 {
            let params = CreateZnodeParams {
                ephemeral: Some(true),
                sequential: Some(true),
                session_token: Some(self.session.token.clone()),
                ..new_znode(&format!("{folder}/n-"))
            };
            numbered.push(create_znode(&self.client, params).await.unwrap().path);
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
        let params = GetDataParams {
            path: "/clients/binary".into(),
            wait_after_zxid: None,
            wait_ms: None,
            consistency: None,
            stale: None,
            session_token: None,
            if_none_match: None,
            min_zxid: None,
        };
        let read = get_data(&self.client, params)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(read, every_byte);
        ok("binary");

        assert!(self.exists("/clients/binary").await && !self.exists("/clients/nothing").await);
        ok("exists");

        let conflict = self.set("/clients/binary", "late", Some(7)).await;
        assert_eq!(refused(conflict).code, "bad_version");
        ok("conflict");
    }

    async fn transaction(&self) {
        let data = |text: &str| Some(Some(text.to_owned()));
        let operations = vec![
            TransactionOperation::Check(Box::new(CheckOperation {
                exists: Some(true),
                ..CheckOperation::new(check_operation::Op::Check, "/clients".into())
            })),
            TransactionOperation::Create(Box::new(CreateOperation {
                data: data("made"),
                ..CreateOperation::new(create_operation::Op::Create, "/clients/t".into())
            })),
            TransactionOperation::Set(Box::new(SetOperation {
                data: data("lost"),
                ..SetOperation::new(set_operation::Op::Set, "/clients/nothing".into())
            })),
            TransactionOperation::Delete(Box::new(DeleteOperation::new(
                delete_operation::Op::Delete,
                "/clients/t".into(),
            ))),
        ];
        let params = TransactParams {
            transaction_request: TransactionRequest::new(operations),
            session_token: None,
            fence: None,
            idempotency_key: None,
            min_zxid: None,
        };
        let problem = refused(transact(&self.client, params).await);
        assert_eq!(problem.code, "no_node");
        assert_eq!(problem.failed_operation, Some(2));
        let fates: Vec<String> = problem
            .results
            .unwrap()
            .into_iter()
            .map(|fate| fate.code)
            .collect();
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
        let mut page = self.children("/clients/pages", 3, None).await;
        while let Some(after) = page.next {
            pages.push(page.children);
            page = self.children("/clients/pages", 3, Some(after)).await;
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
        let held = self.claim(&self.session, ClaimRequest::new()).await;
        assert_eq!(held.state, taken_claim::State::Held);
        let waiting = self
            .claim(
                &rival,
                ClaimRequest {
                    wait_ms: Some(100),
                    ..ClaimRequest::new()
                },
            )
            .await;
        assert_eq!(waiting.state, taken_claim::State::Waiting);
        assert_eq!(waiting.position, Some(1));
        let release = ReleaseClaimParams {
            name: "scenario".into(),
            id: held.id,
            force: None,
            session_token: Some(self.session.token.clone()),
            fence: None,
            min_zxid: None,
        };
        release_claim(&self.client, release).await.unwrap();
        let wait = GetClaimParams {
            name: "scenario".into(),
            id: waiting.id,
            wait_ms: Some(5_000),
            consistency: None,
            stale: None,
            session_token: Some(rival.token),
            min_zxid: None,
        };
        assert_eq!(
            get_claim(&self.client, wait).await.unwrap().state,
            claim_standing::State::Held
        );
        ok("lock");
    }

    async fn claim(&self, session: &OpenedSession, request: ClaimRequest) -> TakenClaim {
        let params = ClaimLockParams {
            name: "scenario".into(),
            session_token: session.token.clone(),
            fence: None,
            idempotency_key: None,
            min_zxid: None,
            claim_request: Some(request),
        };
        claim_lock(&self.client, params).await.unwrap()
    }

    async fn service(&self) {
        for (id, tags) in [("one", vec!["blue", "small"]), ("two", vec!["green"])] {
            let params = RegisterInstanceParams {
                service: "echo".into(),
                id: id.into(),
                session_token: self.session.token.clone(),
                instance_request: InstanceRequest {
                    tags: Some(tags.into_iter().map(String::from).collect()),
                    ..InstanceRequest::new("10.0.0.1".into(), 8080)
                },
                replace: None,
                force: None,
                fence: None,
                min_zxid: None,
            };
            register_instance(&self.client, params).await.unwrap();
        }
        let params = GetServiceParams {
            service: "echo".into(),
            tag: Some(vec!["blue".into()]),
            meta: None,
            state: None,
            zone: None,
            limit: None,
            after: None,
            consistency: None,
            stale: None,
            session_token: None,
            min_zxid: None,
        };
        let instances = get_service(&self.client, params).await.unwrap().instances;
        let ids: Vec<String> = instances.into_iter().map(|instance| instance.id).collect();
        assert_eq!(ids, ["one"]);
        ok("service");
    }

    async fn watch(&self) {
        let path = "/clients/watched";
        self.create(path, b"").await;
        let url = format!("{}/v1/watch?path={path}", self.client.base_path);
        let source = ClientBuilder::for_url(&url)
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
                self.set(path, value, None).await.unwrap();
            }
            assert_eq!(changes(&mut stream, 3).await, values);
            if values[0] == "1" {
                tokio::task::spawn_blocking(kill_server).await.unwrap();
            }
        }
        ok("watch");
    }

    async fn close(&self, numbered: Vec<String>) {
        let params = CloseSessionParams {
            id: self.session.id.clone(),
            session_token: self.session.token.clone(),
            min_zxid: None,
        };
        close_session(&self.client, params).await.unwrap();
        for path in numbered {
            assert!(!self.exists(&path).await);
        }
        ok("close");
    }

    // --- what the steps share

    async fn create(&self, path: &str, data: &[u8]) {
        let params = CreateZnodeParams {
            parents: Some(true),
            body: Some(file(data)),
            ..new_znode(path)
        };
        create_znode(&self.client, params).await.unwrap();
    }

    async fn set(
        &self,
        path: &str,
        data: &str,
        version: Option<i64>,
    ) -> Result<Written, Error<SetZnodeError>> {
        let params = SetZnodeParams {
            path: path.into(),
            version,
            upsert: None,
            session_token: None,
            fence: None,
            if_match: None,
            if_none_match: None,
            min_zxid: None,
            body: Some(file(data.as_bytes())),
        };
        set_znode(&self.client, params).await
    }

    async fn stat(&self, path: &str) -> Stat {
        let params = GetZnodeParams {
            path: path.into(),
            wait_after_zxid: None,
            wait_ms: None,
            encoding: None,
            consistency: None,
            stale: None,
            session_token: None,
            if_none_match: None,
            min_zxid: None,
        };
        *get_znode(&self.client, params).await.unwrap().stat.unwrap()
    }

    async fn exists(&self, path: &str) -> bool {
        let params = ExistsZnodeParams {
            path: path.into(),
            consistency: None,
            stale: None,
            session_token: None,
            if_none_match: None,
            min_zxid: None,
        };
        match exists_znode(&self.client, params).await {
            Ok(()) => true,
            Err(Error::ResponseError(refusal)) if refusal.status == 404 => false,
            Err(other) => panic!("{other}"),
        }
    }

    async fn children(&self, path: &str, limit: i32, after: Option<String>) -> ChildrenPage {
        let params = ListChildrenParams {
            path: path.into(),
            wait_after_zxid: None,
            wait_ms: None,
            limit: Some(limit),
            after,
            prefix: None,
            include: None,
            consistency: None,
            stale: None,
            session_token: None,
            if_none_match: None,
            min_zxid: None,
        };
        list_children(&self.client, params).await.unwrap()
    }
}

async fn open(client: &Configuration) -> OpenedSession {
    let request = SessionRequest {
        timeout_ms: Some(60_000),
        ..SessionRequest::new()
    };
    let params = OpenSessionParams {
        idempotency_key: None,
        min_zxid: None,
        session_request: Some(request),
    };
    open_session(client, params).await.unwrap()
}

fn new_znode(path: &str) -> CreateZnodeParams {
    CreateZnodeParams {
        path: path.into(),
        ephemeral: None,
        sequential: None,
        container: None,
        ttl_ms: None,
        parents: None,
        session_token: None,
        fence: None,
        idempotency_key: None,
        min_zxid: None,
        body: None,
    }
}

/// The generator sends bytes from a file.
fn file(data: &[u8]) -> PathBuf {
    let path = env::temp_dir().join(format!("scenario-{}", std::process::id()));
    fs::write(&path, data).unwrap();
    path
}

/// The next event's name and data, over any number of connections.
async fn event<E: std::fmt::Debug>(
    stream: &mut (impl Stream<Item = Result<SSE, E>> + Unpin),
) -> (String, String) {
    loop {
        if let Ok(SSE::Event(event)) = stream.next().await.expect("another connection") {
            return (event.event_type, event.data);
        }
    }
}

async fn changes<E: std::fmt::Debug>(
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

fn refused<T: std::fmt::Debug, E: std::fmt::Debug>(answer: Result<T, Error<E>>) -> Problem {
    match answer {
        Err(Error::ResponseError(refusal)) => serde_json::from_str(&refusal.content).unwrap(),
        other => panic!("not refused: {other:?}"),
    }
}
