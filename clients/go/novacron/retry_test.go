package novacron

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// stopping refuses each call twice, as a sidecar that is being restarted does.
type stopping struct {
	cloudv1.UnimplementedProviderServiceServer
	calls   atomic.Int32
	forbids bool
}

func (s *stopping) refuse(ctx context.Context) error {
	if s.calls.Add(1) > 2 {
		return nil
	}
	if s.forbids {
		grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", "-1"))
	}
	return status.Error(codes.Unavailable, "the server stops; connect anew")
}

func (s *stopping) ListProviders(ctx context.Context, _ *cloudv1.ListProvidersRequest) (*cloudv1.ListProvidersResponse, error) {
	return &cloudv1.ListProvidersResponse{}, s.refuse(ctx)
}

func (s *stopping) CreateInstance(ctx context.Context, _ *cloudv1.CreateInstanceRequest) (*cloudv1.CreateInstanceResponse, error) {
	return &cloudv1.CreateInstanceResponse{}, s.refuse(ctx)
}

func patient(t *testing.T, service *stopping) cloudv1.ProviderServiceClient {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	cloudv1.RegisterProviderServiceServer(server, service)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(ServiceConfig()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return cloudv1.NewProviderServiceClient(conn)
}

func TestReadsAreSentAgainAndMutationsAreNot(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	service := &stopping{}
	if _, err := patient(t, service).ListProviders(ctx, &cloudv1.ListProvidersRequest{}); err != nil || service.calls.Load() != 3 {
		t.Errorf("a read: %v after %d calls", err, service.calls.Load())
	}
	service = &stopping{}
	_, err := patient(t, service).CreateInstance(ctx, &cloudv1.CreateInstanceRequest{})
	if status.Code(err) != codes.Unavailable || service.calls.Load() != 1 {
		t.Errorf("a mutation: %v after %d calls", err, service.calls.Load())
	}
}

func TestWhatTheSidecarForbidsIsNotRepeated(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	service := &stopping{forbids: true}
	_, err := patient(t, service).ListProviders(ctx, &cloudv1.ListProvidersRequest{})
	if status.Code(err) != codes.Unavailable || service.calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, service.calls.Load())
	}
}
