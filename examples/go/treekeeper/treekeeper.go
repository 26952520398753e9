// Package treekeeper is what the examples share: a request to treekeeper, and a session. Only the standard library is used.
//
// Times are on the monotonic clock, as time.Now has it, which nobody can set. It may stand still while the machine is
// suspended: fences are for that.
package treekeeper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// Refused says that the server says no, and in Code why: nothing has happened. Any other error of Call means that it is to
// be asked again: there was no answer, and whether it was done is not known, or the server asks for time.
type Refused struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (refused *Refused) Error() string { return refused.Detail }

// IsRefused tells whether this is a refusal with this code, or with any where none is given.
func IsRefused(err error, code string) bool {
	var refused *Refused
	return errors.As(err, &refused) && (code == "" || refused.Code == code)
}

// Headers are those of one request.
type Headers map[string]string

// Call makes one request. The body is sent as it is when it is text, and else as JSON; the answer is read into `into`,
// unless that is nil.
func Call(ctx context.Context, method, target string, headers Headers, body, into any) error {
	content, err := encoded(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, endpoint()+target, bytes.NewReader(content))
	if err != nil {
		return err
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 400 {
		return problem(response)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func encoded(body any) ([]byte, error) {
	switch content := body.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(content), nil
	default:
		return json.Marshal(content)
	}
}

func problem(response *http.Response) error {
	refused := &Refused{}
	if err := json.NewDecoder(response.Body).Decode(refused); err != nil {
		return err
	}
	if response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable {
		return fmt.Errorf("later: %s", refused.Detail)
	}
	return refused
}

func endpoint() string {
	if named := os.Getenv("TREEKEEPER_ENDPOINT"); named != "" {
		return named
	}
	return "http://127.0.0.1:2281"
}

// Session lives as long as it is renewed, and what belongs to it lives no longer.
type Session struct {
	Headers    Headers
	Timeout    time.Duration
	target     string
	validUntil atomic.Pointer[time.Time]
}

type lifetime struct {
	ID         string `json:"id"`
	Token      string `json:"token"`
	TimeoutMs  int64  `json:"timeoutMs"`
	ValidForMs int64  `json:"validForMs"`
}

// Open opens a session.
func Open(ctx context.Context, name string, timeout time.Duration) (*Session, error) {
	sent := time.Now()
	var answer lifetime
	body := map[string]any{"name": name, "timeoutMs": timeout.Milliseconds()}
	if err := Call(ctx, "POST", "/v1/sessions", nil, body, &answer); err != nil {
		return nil, err
	}
	session := &Session{
		Headers: Headers{"Session-Token": answer.Token},
		Timeout: time.Duration(answer.TimeoutMs) * time.Millisecond,
		target:  "/v1/sessions/" + answer.ID,
	}
	session.renewed(sent, answer)
	return session, nil
}

// Renew is Refused with the code session_expired when the session has ended.
func (session *Session) Renew(ctx context.Context) error {
	sent := time.Now()
	within, cancel := context.WithTimeout(ctx, max(session.ValidFor(), 100*time.Millisecond))
	defer cancel()
	var answer lifetime
	if err := Call(within, "PUT", session.target, session.Headers, nil, &answer); err != nil {
		return err
	}
	session.renewed(sent, answer)
	return nil
}

// Counted from the sending: the server may have begun to count then, and the answer may have been long on its way.
func (session *Session) renewed(sent time.Time, answer lifetime) {
	until := sent.Add(time.Duration(answer.ValidForMs) * time.Millisecond)
	session.validUntil.Store(&until)
}

// ValidFor is how long it certainly lives.
func (session *Session) ValidFor() time.Duration {
	return time.Until(*session.validUntil.Load())
}

// Close ends it, and all that belongs to it.
func (session *Session) Close(ctx context.Context) error {
	return Call(ctx, "DELETE", session.target, session.Headers, nil, nil)
}

// Pause waits, and tells whether all of the time has passed: not when the context ends first.
func Pause(ctx context.Context, duration time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(duration):
		return true
	}
}
