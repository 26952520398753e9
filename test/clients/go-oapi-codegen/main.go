// The scenario of ../steps.ts with the client that oapi-codegen makes.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/tmaxmax/go-sse"

	"scenario/treekeeper"
)

const octets = "application/octet-stream"

type scenario struct {
	ctx     context.Context
	client  *treekeeper.ClientWithResponses
	session *treekeeper.OpenedSession
}

func main() {
	endpoint := os.Getenv("TREEKEEPER_ENDPOINT")
	client, err := treekeeper.NewClientWithResponses(endpoint)
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

	closed, err := client.CloseSessionWithResponse(s.ctx, s.session.Id, &treekeeper.CloseSessionParams{SessionToken: s.session.Token})
	check(err)
	expect("close", closed.StatusCode(), http.StatusNoContent)
	for _, path := range numbered {
		expect(path+" is there", s.exists(path), false)
	}
	ok("close")
}

func (s *scenario) open() *treekeeper.OpenedSession {
	opened, err := s.client.OpenSessionWithResponse(s.ctx, nil, treekeeper.SessionRequest{TimeoutMs: pointer[int64](60_000)})
	check(err)
	return good(opened.JSON201, opened.Body)
}

func (s *scenario) create(path string, data []byte, params treekeeper.CreateZnodeParams) string {
	created, err := s.client.CreateZnodeWithBodyWithResponse(s.ctx, path, &params, octets, bytes.NewReader(data))
	check(err)
	return good(created.JSON201, created.Body).Path
}

func (s *scenario) set(path string, data []byte, params treekeeper.SetZnodeParams) *treekeeper.SetZnodeResponse {
	answer, err := s.client.SetZnodeWithBodyWithResponse(s.ctx, path, &params, octets, bytes.NewReader(data))
	check(err)
	return answer
}

func (s *scenario) stat(path string) *treekeeper.Stat {
	znode, err := s.client.GetZnodeWithResponse(s.ctx, path, nil)
	check(err)
	return good(znode.JSON200, znode.Body).Stat
}

func (s *scenario) exists(path string) bool {
	answer, err := s.client.ExistsZnodeWithResponse(s.ctx, path, nil)
	check(err)
	expect("status", answer.StatusCode() == http.StatusOK || answer.StatusCode() == http.StatusNotFound, true)
	return answer.StatusCode() == http.StatusOK
}

// --- the steps

func (s *scenario) sequence() []string {
	folder := "/clients/中文 路径/v1.2/a b"
	s.create(folder, nil, treekeeper.CreateZnodeParams{Parents: pointer(true)})
	var numbered []string
	for range 2 {
		numbered = append(numbered, s.create(folder+"/n-", nil, treekeeper.CreateZnodeParams{
			Ephemeral:    pointer(true),
			Sequential:   pointer(true),
			SessionToken: &s.session.Token,
		}))
	}
	expect("names", numbered, []string{folder + "/n-0000000000", folder + "/n-0000000001"})
	expect("owner", *s.stat(numbered[1]).EphemeralOwner, s.session.Id)
	ok("sequence")
	return numbered
}

func (s *scenario) data() {
	everyByte := make([]byte, 256)
	for index := range everyByte {
		everyByte[index] = byte(index)
	}
	s.create("/clients/binary", everyByte, treekeeper.CreateZnodeParams{})
	read, err := s.client.GetDataWithResponse(s.ctx, "/clients/binary", nil)
	check(err)
	expect("status", read.StatusCode(), http.StatusOK)
	expect("bytes", read.Body, everyByte)
	ok("binary")

	expect("exists", s.exists("/clients/binary"), true)
	expect("exists", s.exists("/clients/nothing"), false)
	ok("exists")

	refused := s.set("/clients/binary", []byte("late"), treekeeper.SetZnodeParams{Version: pointer[int64](7)})
	expect("code", good(refused.ApplicationproblemJSON412, refused.Body).Code, "bad_version")
	ok("conflict")
}

func (s *scenario) transaction() {
	operations := make([]treekeeper.TransactionOperation, 4)
	check(operations[0].FromCheckOperation(treekeeper.CheckOperation{Path: "/clients", Exists: pointer(true)}))
	check(operations[1].FromCreateOperation(treekeeper.CreateOperation{Path: "/clients/t", Data: pointer("made")}))
	check(operations[2].FromSetOperation(treekeeper.SetOperation{Path: "/clients/nothing", Data: pointer("lost")}))
	check(operations[3].FromDeleteOperation(treekeeper.DeleteOperation{Path: "/clients/t"}))
	answer, err := s.client.TransactWithResponse(s.ctx, nil, treekeeper.TransactionRequest{Operations: operations})
	check(err)
	problem := good(answer.ApplicationproblemJSON404, answer.Body)
	expect("code", problem.Code, "no_node")
	expect("failed operation", *problem.FailedOperation, 2)
	var fates []string
	for _, fate := range *problem.Results {
		fates = append(fates, fate.Code)
	}
	expect("fates", fates, []string{"rolled_back", "rolled_back", "no_node", "not_evaluated"})
	expect("exists", s.exists("/clients/t"), false)
	ok("transaction")
}

func (s *scenario) lists() {
	for number := range 7 {
		s.create(fmt.Sprintf("/clients/pages/c%d", number), nil, treekeeper.CreateZnodeParams{Parents: pointer(true)})
	}
	var pages [][]string
	for after, more := (*string)(nil), true; more; more = after != nil {
		listed, err := s.client.ListChildrenWithResponse(s.ctx, "/clients/pages",
			&treekeeper.ListChildrenParams{Limit: pointer[int32](3), After: after})
		check(err)
		page := good(listed.JSON200, listed.Body)
		pages = append(pages, page.Children)
		after = page.Next
	}
	expect("pages", pages, [][]string{{"c0", "c1", "c2"}, {"c3", "c4", "c5"}, {"c6"}})
	ok("paging")

	age := time.Since(time.UnixMilli(s.stat("/clients").CtimeMs))
	expect("age", age > -time.Minute && age < time.Minute, true)
	ok("int64")
}

func (s *scenario) lock() {
	rival := s.open()
	held := s.claim(s.session.Token, treekeeper.ClaimRequest{}).JSON201
	expect("state", held.State, treekeeper.TakenClaimStateHeld)
	answer := s.claim(rival.Token, treekeeper.ClaimRequest{WaitMs: pointer[int32](100)})
	waiting := good(answer.JSON202, answer.Body)
	expect("state", waiting.State, treekeeper.TakenClaimStateWaiting)
	expect("position", *waiting.Position, 1)
	released, err := s.client.ReleaseClaimWithResponse(s.ctx, "scenario", held.Id,
		&treekeeper.ReleaseClaimParams{SessionToken: &s.session.Token})
	check(err)
	expect("release", released.StatusCode(), http.StatusNoContent)
	standing, err := s.client.GetClaimWithResponse(s.ctx, "scenario", waiting.Id,
		&treekeeper.GetClaimParams{WaitMs: pointer[int32](5_000), SessionToken: &rival.Token})
	check(err)
	expect("state", good(standing.JSON200, standing.Body).State, treekeeper.ClaimStandingStateHeld)
	ok("lock")
}

func (s *scenario) claim(token string, request treekeeper.ClaimRequest) *treekeeper.ClaimLockResponse {
	answer, err := s.client.ClaimLockWithResponse(s.ctx, "scenario", &treekeeper.ClaimLockParams{SessionToken: token}, request)
	check(err)
	return answer
}

func (s *scenario) service() {
	for id, tags := range map[string][]string{"one": {"blue", "small"}, "two": {"green"}} {
		registered, err := s.client.RegisterInstanceWithResponse(s.ctx, "echo", id,
			&treekeeper.RegisterInstanceParams{SessionToken: s.session.Token},
			treekeeper.InstanceRequest{Address: "10.0.0.1", Port: 8080, Tags: &tags})
		check(err)
		good(registered.JSON201, registered.Body)
	}
	listed, err := s.client.GetServiceWithResponse(s.ctx, "echo", &treekeeper.GetServiceParams{Tag: &[]string{"blue"}})
	check(err)
	instances := good(listed.JSON200, listed.Body).Instances
	expect("instances", len(instances), 1)
	expect("id", instances[0].Id, "one")
	ok("service")
}

func (s *scenario) watch(endpoint string) {
	path := "/clients/watched"
	s.create(path, nil, treekeeper.CreateZnodeParams{})
	request, err := treekeeper.NewWatchRequest(endpoint, &treekeeper.WatchParams{Path: []string{path}})
	check(err)
	synced := make(chan bool, 1)
	told := make(chan string, 100)
	stream := sse.NewConnection(request)
	stream.SubscribeEvent("synced", func(sse.Event) { synced <- true })
	stream.SubscribeEvent("change", func(event sse.Event) {
		var change treekeeper.WatchChange
		check(json.Unmarshal([]byte(event.Data), &change))
		for _, happened := range change.Events {
			told <- *happened.Data
		}
	})
	go func() { check(stream.Connect()) }()

	<-synced
	for _, values := range [][]string{{"1", "2", "3"}, {"4", "5", "6"}} {
		for _, value := range values {
			answer := s.set(path, []byte(value), treekeeper.SetZnodeParams{})
			good(answer.JSON200, answer.Body)
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
func good[T any](answer *T, body []byte) *T {
	if answer == nil {
		fail(fmt.Sprintf("another answer: %s", body))
	}
	return answer
}

func pointer[T any](value T) *T { return &value }

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func expect[T any](what string, actual, expected T) {
	if fmt.Sprint(actual) != fmt.Sprint(expected) {
		fail(fmt.Sprintf("%s: %v, not %v", what, actual, expected))
	}
}

func fail(reason string) {
	panic(reason)
}
