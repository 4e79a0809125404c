// Tour shows a sidecar at work from Go: it creates a machine in each cloud, reads their metrics over a connection that
// breaks in the middle, checks that nothing was missed or doubled, and deletes the machines.
//
//	tour --address 127.0.0.1:7443 --providers aws,gcp --type '{"aws": "t3.micro", "gcp": "e2-medium"}' \
//	    --image '{"aws": "ami-0abc", "gcp": "projects/debian-cloud/global/images/family/debian-12"}'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/khryptorgraphics/novacron-cloud/clients/go/cloudv1"
	"github.com/khryptorgraphics/novacron-cloud/clients/go/novacron"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	address := flag.String("address", "127.0.0.1:7443", "where the sidecar is")
	providers := flag.String("providers", "aws", "ids of registered providers, separated by commas")
	images := flag.String("image", "{}", "image for each provider, as a JSON object")
	types := flag.String("type", "{}", "instance type for each provider, as a JSON object")
	limit := flag.Duration("timeout", 10*time.Minute, "how long it may take in all")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *limit)
	defer cancel()
	if err := run(ctx, *address, strings.Split(*providers, ","), *images, *types); err != nil {
		fmt.Fprintln(os.Stderr, "tour:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string, providers []string, images, types string) (err error) {
	var image, machineType map[string]string
	if err := json.Unmarshal([]byte(images), &image); err != nil {
		return fmt.Errorf("--image: %w", err)
	}
	if err := json.Unmarshal([]byte(types), &machineType); err != nil {
		return fmt.Errorf("--type: %w", err)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(novacron.ServiceConfig()))
	if err != nil {
		return err
	}
	defer conn.Close()
	tour := tour{cloudv1.NewProviderServiceClient(conn), cloudv1.NewOperationsServiceClient(conn)}
	var machines []string
	defer func() {
		// Also after a failure, and when the time is over.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		err = errors.Join(err, each(machines, func(name string) error { return tour.delete(ctx, name) }))
	}()
	var lock sync.Mutex
	err = each(providers, func(provider string) error {
		made, err := tour.create(ctx, provider, image[provider], machineType[provider])
		lock.Lock()
		defer lock.Unlock()
		machines = append(machines, made...)
		return err
	})
	if err != nil {
		return err
	}
	return readTwice(ctx, cloudv1.NewMetricsServiceClient(conn), machines)
}

// each does something for all of them at the same time, and returns what went wrong.
func each(of []string, do func(string) error) error {
	failures := make([]error, len(of))
	var all sync.WaitGroup
	for i, one := range of {
		all.Go(func() { failures[i] = do(one) })
	}
	all.Wait()
	return errors.Join(failures...)
}

type tour struct {
	providers  cloudv1.ProviderServiceClient
	operations cloudv1.OperationsServiceClient
}

// create returns the names of what it made, also when it fails.
func (t tour) create(ctx context.Context, provider, image, machineType string) ([]string, error) {
	created, err := t.providers.CreateInstance(ctx, &cloudv1.CreateInstanceRequest{
		Parent:    "providers/" + provider,
		Spec:      &cloudv1.InstanceSpec{DisplayName: "tour", Image: image, InstanceType: machineType},
		RequestId: novacron.NewRequestID(),
	})
	if err != nil {
		return nil, fmt.Errorf("creating a machine at %s: %w", provider, err)
	}
	instance, err := novacron.Wait[*cloudv1.Instance](ctx, t.operations, created.Operation, show)
	if err != nil {
		return left(err), fmt.Errorf("creating a machine at %s: %w", provider, err)
	}
	fmt.Println(instance.Name, instance.State, instance.InstanceType)
	return []string{instance.Name}, nil
}

// left is the machines that an operation which failed has left behind.
func left(err error) (names []string) {
	var failed *novacron.OperationError
	if errors.As(err, &failed) {
		for _, target := range failed.Operation.Targets {
			if target.Type == cloudv1.ResourceType_RESOURCE_TYPE_INSTANCE {
				names = append(names, target.Name)
			}
		}
	}
	return names
}

func (t tour) delete(ctx context.Context, name string) error {
	deleted, err := t.providers.DeleteInstance(ctx, &cloudv1.DeleteInstanceRequest{
		Name: name, AllowMissing: true, RequestId: novacron.NewRequestID(),
	})
	if err == nil {
		_, err = novacron.Wait[*emptypb.Empty](ctx, t.operations, deleted.Operation, show)
	}
	if err != nil {
		return fmt.Errorf("deleting %s: %w", name, err)
	}
	fmt.Println(name, "deleted")
	return nil
}

// show prints how far an operation is.
func show(operation *cloudv1.Operation) {
	step := ""
	for _, each := range operation.Steps {
		if each.State == cloudv1.OperationState_OPERATION_STATE_RUNNING {
			step = each.Title
		}
	}
	provider := strings.Split(operation.Name, "/")[1]
	fmt.Printf("%s %s %3d %% %s %s\n", provider, operation.Method, operation.GetProgressPercent(), operation.State, step)
}
