package novacron

import (
	"iter"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
)

// Series is what a slot of a metric stream stands for.
type Series struct {
	Metric   *cloudv1.MetricDescriptor
	Resource *cloudv1.ResourceRef
	// Attributes tell it from other series of this metric and resource; most often there are none.
	Attributes map[string]string
}

// SeriesTable knows which series has which slot; its zero value is empty.
type SeriesTable struct {
	bySlot map[uint32]Series
}

// Note takes in an event; call it with every event, in order. It returns the slots whose series ended.
func (t *SeriesTable) Note(event *cloudv1.MetricEvent) (removed []uint32) {
	if opened := event.GetControl().GetOpened(); t.bySlot == nil || opened != nil && !opened.Resumed {
		// Nothing that was told before stands any more.
		t.bySlot = map[uint32]Series{}
	}
	table := event.GetTable()
	for i, series := range table.GetSeries() {
		t.bySlot[table.FirstSlot+uint32(i)] = Series{
			Metric: table.Metrics[series.Metric], Resource: table.Resources[series.Resource], Attributes: series.Attributes,
		}
	}
	for _, slot := range table.GetRemovedSlots() {
		delete(t.bySlot, slot)
	}
	return table.GetRemovedSlots()
}

// Series returns the series of a slot, and whether there is one.
func (t *SeriesTable) Series(slot uint32) (Series, bool) {
	series, ok := t.bySlot[slot]
	return series, ok
}

// Values yields the slot and the value of each sample of a batch. NaN means: no value at this time.
func Values(batch *cloudv1.MetricBatch) iter.Seq2[uint32, float64] {
	return func(yield func(uint32, float64) bool) {
		slot := batch.GetFirstSlot()
		steps := batch.GetSlotSteps()
		for i, value := range batch.GetValues() {
			if i < len(steps) {
				slot += steps[i]
			} else if i > 0 {
				slot++
			}
			if !yield(slot, value) {
				return
			}
		}
	}
}
