package novacron

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	firstBackoff = 100 * time.Millisecond
	longestWait  = 5 * time.Second
	// In vain for this long, a stream ends with the error.
	giveUpAfter = time.Minute
	// What a server takes when the request names no heartbeat_interval. Longer ones hold once the stream is opened.
	usualHeartbeat = 15 * time.Second
)

var errSilent = status.Error(codes.Unavailable, "two heartbeats are missing")

// Event is one event of a stream: *cloudv1.MetricEvent, *cloudv1.OperationEvent and their like.
type Event interface {
	GetSequence() uint64
	GetControl() *cloudv1.StreamControl
}

// Position is the place in a stream that has been read up to; its zero value is the start.
type Position struct {
	epoch     string
	after     *cloudv1.StreamPosition
	heartbeat time.Duration
}

// Note takes in an event that has been handled.
func (p *Position) Note(event Event) {
	if opened := event.GetControl().GetOpened(); opened != nil {
		p.epoch, p.heartbeat = opened.Epoch, opened.HeartbeatInterval.AsDuration()
		if !opened.Resumed {
			p.after = nil
		}
	}
	if sequence := event.GetSequence(); sequence != 0 {
		p.after = &cloudv1.StreamPosition{Epoch: p.epoch, Sequence: sequence}
	}
}

// ResumeAfter is for the request that goes on here; nil means from the start.
func (p *Position) ResumeAfter() *cloudv1.StreamPosition {
	return p.after
}

// patience is how long the stream may be silent: two heartbeats may be missing, and a quarter more for the way.
func (p *Position) patience() time.Duration {
	return cmp.Or(p.heartbeat, usualHeartbeat) * 9 / 4
}

// Follow yields every event of a stream, in order, over as many connections as it takes: it notices a dead server by its
// missing heartbeats, connects again, and resumes. An opened with resumed = false in the middle means: forget everything
// that the stream told. dial starts the call, with resume_after as given.
//
// A snapshot that follows such an opened has the newest value of each series and not those that came before it. Who wants
// them all too asks QueryMetrics, for the period of the batches and from the newest time seen of a series on, and takes
// what lies between that time and the snapshot's.
//
// It ends when the caller stops, or with an error: that of ctx, one that no new connection mends, or the last one when
// none could be had for a minute.
func Follow[E Event, R any, P interface {
	*R
	GetEvents() []E
}](
	ctx context.Context,
	dial func(ctx context.Context, after *cloudv1.StreamPosition) (Stream[R], error),
) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		var position Position
		heard, failures := time.Now(), 0
		for {
			wait := time.Duration(0)
			err := connection(ctx, &position, dial, func(response *R) bool {
				heard = time.Now()
				for _, event := range P(response).GetEvents() {
					if closing := event.GetControl().GetClosing(); closing != nil {
						wait = closing.ReconnectAfter.AsDuration()
					}
					if event.GetSequence() != 0 {
						failures = 0
					}
					if !yield(event, nil) {
						return false
					}
					// Only now was it handled.
					position.Note(event)
				}
				return true
			})
			if err == nil {
				return
			}
			failures++
			wait = max(wait, backoff(failures, err))
			if ctx.Err() != nil {
				err = ctx.Err()
			} else if resumable(err) && time.Since(heard)+wait < giveUpAfter {
				err = sleep(ctx, wait)
			}
			if err != nil {
				var none E
				yield(none, err)
				return
			}
		}
	}
}

// connection hands over the responses of one connection until it ends, which is an error, or until take has enough.
func connection[R any](
	ctx context.Context,
	position *Position,
	dial func(ctx context.Context, after *cloudv1.StreamPosition) (Stream[R], error),
	take func(*R) bool,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Until it is opened, nobody knows which heartbeat is in force.
	watchdog := time.AfterFunc((&Position{}).patience(), func() { cancel(errSilent) })
	defer watchdog.Stop()
	stream, err := dial(ctx, position.ResumeAfter())
	for err == nil {
		var response *R
		if response, err = stream.Recv(); err != nil {
			break
		}
		watchdog.Stop() // The caller may take its time.
		if !take(response) {
			return nil
		}
		watchdog.Reset(position.patience())
	}
	if errors.Is(err, io.EOF) {
		return status.Error(codes.Unavailable, "the server ended the stream")
	}
	if errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	return err
}

// backoff is how long to wait after that many failures in a row, with full jitter, unless the server says longer.
func backoff(failures int, err error) time.Duration {
	asked, _ := RetryDelay(err)
	most := min(longestWait, firstBackoff<<min(failures-1, 10))
	return max(asked, rand.N(most))
}

// resumable tells whether a stream that ended so is opened again. CANCELLED without a reason is a server that ends its
// connections.
func resumable(err error) bool {
	_, delayed := RetryDelay(err)
	switch status.Code(err) {
	case codes.Unavailable:
		return true
	case codes.ResourceExhausted:
		return delayed
	case codes.Canceled:
		return Info(err) == nil
	}
	return false
}

func sleep(ctx context.Context, wait time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}
