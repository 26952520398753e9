// The scenario of ../steps.ts with the client that OpenAPI Generator makes for Java's own HTTP client.

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.launchdarkly.eventsource.ConnectStrategy;
import com.launchdarkly.eventsource.ErrorStrategy;
import com.launchdarkly.eventsource.EventSource;
import com.launchdarkly.eventsource.MessageEvent;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import treekeeper.ApiClient;
import treekeeper.ApiException;
import treekeeper.api.LocksApi;
import treekeeper.api.LocksApi.APIClaimLockRequest;
import treekeeper.api.LocksApi.APIGetClaimRequest;
import treekeeper.api.LocksApi.APIReleaseClaimRequest;
import treekeeper.api.ServicesApi;
import treekeeper.api.ServicesApi.APIGetServiceRequest;
import treekeeper.api.ServicesApi.APIRegisterInstanceRequest;
import treekeeper.api.SessionsApi;
import treekeeper.api.SessionsApi.APICloseSessionRequest;
import treekeeper.api.SessionsApi.APIOpenSessionRequest;
import treekeeper.api.TransactionsApi;
import treekeeper.api.TransactionsApi.APITransactRequest;
import treekeeper.api.ZnodesApi;
import treekeeper.api.ZnodesApi.APICreateZnodeRequest;
import treekeeper.api.ZnodesApi.APIExistsZnodeRequest;
import treekeeper.api.ZnodesApi.APIGetDataRequest;
import treekeeper.api.ZnodesApi.APIGetZnodeRequest;
import treekeeper.api.ZnodesApi.APIListChildrenRequest;
import treekeeper.api.ZnodesApi.APISetZnodeRequest;
import treekeeper.model.CheckOperation;
import treekeeper.model.ChildrenPage;
import treekeeper.model.ClaimRequest;
import treekeeper.model.ClaimStanding;
import treekeeper.model.CreateOperation;
import treekeeper.model.DeleteOperation;
import treekeeper.model.Instance;
import treekeeper.model.InstanceRequest;
import treekeeper.model.OpenedSession;
import treekeeper.model.OperationFate;
import treekeeper.model.Problem;
import treekeeper.model.SessionRequest;
import treekeeper.model.SetOperation;
import treekeeper.model.Stat;
import treekeeper.model.TakenClaim;
import treekeeper.model.TransactionOperation;
import treekeeper.model.TransactionRequest;
import treekeeper.model.WatchChange;
import treekeeper.model.WatchEvent;

public final class Scenario {
  private final String endpoint = System.getenv("TREEKEEPER_ENDPOINT");
  private final ApiClient client = new ApiClient();
  private final ObjectMapper json = new Bytes(ApiClient.createDefaultObjectMapper());
  private final SessionsApi sessions;
  private final ZnodesApi znodes;
  private final OpenedSession session;

  public static void main(String[] arguments) throws Exception {
    new Scenario().run();
    System.exit(0);
  }

  private Scenario() throws ApiException {
    client.updateBaseUri(endpoint);
    client.setObjectMapper(json);
    sessions = new SessionsApi(client);
    znodes = new ZnodesApi(client);
    session = open();
  }

  private void run() throws Exception {
    expect("validity", session.getValidForMs() > 0 && session.getValidForMs() <= 60_000, true);
    ok("session");
    List<String> numbered = sequence();
    data();
    transaction();
    lists();
    lock();
    service();
    watch();
    sessions.closeSession(
        APICloseSessionRequest.newBuilder().id(session.getId()).sessionToken(session.getToken()).build());
    for (String path : numbered) expect(path + " is there", exists(path), false);
    ok("close");
  }

  /**
   * The native library makes JSON of bodies that are bytes, and of those that are left out (OpenAPITools/openapi-generator, issue
   * 17801). This sends what is in the file instead of its name.
   */
  private static final class Bytes extends ObjectMapper {
    Bytes(ObjectMapper mapper) {
      super(mapper);
    }

    @Override
    public ObjectMapper copy() {
      return new Bytes(this);
    }

    @Override
    public byte[] writeValueAsBytes(Object body) throws JsonProcessingException {
      if (body == null) return new byte[0];
      if (!(body instanceof File file)) return super.writeValueAsBytes(body);
      try {
        return Files.readAllBytes(file.toPath());
      } catch (IOException error) {
        throw JsonMappingException.fromUnexpectedIOE(error);
      }
    }
  }

  // --- the steps

  private List<String> sequence() throws Exception {
    String folder = "/clients/中文 路径/v1.2/a b";
    create(folder);
    List<String> numbered = new ArrayList<>();
    for (int count = 0; count < 2; count++) {
      APICreateZnodeRequest request =
          APICreateZnodeRequest.newBuilder()
              .path(folder + "/n-")
              .ephemeral(true)
              .sequential(true)
              .sessionToken(session.getToken())
              .build();
      numbered.add(znodes.createZnode(request).getPath());
    }
    expect("names", numbered, List.of(folder + "/n-0000000000", folder + "/n-0000000001"));
    expect("owner", stat(numbered.get(1)).getEphemeralOwner(), session.getId());
    ok("sequence");
    return numbered;
  }

  private void data() throws Exception {
    byte[] everyByte = new byte[256];
    for (int index = 0; index < everyByte.length; index++) everyByte[index] = (byte) index;
    znodes.createZnode(APICreateZnodeRequest.newBuilder().path("/clients/binary").body(file(everyByte)).build());
    File read = znodes.getData(APIGetDataRequest.newBuilder().path("/clients/binary").build());
    expect("bytes", bytes(Files.readAllBytes(read.toPath())), bytes(everyByte));
    ok("binary");

    expect("exists", exists("/clients/binary"), true);
    expect("exists", exists("/clients/nothing"), false);
    ok("exists");

    APISetZnodeRequest late =
        APISetZnodeRequest.newBuilder().path("/clients/binary").version(7L).body(file("late")).build();
    expect("code", refused(() -> znodes.setZnode(late)).getCode(), "bad_version");
    ok("conflict");
  }

  private void transaction() throws Exception {
    TransactionRequest operations =
        new TransactionRequest()
            .addOperationsItem(
                new TransactionOperation(
                    new CheckOperation().op(CheckOperation.OpEnum.CHECK).path("/clients").exists(true)))
            .addOperationsItem(
                new TransactionOperation(
                    new CreateOperation().op(CreateOperation.OpEnum.CREATE).path("/clients/t").data("made")))
            .addOperationsItem(
                new TransactionOperation(
                    new SetOperation().op(SetOperation.OpEnum.SET).path("/clients/nothing").data("lost")))
            .addOperationsItem(
                new TransactionOperation(
                    new DeleteOperation().op(DeleteOperation.OpEnum.DELETE).path("/clients/t")));
    APITransactRequest request = APITransactRequest.newBuilder().transactionRequest(operations).build();
    Problem problem = refused(() -> new TransactionsApi(client).transact(request));
    expect("code", problem.getCode(), "no_node");
    expect("failed operation", problem.getFailedOperation(), 2L);
    List<String> fates = problem.getResults().stream().map(OperationFate::getCode).toList();
    expect("fates", fates, List.of("rolled_back", "rolled_back", "no_node", "not_evaluated"));
    expect("exists", exists("/clients/t"), false);
    ok("transaction");
  }

  private void lists() throws Exception {
    for (int number = 0; number < 7; number++) create("/clients/pages/c" + number);
    List<List<String>> pages = new ArrayList<>();
    String after = null;
    do {
      ChildrenPage page =
          znodes.listChildren(
              APIListChildrenRequest.newBuilder().path("/clients/pages").limit(3).after(after).build());
      pages.add(page.getChildren());
      after = page.getNext();
    } while (after != null);
    expect("pages", pages, List.of(List.of("c0", "c1", "c2"), List.of("c3", "c4", "c5"), List.of("c6")));
    ok("paging");

    long age = System.currentTimeMillis() - stat("/clients").getCtimeMs();
    expect("age", Math.abs(age) < 60_000, true);
    ok("int64");
  }

  private void lock() throws Exception {
    LocksApi locks = new LocksApi(client);
    OpenedSession rival = open();
    TakenClaim held = locks.claimLock(claim(session, new ClaimRequest()));
    expect("state", held.getState(), TakenClaim.StateEnum.HELD);
    TakenClaim waiting = locks.claimLock(claim(rival, new ClaimRequest().waitMs(100)));
    expect("state", waiting.getState(), TakenClaim.StateEnum.WAITING);
    expect("position", waiting.getPosition(), 1L);
    locks.releaseClaim(
        APIReleaseClaimRequest.newBuilder()
            .name("scenario")
            .id(held.getId())
            .sessionToken(session.getToken())
            .build());
    ClaimStanding standing =
        locks.getClaim(
            APIGetClaimRequest.newBuilder()
                .name("scenario")
                .id(waiting.getId())
                .waitMs(5_000)
                .sessionToken(rival.getToken())
                .build());
    expect("state", standing.getState(), ClaimStanding.StateEnum.HELD);
    ok("lock");
  }

  private static APIClaimLockRequest claim(OpenedSession session, ClaimRequest request) {
    return APIClaimLockRequest.newBuilder()
        .name("scenario")
        .sessionToken(session.getToken())
        .claimRequest(request)
        .build();
  }

  private void service() throws Exception {
    ServicesApi services = new ServicesApi(client);
    register(services, "one", List.of("blue", "small"));
    register(services, "two", List.of("green"));
    List<Instance> instances =
        services
            .getService(APIGetServiceRequest.newBuilder().service("echo").tag(List.of("blue")).build())
            .getInstances();
    expect("instances", instances.stream().map(Instance::getId).toList(), List.of("one"));
    ok("service");
  }

  private void register(ServicesApi services, String id, List<String> tags) throws ApiException {
    services.registerInstance(
        APIRegisterInstanceRequest.newBuilder()
            .service("echo")
            .id(id)
            .sessionToken(session.getToken())
            .instanceRequest(new InstanceRequest().address("10.0.0.1").port(8080).tags(tags))
            .build());
  }

  private void watch() throws Exception {
    String path = "/clients/watched";
    create(path);
    URI address = URI.create(endpoint + "/v1/watch?path=" + URLEncoder.encode(path, StandardCharsets.UTF_8));
    try (EventSource stream =
        new EventSource.Builder(ConnectStrategy.http(address)).errorStrategy(ErrorStrategy.alwaysContinue()).build()) {
      while (!stream.readMessage().getEventName().equals("synced"));
      for (List<String> values : List.of(List.of("1", "2", "3"), List.of("4", "5", "6"))) {
        for (String value : values) {
          znodes.setZnode(APISetZnodeRequest.newBuilder().path(path).body(file(value)).build());
        }
        expect("changes", changes(stream, 3), values);
        if (values.get(0).equals("1")) killServer();
      }
    }
    ok("watch");
  }

  private List<String> changes(EventSource stream, int count) throws Exception {
    List<String> told = new ArrayList<>();
    while (told.size() < count) {
      MessageEvent event = stream.readMessage();
      if (!event.getEventName().equals("change")) continue;
      WatchChange change = json.readValue(event.getData(), WatchChange.class);
      for (WatchEvent happened : change.getEvents()) told.add(happened.getData());
    }
    return told;
  }

  // --- what the steps share

  private OpenedSession open() throws ApiException {
    SessionRequest request = new SessionRequest().timeoutMs(60_000L);
    return sessions.openSession(APIOpenSessionRequest.newBuilder().sessionRequest(request).build());
  }

  private void create(String path) throws ApiException {
    znodes.createZnode(APICreateZnodeRequest.newBuilder().path(path).parents(true).build());
  }

  private Stat stat(String path) throws ApiException {
    return znodes.getZnode(APIGetZnodeRequest.newBuilder().path(path).build()).getStat();
  }

  private boolean exists(String path) throws ApiException {
    try {
      znodes.existsZnode(APIExistsZnodeRequest.newBuilder().path(path).build());
      return true;
    } catch (ApiException refusal) {
      if (refusal.getCode() != 404) throw refusal;
      return false;
    }
  }

  private static File file(String text) throws IOException {
    return file(text.getBytes(StandardCharsets.UTF_8));
  }

  private static File file(byte[] data) throws IOException {
    File file = File.createTempFile("scenario", null);
    file.deleteOnExit();
    Files.write(file.toPath(), data);
    return file;
  }

  // --- what any scenario needs

  private interface Call {
    Object answer() throws ApiException;
  }

  private Problem refused(Call call) throws IOException {
    try {
      throw new AssertionError("not refused: " + call.answer());
    } catch (ApiException refusal) {
      return json.readValue(refusal.getResponseBody(), Problem.class);
    }
  }

  private static void killServer() throws IOException {
    System.out.println("kill me");
    String line = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).readLine();
    expect("server", line, "killed and back");
  }

  private static void ok(String step) {
    System.out.println("ok " + step);
  }

  private static List<Byte> bytes(byte[] array) {
    List<Byte> list = new ArrayList<>();
    for (byte item : array) list.add(item);
    return list;
  }

  private static void expect(String what, Object actual, Object expected) {
    if (!Objects.equals(actual, expected)) throw new AssertionError(what + ": " + actual + ", not " + expected);
  }
}
