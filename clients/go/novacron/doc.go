// Package novacron holds what a Go program needs beside the stubs in cloudv1: waiting for an operation, following a
// stream over broken connections, repeating reads, and reading errors.
//
//	created, err := providers.CreateInstance(ctx, request)
//	...
//	instance, err := novacron.Wait[*cloudv1.Instance](ctx, operations, created.Operation, nil)
//	if novacron.Reason(err) == cloudv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED {
//		...
//	}
package novacron
