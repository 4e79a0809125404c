package novacron

import (
	"time"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Domain is the domain of every ErrorInfo that the sidecar sends.
const Domain = "cloud.novacron"

// Info returns the ErrorInfo of an error that the sidecar sent, also of one that is wrapped. It is nil for every other
// error: no sidecar answered, or the status is gRPC's own.
func Info(err error) *errdetails.ErrorInfo {
	info := detail[*errdetails.ErrorInfo](err)
	if info.GetDomain() != Domain {
		return nil
	}
	return info
}

// Reason returns why the sidecar failed a call or an operation. It is ERROR_REASON_UNSPECIFIED for every other error,
// and for a reason that is newer than these stubs; Info has that as text.
func Reason(err error) cloudv1.ErrorReason {
	return cloudv1.ErrorReason(cloudv1.ErrorReason_value["ERROR_REASON_"+Info(err).GetReason()])
}

// RetryDelay returns how long to wait before a repeat, and whether the error says so. Without it, do not repeat blindly.
func RetryDelay(err error) (time.Duration, bool) {
	delay := detail[*errdetails.RetryInfo](err).GetRetryDelay()
	return delay.AsDuration(), delay != nil
}

// detail returns the first detail of type T in the status of an error, or T's zero value.
func detail[T any](err error) (found T) {
	if err == nil {
		return found
	}
	failed, ok := status.FromError(err)
	if !ok {
		return found
	}
	for _, each := range failed.Details() {
		if found, ok := each.(T); ok {
			return found
		}
	}
	return found
}
