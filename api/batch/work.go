package batch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/atomicfile"
)

// parallel is how many requests of a job are answered at once. The engine computes them together.
const parallel = 4

// A result is the answer to a request of a job, as a line of the file of results.
type result struct {
	Line int             `json:"line"`
	OK   bool            `json:"ok"`
	Why  string          `json:"why,omitempty"`
	Out  json.RawMessage `json:"out"` // what the client gets
}

// An output is an answer as the client gets it.
type output struct {
	ID       string    `json:"id"`
	CustomID *string   `json:"custom_id"`
	Response *response `json:"response"`
	Error    *string   `json:"error"`
}

type response struct {
	Status int             `json:"status_code"`
	Body   json.RawMessage `json:"body"`
}

// work answers the requests of a job that have no result yet. If ctx ends, the job stays as
// it is and continues with the next server.
func (b *Batch) work(ctx context.Context, h http.Handler, j *job) error {
	bounded, stop := context.WithDeadlineCause(ctx, j.deadline(), context.DeadlineExceeded)
	defer stop()
	within, cancel := context.WithCancelCause(bounded)
	defer cancel(nil)
	b.mu.Lock()
	b.cancel[j.ID] = cancel
	if j.Status == cancelling { // the server ended before the job did
		cancel(errCancelled)
	}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.cancel, j.ID)
		b.mu.Unlock()
	}()

	results, err := b.answers(within, h, j)
	cause := context.Cause(within)
	switch {
	case err != nil && cause == nil:
		return errors.Join(err, b.finish(j, failed, results, jobError{why(err), 1}))
	case cause == nil:
		return b.finish(j, success, results)
	case errors.Is(cause, errCancelled):
		return b.finish(j, cancelled, results)
	case errors.Is(cause, context.DeadlineExceeded) && ctx.Err() == nil:
		return b.finish(j, timedOut, results)
	}
	return nil // the server ends
}

// answers runs a job and returns all its results, in the order of the requests.
func (b *Batch) answers(ctx context.Context, h http.Handler, j *job) ([]result, error) {
	all, file, err := openResults(b.path(j.ID, resultsSuffix))
	if err != nil {
		return nil, fmt.Errorf("open the results: %w", err)
	}
	defer file.Close()
	done := map[int]bool{}
	started := j.StartedAt
	if started == nil {
		started = new(now())
	}
	err = b.update(j, func(j *job) {
		j.StartedAt, j.Completed, j.Succeeded, j.Failed = started, 0, 0, 0
		if j.Status == queued {
			j.Status = running
		}
		for _, r := range all {
			done[r.Line] = true
			j.count(r)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("store the job: %w", err)
	}

	var mu sync.Mutex // of what follows
	var broken error
	record := func(r result) {
		mu.Lock()
		defer mu.Unlock()
		line, err := json.Marshal(r)
		if err == nil && broken == nil {
			_, err = file.Write(append(line, '\n'))
		}
		if err != nil {
			broken = cmp.Or(broken, fmt.Errorf("store a result: %w", err))
			return
		}
		all = append(all, r)
		b.mu.Lock()
		j.count(r)
		b.mu.Unlock()
	}

	var group sync.WaitGroup
	defer group.Wait()
	places := make(chan struct{}, parallel)
	n := 0
	for _, id := range j.InputFiles {
		input, err := os.Open(b.path(id, dataSuffix))
		if err != nil {
			return nil, fmt.Errorf("read the requests: %w", err)
		}
		defer input.Close()
		for line, err := range lines(input) {
			if err != nil {
				return nil, fmt.Errorf("read the requests: %w", err)
			}
			number := n
			if n++; done[number] {
				continue
			}
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
			}
			mu.Lock()
			err := cmp.Or(broken, context.Cause(ctx))
			mu.Unlock()
			if err == nil {
				err = b.idle.wait(ctx)
			}
			if err != nil {
				group.Wait()
				return sorted(all), err
			}
			request := slices.Clone(line)
			group.Go(func() {
				defer func() { <-places }()
				r := answer(ctx, h, j, request)
				if ctx.Err() == nil { // else it was cut short
					r.Line = number
					record(r)
				}
			})
		}
	}
	group.Wait()
	return sorted(all), broken
}

func sorted(all []result) []result {
	slices.SortFunc(all, func(a, b result) int { return a.Line - b.Line })
	return all
}

// count adds a result to the counts of a job.
func (j *job) count(r result) {
	j.Completed++
	if r.OK {
		j.Succeeded++
	} else {
		j.Failed++
	}
}

// openResults reads the results of a job that was interrupted, and opens the file for more. A
// last line that was not written whole is dropped.
func openResults(path string) ([]result, *os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(file)
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	var all []result
	whole := int64(0)
	for line := range bytes.Lines(data) {
		var r result
		if line[len(line)-1] != '\n' || json.Unmarshal(line, &r) != nil {
			break
		}
		all = append(all, r)
		whole += int64(len(line))
	}
	err = file.Truncate(whole)
	if err == nil {
		_, err = file.Seek(whole, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return all, file, nil
}

// answer sends a request of a job to the handler.
func answer(ctx context.Context, h http.Handler, j *job, line []byte) result {
	var request struct {
		CustomID *string                    `json:"custom_id"`
		Body     map[string]json.RawMessage `json:"body"`
	}
	out := output{ID: "batch-" + newID()}
	if err := json.Unmarshal(line, &request); err != nil || request.Body == nil {
		return failure(out, "the request has no body that is a JSON object")
	}
	out.CustomID = request.CustomID
	if j.Model != nil {
		request.Body["model"], _ = json.Marshal(*j.Model)
	}
	delete(request.Body, "stream")
	body, err := json.Marshal(request.Body)
	if err != nil {
		return failure(out, err.Error())
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, j.Endpoint, bytes.NewReader(body))
	if err != nil {
		return failure(out, err.Error())
	}
	r.Header.Set("Content-Type", "application/json")
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, r)
	text := bytes.TrimSpace(w.body.Bytes())
	if !json.Valid(text) {
		return failure(out, "the answer is not JSON")
	}
	out.Response = &response{w.status, text}
	if w.status != http.StatusOK {
		var e struct{ Message string }
		_ = json.Unmarshal(text, &e)
		out.Error = &e.Message
		return outcome(out, false, e.Message)
	}
	return outcome(out, true, "")
}

func failure(out output, why string) result {
	out.Error = &why
	return outcome(out, false, why)
}

func outcome(out output, ok bool, why string) result {
	text, err := json.Marshal(out)
	if err != nil {
		panic("batch: encode a result: " + err.Error())
	}
	return result{OK: ok, Why: why, Out: text}
}

// A recorder is the response to a request of a job.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// SetReadDeadline and SetWriteDeadline are for http.ResponseController.
func (r *recorder) SetReadDeadline(time.Time) error  { return nil }
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }

// finish makes files of the results and ends a job.
func (b *Batch) finish(j *job, status string, results []result, more ...jobError) error {
	var files [2]*string // of successes and failures
	counts := map[string]int{}
	for i, kind := range []struct{ name, sample string }{{"results", "batch_result"}, {"errors", "batch_error"}} {
		var text bytes.Buffer
		n := 0
		for _, r := range results {
			if r.OK == (i == 0) {
				text.Write(append(r.Out, '\n'))
				n++
			}
			if i == 1 && !r.OK {
				counts[r.Why]++
			}
		}
		if n == 0 {
			continue
		}
		f, err := b.make(fmt.Sprintf("%s-%s.jsonl", kind.name, j.ID), kind.sample, n, text.Bytes())
		if err != nil {
			status, more = failed, append(more, jobError{why(err), 1})
			break
		}
		files[i] = &f.ID
	}
	for _, e := range more {
		counts[e.Message] = max(counts[e.Message], e.Count)
	}
	errs := []jobError{}
	for message, n := range counts {
		errs = append(errs, jobError{message, n})
	}
	slices.SortFunc(errs, func(a, b jobError) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Message, b.Message)
	})
	const maxErrors = 100
	err := b.update(j, func(j *job) {
		j.Status, j.CompletedAt, j.OutputFile, j.ErrorFile = status, new(now()), files[0], files[1]
		j.Errors = errs[:min(len(errs), maxErrors)]
	})
	if err != nil {
		return fmt.Errorf("store the job: %w", err)
	}
	if status != failed { // its results stay for who looks for them
		os.Remove(b.path(j.ID, resultsSuffix))
	}
	return nil
}

func why(err error) string {
	if atomicfile.Full(err) {
		return diskFull
	}
	return err.Error()
}
