// A batch job that several hosts start and one at a time does.
//
//	go run ./batchjob NAME
//
// Who is elected goes on where /batch-progress says, and adds 1 to it again and again. Two measures keep two jobs from
// working at the same time when one was stopped or cut off and does not know that another was elected:
//
//  1. It ends in time. A session is valid for so long, counted from when its renewal was *sent*. At the end of that time a
//     timer ends the process, whatever its other goroutines are doing.
//  2. What it had sent before and what arrives late is refused. Each write carries a fence, which the server checks in the
//     transaction that writes.
//
// It ends with 75 when somebody else is to go on. Let what started it start it again.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"treekeeper.example/treekeeper"
)

const (
	sessionTimeout = 3 * time.Second
	// What it does in the outside world between looking at the clock and being done has to fit in here.
	margin       = 500 * time.Millisecond
	waitFor      = 30 * time.Second
	answerWithin = 5 * time.Second
	retryAfter   = 100 * time.Millisecond
	progressPath = "/v1/znodes/batch-progress"
	deposed      = 75
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: batchjob NAME")
		os.Exit(2)
	}
	name := os.Args[1]
	session, err := treekeeper.Open(context.Background(), name, sessionTimeout)
	if err != nil {
		end(name, err)
	}
	go keep(session, name)
	fence, err := beElected(session, name)
	if err != nil {
		end(name, err)
	}
	fmt.Printf("%s: elected, with the fence %s\n", name, fence)
	end(name, work(name, fence))
}

// keep renews the session, beside the work. No answer is no reason to end before the time is up.
func keep(session *treekeeper.Session, name string) {
	timeIsUp := time.AfterFunc(session.ValidFor()-margin, func() {
		end(name, fmt.Errorf("time is up, %v before the session can have ended", session.ValidFor()))
	})
	for {
		err := session.Renew(context.Background())
		if treekeeper.IsRefused(err, "") {
			end(name, err)
		}
		if err != nil {
			time.Sleep(retryAfter)
			continue
		}
		timeIsUp.Reset(session.ValidFor() - margin)
		time.Sleep(session.Timeout / 6)
	}
}

// beElected waits until it leads, and returns the header `Fence` for what it writes then.
func beElected(session *treekeeper.Session, name string) (string, error) {
	stand := map[string]any{"value": name, "waitMs": waitFor.Milliseconds()}
	for {
		// Asking again does not stand again: it is the same candidate while the session lives.
		var candidate struct{ State, FenceHeader string }
		err := call("POST", "/v1/elections/batch/candidates", session.Headers, stand, &candidate, waitFor+answerWithin)
		if treekeeper.IsRefused(err, "") {
			return "", err
		}
		if err != nil {
			time.Sleep(retryAfter)
		} else if candidate.State == "leading" {
			return candidate.FenceHeader, nil
		}
	}
}

// work returns when it is somebody else's work now.
func work(name, fence string) error {
	done, err := progress()
	if err != nil {
		return err
	}
	for {
		time.Sleep(100 * time.Millisecond)
		// The same again where no answer came: it does not matter whether it was done before.
		step := fmt.Sprintf("%d by %s", done+1, name)
		err := call("PUT", progressPath+"?upsert=true", treekeeper.Headers{"Fence": fence}, step, nil, answerWithin)
		if treekeeper.IsRefused(err, "") {
			return err
		}
		if err == nil {
			done++
		}
	}
}

func progress() (int, error) {
	for {
		var znode struct{ Data string }
		err := call("GET", progressPath, nil, nil, &znode, answerWithin)
		if treekeeper.IsRefused(err, "no_node") {
			return 0, nil
		}
		if err == nil {
			done, _, _ := strings.Cut(znode.Data, " ")
			return strconv.Atoi(done)
		}
		if treekeeper.IsRefused(err, "") {
			return 0, err
		}
		time.Sleep(retryAfter)
	}
}

func call(method, target string, headers treekeeper.Headers, body, into any, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return treekeeper.Call(ctx, method, target, headers, body, into)
}

// All of the process, from whatever goroutine.
func end(name string, reason error) {
	fmt.Fprintf(os.Stderr, "%s: ends: %v\n", name, reason)
	os.Exit(deposed)
}
