package novacron

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
)

func failure(t *testing.T, domain string) *status.Status {
	t.Helper()
	made, err := status.New(codes.ResourceExhausted, "slow down").WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)},
		&errdetails.ErrorInfo{Domain: domain, Reason: "PROVIDER_THROTTLED"},
	)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestReason(t *testing.T) {
	throttled := cloudv1.ErrorReason_ERROR_REASON_PROVIDER_THROTTLED
	none := cloudv1.ErrorReason_ERROR_REASON_UNSPECIFIED
	operation := &cloudv1.Operation{Result: &cloudv1.Operation_Error{Error: failure(t, Domain).Proto()}}
	for name, test := range map[string]struct {
		err  error
		want cloudv1.ErrorReason
	}{
		"a call":          {failure(t, Domain).Err(), throttled},
		"wrapped":         {fmt.Errorf("listing: %w", failure(t, Domain).Err()), throttled},
		"an operation":    {&OperationError{operation}, throttled},
		"somebody else's": {failure(t, "example.com").Err(), none},
		"gRPC's own":      {status.Error(codes.Unavailable, "refused"), none},
		"not of gRPC":     {errors.New("other"), none},
		"no error":        {nil, none},
	} {
		if got := Reason(test.err); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	if delay, ok := RetryDelay(failure(t, Domain).Err()); delay != 3*time.Second || !ok {
		t.Errorf("got %v, %v", delay, ok)
	}
	if _, ok := RetryDelay(errors.New("other")); ok {
		t.Error("an error that names no delay has one")
	}
}

func TestResult(t *testing.T) {
	packed, err := anypb.New(&cloudv1.Instance{Name: "providers/aws/instances/a"})
	if err != nil {
		t.Fatal(err)
	}
	done := &cloudv1.Operation{Done: true, Result: &cloudv1.Operation_Response{Response: packed}}
	if instance, err := Result[*cloudv1.Instance](done); err != nil || instance.Name != "providers/aws/instances/a" {
		t.Errorf("got %v, %v", instance, err)
	}
	if _, err := Result[*emptypb.Empty](done); err == nil {
		t.Error("an Instance passed as an Empty")
	}
	if _, err := Result[*cloudv1.Instance](&cloudv1.Operation{}); err == nil {
		t.Error("an operation that is not done has a result")
	}
	var failed *OperationError
	bad := &cloudv1.Operation{Result: &cloudv1.Operation_Error{Error: failure(t, Domain).Proto()}}
	if _, err := Result[*cloudv1.Instance](bad); !errors.As(err, &failed) || failed.Operation != bad {
		t.Errorf("got %v", err)
	}
}

func opened(epoch string, resumed bool) *cloudv1.MetricEvent {
	control := &cloudv1.StreamControl{Control: &cloudv1.StreamControl_Opened{
		Opened: &cloudv1.StreamOpened{Epoch: epoch, Resumed: resumed},
	}}
	return &cloudv1.MetricEvent{Event: &cloudv1.MetricEvent_Control{Control: control}}
}

func TestPosition(t *testing.T) {
	var position Position
	for i, step := range []struct {
		event    *cloudv1.MetricEvent
		epoch    string
		sequence uint64
	}{
		{opened("a", false), "", 0},
		{&cloudv1.MetricEvent{}, "", 0},
		{&cloudv1.MetricEvent{Sequence: 7}, "a", 7},
		{&cloudv1.MetricEvent{}, "a", 7},
		{opened("a", true), "a", 7},
		{&cloudv1.MetricEvent{Sequence: 9}, "a", 9},
		{opened("b", false), "", 0},
		{&cloudv1.MetricEvent{Sequence: 2}, "b", 2},
	} {
		position.Note(step.event)
		after := position.ResumeAfter()
		if after.GetEpoch() != step.epoch || after.GetSequence() != step.sequence {
			t.Errorf("step %d: got %v", i, after)
		}
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		batch *cloudv1.MetricBatch
		want  map[uint32]float64
	}{
		{&cloudv1.MetricBatch{FirstSlot: 4, Values: []float64{1, 2}}, map[uint32]float64{4: 1, 5: 2}},
		{
			&cloudv1.MetricBatch{FirstSlot: 4, SlotSteps: []uint32{0, 3, 2}, Values: []float64{1, 2, 3}},
			map[uint32]float64{4: 1, 7: 2, 9: 3},
		},
		{&cloudv1.MetricBatch{}, map[uint32]float64{}},
	} {
		if got := maps.Collect(Values(test.batch)); !maps.Equal(got, test.want) {
			t.Errorf("got %v, want %v", got, test.want)
		}
	}
}

func TestSeriesTable(t *testing.T) {
	told := func(table *cloudv1.MetricTable) *cloudv1.MetricEvent {
		return &cloudv1.MetricEvent{Event: &cloudv1.MetricEvent_Table{Table: table}}
	}
	series := func(first uint32, resources ...string) *cloudv1.MetricTable {
		table := &cloudv1.MetricTable{FirstSlot: first, Metrics: []*cloudv1.MetricDescriptor{{Type: "cpu"}}}
		for i, name := range resources {
			table.Resources = append(table.Resources, &cloudv1.ResourceRef{Name: name})
			table.Series = append(table.Series, &cloudv1.MetricTableSeries{Resource: uint32(i)})
		}
		return table
	}
	var table SeriesTable
	has := func(slot uint32, want string) {
		t.Helper()
		found, ok := table.Series(slot)
		if found.Resource.GetName() != want || ok != (want != "") || ok && found.Metric.Type != "cpu" {
			t.Errorf("slot %d: got %v, %v, want %q", slot, found, ok, want)
		}
	}
	has(0, "")
	table.Note(opened("a", false))
	table.Note(told(series(0, "x", "y")))
	table.Note(told(series(2, "z")))
	has(1, "y")
	has(2, "z")
	if removed := table.Note(told(&cloudv1.MetricTable{RemovedSlots: []uint32{1}})); !slices.Equal(removed, []uint32{1}) {
		t.Errorf("got %v", removed)
	}
	has(1, "")
	table.Note(opened("a", true))
	has(2, "z")
	table.Note(opened("b", false))
	has(2, "")
}

func TestNewRequestID(t *testing.T) {
	uuid4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if id := NewRequestID(); !uuid4.MatchString(id) || id == NewRequestID() {
		t.Errorf("not a new UUID: %s", id)
	}
}

func TestResumable(t *testing.T) {
	for err, want := range map[error]bool{
		status.Error(codes.Unavailable, "away"):       true,
		failure(t, Domain).Err():                      true,
		status.Error(codes.ResourceExhausted, "full"): false,
		status.Error(codes.NotFound, "gone"):          false,
	} {
		if resumable(err) != want {
			t.Errorf("%v: want %v", err, want)
		}
	}
}
