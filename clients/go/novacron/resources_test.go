package novacron

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// inventory breaks its first connection, and keeps where each wanted to resume.
type inventory struct {
	cloudv1.UnimplementedProviderServiceServer
	asked []*cloudv1.StreamPosition
}

func (s *inventory) WatchResources(
	request *cloudv1.WatchResourcesRequest, stream grpc.ServerStreamingServer[cloudv1.WatchResourcesResponse],
) error {
	s.asked = append(s.asked, request.ResumeAfter)
	control := func(control *cloudv1.StreamControl, sequence uint64) *cloudv1.ResourceEvent {
		return &cloudv1.ResourceEvent{Sequence: sequence, Event: &cloudv1.ResourceEvent_Control{Control: control}}
	}
	open := func(resumed bool) *cloudv1.ResourceEvent {
		opened := &cloudv1.StreamOpened{Epoch: "e", Resumed: resumed}
		return control(&cloudv1.StreamControl{Control: &cloudv1.StreamControl_Opened{Opened: opened}}, 0)
	}
	instance := func(sequence uint64, state cloudv1.InstanceState) *cloudv1.ResourceEvent {
		made := &cloudv1.Instance{Name: "providers/aws/instances/us-east-1~i-1", State: state}
		return &cloudv1.ResourceEvent{Sequence: sequence, Event: &cloudv1.ResourceEvent_Instance{Instance: made}}
	}
	synced := &cloudv1.StreamControl{Control: &cloudv1.StreamControl_Synced{Synced: &cloudv1.StreamSynced{}}}
	if len(s.asked) == 1 {
		events := []*cloudv1.ResourceEvent{
			open(false), instance(0, cloudv1.InstanceState_INSTANCE_STATE_RUNNING), control(synced, 7),
		}
		if err := stream.Send(&cloudv1.WatchResourcesResponse{Events: events}); err != nil {
			return err
		}
		return status.Error(codes.Unavailable, "away")
	}
	removed := &cloudv1.ResourceRef{Name: "providers/aws/instances/us-east-1~i-1"}
	return stream.Send(&cloudv1.WatchResourcesResponse{Events: []*cloudv1.ResourceEvent{
		open(true),
		instance(8, cloudv1.InstanceState_INSTANCE_STATE_STOPPED),
		{Sequence: 9, Event: &cloudv1.ResourceEvent_Removed{Removed: removed}},
	}})
}

// The inventory is followed as metrics are: over a broken connection too.
func ExampleFollow_resources() {
	server, fake := grpc.NewServer(), &inventory{}
	cloudv1.RegisterProviderServiceServer(server, fake)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(listener)
	defer server.Stop()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	providers := cloudv1.NewProviderServiceClient(conn)
	dial := func(ctx context.Context, after *cloudv1.StreamPosition) (Stream[cloudv1.WatchResourcesResponse], error) {
		return providers.WatchResources(ctx, &cloudv1.WatchResourcesRequest{Parent: "providers/-", ResumeAfter: after})
	}
	for event, err := range Follow[*cloudv1.ResourceEvent](context.Background(), dial) {
		if err != nil {
			log.Fatal(err)
		}
		if opened := event.GetControl().GetOpened(); opened != nil && !opened.Resumed {
			fmt.Println("forget what was there")
		}
		if instance := event.GetInstance(); instance != nil {
			fmt.Println(instance.Name, instance.State)
		}
		if removed := event.GetRemoved(); removed != nil {
			fmt.Println(removed.Name, "is gone")
			break
		}
	}
	fmt.Println("resumed after", fake.asked[1].GetSequence())
	// Output:
	// forget what was there
	// providers/aws/instances/us-east-1~i-1 INSTANCE_STATE_RUNNING
	// providers/aws/instances/us-east-1~i-1 INSTANCE_STATE_STOPPED
	// providers/aws/instances/us-east-1~i-1 is gone
	// resumed after 7
}
