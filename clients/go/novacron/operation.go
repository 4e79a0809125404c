package novacron

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// OperationError says that an operation ended, and not as it was asked to. Reason, RetryDelay and status.FromError read
// it as they read the error of a call.
type OperationError struct {
	// Operation is how it ended; its targets are what exists in the cloud all the same.
	Operation *cloudv1.Operation
}

func (e *OperationError) Error() string {
	return fmt.Sprintf("%s of %s: %s", e.Operation.Method, e.Operation.Name, e.Operation.GetError().GetMessage())
}

// GRPCStatus is what status.FromError looks for.
func (e *OperationError) GRPCStatus() *status.Status {
	return status.FromProto(e.Operation.GetError())
}

// Wait follows an operation until it is done and returns what it made: an Instance for CreateInstance, an Empty for
// DeleteInstance. progress may be nil; it is called with the operation as it is, and at each change.
//
// The error is an OperationError when the operation did not end as asked. Any other error tells about the connection or
// about ctx: the operation goes on in the sidecar, and can be followed again by its name.
func Wait[T proto.Message](
	ctx context.Context,
	operations cloudv1.OperationsServiceClient,
	operation *cloudv1.Operation,
	progress func(*cloudv1.Operation),
) (T, error) {
	var none T
	latest, err := watch(ctx, operations, operation, progress)
	if err != nil {
		return none, err
	}
	return Result[T](latest)
}

// Result returns what an operation that is done made, or its OperationError.
func Result[T proto.Message](operation *cloudv1.Operation) (T, error) {
	var none T
	switch result := operation.Result.(type) {
	case *cloudv1.Operation_Error:
		return none, &OperationError{Operation: operation}
	case *cloudv1.Operation_Response:
		made, err := result.Response.UnmarshalNew()
		if err != nil {
			return none, fmt.Errorf("result of %s: %w", operation.Name, err)
		}
		typed, ok := made.(T)
		if !ok {
			return none, fmt.Errorf("%s made a %T, not a %T", operation.Name, made, none)
		}
		return typed, nil
	}
	return none, fmt.Errorf("%s has no result that these stubs know", operation.GetName())
}

// watch returns the operation once it is done.
func watch(
	ctx context.Context,
	operations cloudv1.OperationsServiceClient,
	operation *cloudv1.Operation,
	progress func(*cloudv1.Operation),
) (*cloudv1.Operation, error) {
	if operation.GetDone() {
		return operation, nil
	}
	name := operation.GetName()
	dial := func(ctx context.Context, after *cloudv1.StreamPosition) (Stream[cloudv1.WatchOperationResponse], error) {
		return operations.WatchOperation(ctx, &cloudv1.WatchOperationRequest{Name: name, ResumeAfter: after})
	}
	shown := uint64(0)
	for event, err := range Follow[*cloudv1.OperationEvent](ctx, dial) {
		if err != nil {
			return nil, fmt.Errorf("watching %s: %w", name, err)
		}
		now := event.GetOperation()
		if now == nil {
			continue
		}
		if progress != nil && now.Revision > shown {
			shown = now.Revision
			progress(now)
		}
		if now.Done {
			return now, nil
		}
	}
	return nil, ctx.Err()
}

// Stream is what a streaming call of the stubs returns.
type Stream[R any] = grpc.ServerStreamingClient[R]

// NewRequestID returns a request_id: with it a mutation can be repeated, and nothing is done twice.
func NewRequestID() string {
	var id [16]byte
	rand.Read(id[:]) // Never fails: it ends the program instead.
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
