package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"github.com/khryptorgraphics/novacron-cloud/clients/go/novacron"
	"google.golang.org/protobuf/types/known/durationpb"
)

// How often each machine is told of in each part of the comparison: before the break, in it, and after it.
const times = 2

// change is one value of the log.
type change struct {
	sequence uint64
	slot     uint32
	time     int64
	bits     uint64 // Of the value; a NaN equals itself so.
}

// readTwice reads the metrics of the machines with one reader that stays, and with one that breaks off and resumes, and
// compares what both were told.
func readTwice(ctx context.Context, metrics cloudv1.MetricsServiceClient, machines []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &cloudv1.StreamMetricsRequest{
		Parent:            "providers/-",
		Selector:          &cloudv1.MetricSelector{Resources: machines},
		HeartbeatInterval: durationpb.New(2 * time.Second),
	}
	steady, err := open(ctx, metrics, request)
	if err != nil {
		return err
	}
	broken, stop := context.WithCancel(ctx)
	defer stop()
	resumed, err := open(broken, metrics, request)
	if err != nil {
		return err
	}
	if err := errors.Join(steady.until(0), resumed.until(0)); err != nil {
		return err
	}
	from := max(steady.last(), resumed.last())
	if err := resumed.more(machines, times); err != nil {
		return err
	}
	at := resumed.position.ResumeAfter()
	stop()
	// What comes now is what a reader that is away could miss.
	if err := steady.until(at.Sequence); err != nil {
		return err
	}
	if err := steady.more(machines, times); err != nil {
		return err
	}
	missed := steady.last()
	request.ResumeAfter = at
	if resumed.stream, err = metrics.StreamMetrics(ctx, request); err != nil {
		return err
	}
	if err := errors.Join(resumed.until(missed), resumed.more(machines, times)); err != nil {
		return err
	}
	if !resumed.isResumed {
		return fmt.Errorf("the sidecar did not resume at %d of epoch %s", at.Sequence, at.Epoch)
	}
	to := resumed.last()
	if err := steady.until(to); err != nil {
		return err
	}
	if err := compare(steady.between(from, to), resumed.between(from, to), at.Sequence); err != nil {
		return err
	}
	for _, machine := range machines {
		fmt.Println(machine, "told", steady.told[machine], "times")
	}
	return nil
}

// compare tells whether two readers were told the same.
func compare(steady, resumed []change, at uint64) error {
	if len(steady) == 0 {
		return errors.New("no values came")
	}
	if !slices.Equal(steady, resumed) {
		return fmt.Errorf("a reader that resumed after %d has %d values, one that stayed has %d, and they differ",
			at, len(resumed), len(steady))
	}
	fmt.Printf("%d values, resumed after %d: none missed, none doubled\n", len(steady), at)
	return nil
}

// reader is one reader of the stream.
type reader struct {
	stream    novacron.Stream[cloudv1.StreamMetricsResponse]
	position  novacron.Position
	table     novacron.SeriesTable
	changes   []change
	isResumed bool
	// How many batches told of a machine, by its name.
	told map[string]int
}

func open(ctx context.Context, metrics cloudv1.MetricsServiceClient, request *cloudv1.StreamMetricsRequest) (*reader, error) {
	stream, err := metrics.StreamMetrics(ctx, request)
	return &reader{stream: stream, told: map[string]int{}}, err
}

// last is the place that was read up to; 0 before the first synced.
func (r *reader) last() uint64 {
	return r.position.ResumeAfter().GetSequence()
}

// until reads past a place, and at least to the first synced.
func (r *reader) until(sequence uint64) error {
	for r.last() == 0 || r.last() < sequence {
		if err := r.read(); err != nil {
			return err
		}
	}
	return nil
}

// more reads until each machine was told of that many more times.
func (r *reader) more(machines []string, count int) error {
	before := maps.Clone(r.told)
	waiting := func(machine string) bool { return r.told[machine] < before[machine]+count }
	for slices.ContainsFunc(machines, waiting) {
		if err := r.read(); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) read() error {
	response, err := r.stream.Recv()
	if err != nil {
		return fmt.Errorf("reading metrics: %w", err)
	}
	for _, event := range response.Events {
		control := event.GetControl()
		if control.GetGap() != nil {
			return errors.New("the sidecar dropped values: this reader was too slow")
		}
		if opened := control.GetOpened(); opened != nil {
			r.isResumed = opened.Resumed
		}
		r.table.Note(event)
		if batch := event.GetBatch(); batch != nil && event.Sequence != 0 {
			machines := map[string]bool{}
			for slot, value := range novacron.Values(batch) {
				series, ok := r.table.Series(slot)
				if !ok {
					return fmt.Errorf("a value of slot %d, which stands for nothing", slot)
				}
				machines[series.Resource.Name] = true
				r.changes = append(r.changes, change{
					event.Sequence, slot, batch.Time.AsTime().UnixNano(), math.Float64bits(value),
				})
			}
			for machine := range machines {
				r.told[machine]++
			}
		}
		r.position.Note(event)
	}
	return nil
}

// between is what was told after one place and up to another, in order.
func (r *reader) between(after, to uint64) (found []change) {
	for _, each := range r.changes {
		if each.sequence > after && each.sequence <= to {
			found = append(found, each)
		}
	}
	return found
}
