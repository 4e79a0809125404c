package novacron

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

type connected = grpc.ServerStreamingServer[cloudv1.StreamMetricsResponse]

// scripted plays one part for each connection, and keeps where each wanted to resume.
type scripted struct {
	cloudv1.UnimplementedMetricsServiceServer
	lock  sync.Mutex
	parts []func(connected) error
	asked []*cloudv1.StreamPosition
}

func (s *scripted) StreamMetrics(request *cloudv1.StreamMetricsRequest, stream connected) error {
	s.lock.Lock()
	if len(s.parts) == len(s.asked) {
		s.lock.Unlock()
		return status.Error(codes.NotFound, "the script has no more parts")
	}
	part := s.parts[len(s.asked)]
	s.asked = append(s.asked, request.ResumeAfter)
	s.lock.Unlock()
	return part(stream)
}

// follow follows a server on loopback that plays these parts. It ends after an event of the sequence `last`.
func follow(
	t *testing.T, ctx context.Context, last uint64, handle func(*cloudv1.MetricEvent), parts ...func(connected) error,
) ([]uint64, *scripted, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, script := grpc.NewServer(), &scripted{parts: parts}
	cloudv1.RegisterMetricsServiceServer(server, script)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	metrics := cloudv1.NewMetricsServiceClient(conn)
	dial := func(ctx context.Context, after *cloudv1.StreamPosition) (Stream[cloudv1.StreamMetricsResponse], error) {
		return metrics.StreamMetrics(ctx, &cloudv1.StreamMetricsRequest{Parent: "providers/-", ResumeAfter: after})
	}
	var told []uint64
	for event, err := range Follow[*cloudv1.MetricEvent](ctx, dial) {
		if err != nil {
			return told, script, err
		}
		if handle != nil {
			handle(event)
		}
		if event.Sequence != 0 {
			told = append(told, event.Sequence)
		}
		if event.Sequence == last {
			break
		}
	}
	return told, script, nil
}

func send(stream connected, events ...*cloudv1.MetricEvent) error {
	return stream.Send(&cloudv1.StreamMetricsResponse{Events: events})
}

func at(sequence uint64) *cloudv1.MetricEvent {
	return &cloudv1.MetricEvent{Sequence: sequence}
}

func withHeartbeat(event *cloudv1.MetricEvent, interval time.Duration) *cloudv1.MetricEvent {
	event.GetControl().GetOpened().HeartbeatInterval = durationpb.New(interval)
	return event
}

// untilGone is a peer that is silent; it returns once the client has left.
func untilGone(stream connected) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

func TestFollowResumesAfterWhatWasHandled(t *testing.T) {
	told, script, err := follow(t, t.Context(), 4, nil,
		func(stream connected) error {
			return errors.Join(send(stream, opened("a", false), at(1), at(2)), status.Error(codes.Unavailable, "away"))
		},
		func(stream connected) error { return status.Error(codes.Unavailable, "still away") },
		func(stream connected) error { return send(stream, opened("a", true), at(3)) }, // Ends without an error.
		func(stream connected) error { return send(stream, opened("b", false), at(4)) },
	)
	if err != nil || !slices.Equal(told, []uint64{1, 2, 3, 4}) {
		t.Fatalf("got %v, %v", told, err)
	}
	var asked []uint64
	for _, position := range script.asked {
		asked = append(asked, position.GetSequence())
	}
	if !slices.Equal(asked, []uint64{0, 2, 2, 3}) || script.asked[1].Epoch != "a" {
		t.Errorf("asked to resume at %v", script.asked)
	}
}

func TestFollowWaitsAsLongAsAServerThatClosesAsks(t *testing.T) {
	const asked = 300 * time.Millisecond
	closing := &cloudv1.MetricEvent{Event: &cloudv1.MetricEvent_Control{Control: &cloudv1.StreamControl{
		Control: &cloudv1.StreamControl_Closing{Closing: &cloudv1.StreamClosing{ReconnectAfter: durationpb.New(asked)}},
	}}}
	var closed, again time.Time
	_, _, err := follow(t, t.Context(), 1, nil,
		func(stream connected) error {
			closed = time.Now()
			return send(stream, opened("a", false), closing)
		},
		func(stream connected) error {
			again = time.Now()
			return send(stream, opened("a", false), at(1))
		},
	)
	if err != nil || again.Sub(closed) < asked {
		t.Errorf("came back after %v, %v", again.Sub(closed), err)
	}
}

func TestFollowLeavesAServerThatIsSilentForTwoHeartbeats(t *testing.T) {
	const heartbeat = 80 * time.Millisecond
	var silent time.Duration
	told, script, err := follow(t, t.Context(), 2, nil,
		func(stream connected) error {
			since := time.Now()
			err := errors.Join(send(stream, withHeartbeat(opened("a", false), heartbeat), at(1)), untilGone(stream))
			silent = time.Since(since)
			return err
		},
		func(stream connected) error { return send(stream, opened("a", true), at(2)) },
	)
	if err != nil || !slices.Equal(told, []uint64{1, 2}) || script.asked[1].GetSequence() != 1 {
		t.Fatalf("got %v, %v, resumed at %v", told, err, script.asked)
	}
	if silent < 2*heartbeat || silent > usualHeartbeat {
		t.Errorf("left after %v", silent)
	}
}

func TestFollowLetsItsCallerTakeTime(t *testing.T) {
	const heartbeat = 20 * time.Millisecond
	handled := make(chan struct{})
	slow := func(event *cloudv1.MetricEvent) {
		if event.Sequence == 1 {
			time.Sleep(10 * heartbeat)
			close(handled)
		}
	}
	told, script, err := follow(t, t.Context(), 2, slow, func(stream connected) error {
		err := errors.Join(send(stream, withHeartbeat(opened("a", false), heartbeat)), send(stream, at(1)))
		select {
		case <-handled:
		case <-stream.Context().Done():
		}
		return errors.Join(err, send(stream, at(2)), untilGone(stream))
	})
	if err != nil || !slices.Equal(told, []uint64{1, 2}) || len(script.asked) != 1 {
		t.Errorf("got %v, %v over %d connections", told, err, len(script.asked))
	}
}

func TestFollowEndsWithWhatNoNewConnectionMends(t *testing.T) {
	_, script, err := follow(t, t.Context(), 9, nil, func(connected) error {
		return status.Error(codes.NotFound, "no such provider")
	})
	if status.Code(err) != codes.NotFound || len(script.asked) != 1 {
		t.Errorf("got %v after %d connections", err, len(script.asked))
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stop := func(event *cloudv1.MetricEvent) {
		if event.Sequence == 1 {
			cancel()
		}
	}
	_, _, err := follow(t, ctx, 9, stop, func(stream connected) error {
		return errors.Join(send(stream, opened("a", false), at(1)), untilGone(stream))
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
