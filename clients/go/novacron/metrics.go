package novacron

import (
	"iter"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
)

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
