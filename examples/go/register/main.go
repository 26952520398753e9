// A service that can be found while it lives.
//
//	go run ./register ID
//
// It serves on a free port and registers as an instance of the service `hello`. On SIGTERM it is taken from the list before
// it stops to serve. When it is killed, it is gone from the list when its session ends. When it was stopped or cut off for
// longer than that, it registers again as soon as it can.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"treekeeper.example/treekeeper"
)

const (
	sessionTimeout = 3 * time.Second
	retryAfter     = 500 * time.Millisecond
	answerWithin   = 5 * time.Second
)

type instance struct {
	Address string `json:"address"`
	Port    int    `json:"port"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: register ID")
		os.Exit(2)
	}
	id := os.Args[1]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go http.Serve(listener, http.HandlerFunc(hello))
	address := listener.Addr().(*net.TCPAddr)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	for ctx.Err() == nil {
		// Whatever ends this round, the next begins with a session of its own. The old one ends by itself.
		if err := stayRegistered(ctx, id, instance{address.IP.String(), address.Port}); err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", id, err)
			treekeeper.Pause(ctx, retryAfter)
		}
	}
}

func hello(response http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(response, "hello")
}

// stayRegistered returns when ctx ends, or with an error when the session has ended, or may have.
func stayRegistered(ctx context.Context, id string, self instance) error {
	session, err := treekeeper.Open(ctx, "hello/"+id, sessionTimeout)
	if err != nil {
		return err
	}
	err = register(ctx, session, id, self)
	for err == nil && treekeeper.Pause(ctx, session.Timeout/3) {
		err = keep(ctx, session)
	}
	if ctx.Err() != nil {
		return leave(session, id)
	}
	return err
}

// register tries again while the id is taken: who crashed and is back finds its own there until its old session has ended.
// Where no answer came it may be registered; saying so again changes nothing then.
func register(ctx context.Context, session *treekeeper.Session, id string, self instance) error {
	for {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		err := treekeeper.Call(within, "PUT", "/v1/services/hello/instances/"+id, session.Headers, self, nil)
		cancel()
		if err == nil {
			fmt.Printf("%s: registered at %s:%d\n", id, self.Address, self.Port)
			return nil
		}
		if treekeeper.IsRefused(err, "") && !treekeeper.IsRefused(err, "not_holder") {
			return err
		}
		treekeeper.Pause(ctx, retryAfter)
		if err := keep(ctx, session); err != nil {
			return err
		}
	}
}

// keep renews the session. A server that is silent is asked again while the session may live.
func keep(ctx context.Context, session *treekeeper.Session) error {
	for {
		err := session.Renew(ctx)
		if err == nil || treekeeper.IsRefused(err, "") || session.ValidFor() < 0 {
			return err
		}
		if !treekeeper.Pause(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// With the session goes the instance, now if the server can be reached.
func leave(session *treekeeper.Session, id string) error {
	within, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	if err := session.Close(within); err != nil {
		return err
	}
	fmt.Printf("%s: no longer registered\n", id)
	return nil
}
