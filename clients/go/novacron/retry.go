package novacron

import (
	"encoding/json"
	"iter"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// ServiceConfig returns what grpc.WithDefaultServiceConfig takes so that reads are sent again while the sidecar is being
// restarted: up to five times, within the deadline of the call. What the sidecar has repeated at a cloud itself is not
// repeated here, since it says so.
//
// A mutation is left out. It may be repeated like a read once it has a request_id, which this policy cannot see.
func ServiceConfig() string {
	type name struct {
		Service string `json:"service"`
		Method  string `json:"method"`
	}
	type method struct {
		Name        []name         `json:"name"`
		RetryPolicy map[string]any `json:"retryPolicy"`
	}
	reads := method{RetryPolicy: map[string]any{
		"maxAttempts":          5,
		"initialBackoff":       "0.2s",
		"maxBackoff":           "5s",
		"backoffMultiplier":    3,
		"retryableStatusCodes": []string{"UNAVAILABLE"},
	}}
	for each := range methods() {
		options, _ := each.Options().(*descriptorpb.MethodOptions)
		isRead := options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
		if isRead && !each.IsStreamingServer() {
			reads.Name = append(reads.Name, name{string(each.Parent().FullName()), string(each.Name())})
		}
	}
	config, err := json.Marshal(map[string]any{"methodConfig": []method{reads}})
	if err != nil {
		panic(err) // Strings and numbers: it cannot.
	}
	return string(config)
}

// methods gives every RPC of the contract.
func methods() iter.Seq[protoreflect.MethodDescriptor] {
	return func(yield func(protoreflect.MethodDescriptor) bool) {
		for _, file := range []protoreflect.FileDescriptor{
			cloudv1.File_novacron_cloud_v1_provider_service_proto,
			cloudv1.File_novacron_cloud_v1_operations_service_proto,
			cloudv1.File_novacron_cloud_v1_metrics_service_proto,
		} {
			for i := range file.Services().Len() {
				all := file.Services().Get(i).Methods()
				for j := range all.Len() {
					if !yield(all.Get(j)) {
						return
					}
				}
			}
		}
	}
}
