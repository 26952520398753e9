// The scenario of ../steps.ts with the client that ogen makes.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/ogen-go/ogen/ogenerrors"
	"github.com/tmaxmax/go-sse"

	"scenario/treekeeper"
)

type scenario struct {
	ctx     context.Context
	client  *treekeeper.Client
	session *treekeeper.OpenedSession
}

// Each call says for which session it is, if for any: there are two. Nobody asks who they are.
type perCall struct{}

func (perCall) BearerToken(context.Context, treekeeper.OperationName) (treekeeper.BearerToken, error) {
	return treekeeper.BearerToken{}, ogenerrors.ErrSkipClientSecurity
}

func (perCall) SessionToken(context.Context, treekeeper.OperationName) (treekeeper.SessionToken, error) {
	return treekeeper.SessionToken{}, ogenerrors.ErrSkipClientSecurity
}

func main() {
	endpoint := os.Getenv("TREEKEEPER_ENDPOINT")
	client, err := treekeeper.NewClient(endpoint, perCall{})
	check(err)
	s := &scenario{ctx: context.Background(), client: client}
	s.session = s.open()
	expect("validity", s.session.ValidForMs > 0 && s.session.ValidForMs <= 60_000, true)
	ok("session")

	numbered := s.sequence()
	s.data()
	s.transaction()
	s.lists()
	s.lock()
	s.service()
	s.watch(endpoint)

	closed, err := client.CloseSession(s.ctx, treekeeper.CloseSessionParams{ID: s.session.ID, SessionToken: s.session.Token})
	good[*treekeeper.CloseSessionNoContent](closed, err)
	for _, path := range numbered {
		expect(path+" is there", s.exists(path), false)
	}
	ok("close")
}

func (s *scenario) open() *treekeeper.OpenedSession {
	request := treekeeper.NewOptSessionRequest(treekeeper.SessionRequest{TimeoutMs: treekeeper.NewOptInt64(60_000)})
	opened, err := s.client.OpenSession(s.ctx, request, treekeeper.OpenSessionParams{})
	return &good[*treekeeper.OpenedSessionHeaders](opened, err).Response
}

func (s *scenario) create(data []byte, params treekeeper.CreateZnodeParams) string {
	created, err := s.client.CreateZnode(s.ctx, treekeeper.CreateZnodeReq{Data: bytes.NewReader(data)}, params)
	return good[*treekeeper.CreateZnodeCreatedHeaders](created, err).Response.Path
}

func (s *scenario) set(data string, params treekeeper.SetZnodeParams) (treekeeper.SetZnodeRes, error) {
	return s.client.SetZnode(s.ctx, treekeeper.SetZnodeReq{Data: bytes.NewReader([]byte(data))}, params)
}

func (s *scenario) stat(path string) treekeeper.Stat {
	znode, err := s.client.GetZnode(s.ctx, treekeeper.GetZnodeParams{Path: path})
	return good[*treekeeper.ZnodeHeaders](znode, err).Response.Stat.Value
}

func (s *scenario) exists(path string) bool {
	answer, err := s.client.ExistsZnode(s.ctx, treekeeper.ExistsZnodeParams{Path: path})
	if _, isMissing := answer.(*treekeeper.ExistsZnodeNotFound); isMissing {
		return false
	}
	good[*treekeeper.ExistsZnodeOK](answer, err)
	return true
}

// --- the steps

func (s *scenario) sequence() []string {
	folder := "/clients/中文 路径/v1.2/a b"
	s.create(nil, treekeeper.CreateZnodeParams{Path: folder, Parents: treekeeper.NewOptBool(true)})
	var numbered []string
	for range 2 {
		numbered = append(numbered, s.create(nil, treekeeper.CreateZnodeParams{
			Path:         folder + "/n-",
			Ephemeral:    treekeeper.NewOptBool(true),
			Sequential:   treekeeper.NewOptBool(true),
			SessionToken: treekeeper.NewOptString(s.session.Token),
		}))
	}
	expect("names", numbered, []string{folder + "/n-0000000000", folder + "/n-0000000001"})
	expect("owner", s.stat(numbered[1]).EphemeralOwner.Value, s.session.ID)
	ok("sequence")
	return numbered
}

func (s *scenario) data() {
	everyByte := make([]byte, 256)
	for index := range everyByte {
		everyByte[index] = byte(index)
	}
	s.create(everyByte, treekeeper.CreateZnodeParams{Path: "/clients/binary"})
	answer, err := s.client.GetData(s.ctx, treekeeper.GetDataParams{Path: "/clients/binary"})
	read, err := io.ReadAll(good[*treekeeper.GetDataOKHeaders](answer, err).Response)
	check(err)
	expect("bytes", read, everyByte)
	ok("binary")

	expect("exists", s.exists("/clients/binary"), true)
	expect("exists", s.exists("/clients/nothing"), false)
	ok("exists")

	refused, err := s.set("late", treekeeper.SetZnodeParams{Path: "/clients/binary", Version: treekeeper.NewOptInt64(7)})
	expect("code", good[*treekeeper.BadVersionHeaders](refused, err).Response.Code, "bad_version")
	ok("conflict")
}

func (s *scenario) transaction() {
	operations := []treekeeper.TransactionOperation{
		treekeeper.NewCheckOperationTransactionOperation(
			treekeeper.CheckOperation{Path: "/clients", Exists: treekeeper.NewOptBool(true)}),
		treekeeper.NewCreateOperationTransactionOperation(
			treekeeper.CreateOperation{Path: "/clients/t", Data: treekeeper.NewOptNilString("made")}),
		treekeeper.NewSetOperationTransactionOperation(
			treekeeper.SetOperation{Path: "/clients/nothing", Data: treekeeper.NewOptNilString("lost")}),
		treekeeper.NewDeleteOperationTransactionOperation(treekeeper.DeleteOperation{Path: "/clients/t"}),
	}
	answer, err := s.client.Transact(s.ctx, &treekeeper.TransactionRequest{Operations: operations}, treekeeper.TransactParams{})
	problem := good[*treekeeper.NoNodeHeaders](answer, err).Response
	expect("code", problem.Code, "no_node")
	expect("failed operation", problem.FailedOperation.Value, 2)
	var fates []string
	for _, fate := range problem.Results {
		fates = append(fates, fate.Code)
	}
	expect("fates", fates, []string{"rolled_back", "rolled_back", "no_node", "not_evaluated"})
	expect("exists", s.exists("/clients/t"), false)
	ok("transaction")
}

func (s *scenario) lists() {
	for number := range 7 {
		path := fmt.Sprintf("/clients/pages/c%d", number)
		s.create(nil, treekeeper.CreateZnodeParams{Path: path, Parents: treekeeper.NewOptBool(true)})
	}
	params := treekeeper.ListChildrenParams{Path: "/clients/pages", Limit: treekeeper.NewOptInt32(3)}
	var pages [][]string
	for more := true; more; more = params.After.Set {
		listed, err := s.client.ListChildren(s.ctx, params)
		page := good[*treekeeper.ChildrenPageHeaders](listed, err).Response
		pages = append(pages, page.Children)
		params.After = page.Next
	}
	expect("pages", pages, [][]string{{"c0", "c1", "c2"}, {"c3", "c4", "c5"}, {"c6"}})
	ok("paging")

	age := time.Since(time.UnixMilli(s.stat("/clients").CtimeMs))
	expect("age", age > -time.Minute && age < time.Minute, true)
	ok("int64")
}

func (s *scenario) lock() {
	rival := s.open()
	answer, err := s.claim(s.session.Token, treekeeper.ClaimRequest{})
	held := good[*treekeeper.ClaimLockCreated](answer, err).Response
	expect("state", held.State, treekeeper.TakenClaimStateHeld)
	answer, err = s.claim(rival.Token, treekeeper.ClaimRequest{WaitMs: treekeeper.NewOptInt32(100)})
	waiting := good[*treekeeper.ClaimLockAccepted](answer, err).Response
	expect("state", waiting.State, treekeeper.TakenClaimStateWaiting)
	expect("position", waiting.Position.Value, 1)
	released, err := s.client.ReleaseClaim(s.ctx, treekeeper.ReleaseClaimParams{
		Name: "scenario", ID: held.ID, SessionToken: treekeeper.NewOptString(s.session.Token)})
	good[*treekeeper.ReleaseClaimNoContent](released, err)
	standing, err := s.client.GetClaim(s.ctx, treekeeper.GetClaimParams{
		Name: "scenario", ID: waiting.ID, WaitMs: treekeeper.NewOptInt32(5_000), SessionToken: treekeeper.NewOptString(rival.Token)})
	expect("state", good[*treekeeper.ClaimStandingHeaders](standing, err).Response.State, treekeeper.ClaimStandingStateHeld)
	ok("lock")
}

func (s *scenario) claim(token string, request treekeeper.ClaimRequest) (treekeeper.ClaimLockRes, error) {
	return s.client.ClaimLock(s.ctx, treekeeper.NewOptClaimRequest(request),
		treekeeper.ClaimLockParams{Name: "scenario", SessionToken: token})
}

func (s *scenario) service() {
	for id, tags := range map[string][]string{"one": {"blue", "small"}, "two": {"green"}} {
		registered, err := s.client.RegisterInstance(s.ctx,
			&treekeeper.InstanceRequest{Address: "10.0.0.1", Port: 8080, Tags: tags},
			treekeeper.RegisterInstanceParams{Service: "echo", ID: id, SessionToken: s.session.Token})
		good[*treekeeper.RegisterInstanceCreatedHeaders](registered, err)
	}
	listed, err := s.client.GetService(s.ctx, treekeeper.GetServiceParams{Service: "echo", Tag: []string{"blue"}})
	instances := good[*treekeeper.ServiceHeaders](listed, err).Response.Instances
	expect("instances", len(instances), 1)
	expect("id", instances[0].ID, "one")
	ok("service")
}

func (s *scenario) watch(endpoint string) {
	path := "/clients/watched"
	s.create(nil, treekeeper.CreateZnodeParams{Path: path})
	request, err := http.NewRequest("GET", endpoint+"/v1/watch?path="+url.QueryEscape(path), nil)
	check(err)
	synced := make(chan bool, 1)
	told := make(chan string, 100)
	// ogen makes types of what operations answer, and none of what their streams say.
	stream := sse.NewConnection(request)
	stream.SubscribeEvent("synced", func(sse.Event) { synced <- true })
	stream.SubscribeEvent("change", func(event sse.Event) {
		var change struct{ Events []struct{ Data string } }
		check(json.Unmarshal([]byte(event.Data), &change))
		for _, happened := range change.Events {
			told <- happened.Data
		}
	})
	go func() { check(stream.Connect()) }()

	<-synced
	for _, values := range [][]string{{"1", "2", "3"}, {"4", "5", "6"}} {
		for _, value := range values {
			answer, err := s.set(value, treekeeper.SetZnodeParams{Path: path})
			good[*treekeeper.SetZnodeOKHeaders](answer, err)
		}
		expect("changes", []string{<-told, <-told, <-told}, values)
		if values[0] == "1" {
			killServer()
		}
	}
	ok("watch")
}

// --- what any scenario needs

func killServer() {
	fmt.Println("kill me")
	var killed, and, back string
	fmt.Scanln(&killed, &and, &back)
	expect("server", killed+and+back, "killedandback")
}

func ok(step string) { fmt.Println("ok", step) }

// good is what a call has answered that is to succeed, or to fail in this way.
func good[T any](answer any, err error) T {
	check(err)
	typed, isRight := answer.(T)
	if !isRight {
		panic(fmt.Sprintf("another answer: %#v", answer))
	}
	return typed
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func expect[T any](what string, actual, expected T) {
	if fmt.Sprint(actual) != fmt.Sprint(expected) {
		panic(fmt.Sprintf("%s: %v, not %v", what, actual, expected))
	}
}
