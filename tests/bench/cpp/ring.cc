// ring SERIES PERIOD: the fan-out as C++ does it: gRPC's callback API, each batch encoded once, a cursor per subscriber.
//
// Prints its port, answers every call with a batch of SERIES samples each PERIOD seconds, ends when standard input does.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "wire.h"

namespace {

class Subscriber;

// The last batches, and who reads them.
struct Ring {
  static constexpr size_t kHeld = 64;
  std::mutex mutex;
  std::deque<std::shared_ptr<grpc::ByteBuffer>> held;
  uint64_t head = 0;
  std::set<Subscriber*> subscribers;
} ring;

class Subscriber : public grpc::ServerGenericBidiReactor {
 public:
  Subscriber() {
    StartSendInitialMetadata();
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    std::lock_guard lock(ring.mutex);
    if (!ok) return;
    cursor_ = ring.head;
    ring.subscribers.insert(this);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(ring.mutex);
    is_writing_ = false;
    if (ok) {
      Send();
    } else {
      End();
    }
  }

  void OnCancel() override {
    std::lock_guard lock(ring.mutex);
    if (!is_writing_) End();
  }

  void OnDone() override { delete this; }

  // Writes the next batch, if there is one and nothing is being written. Under the ring's mutex.
  void Send() {
    if (is_writing_ || is_ended_ || cursor_ == ring.head) return;
    cursor_ = std::max(cursor_, ring.head - ring.held.size());
    batch_ = ring.held[cursor_++ - (ring.head - ring.held.size())];
    is_writing_ = true;
    StartWrite(batch_.get());
  }

 private:
  void End() {
    if (is_ended_) return;
    is_ended_ = true;
    ring.subscribers.erase(this);
    Finish(grpc::Status::CANCELLED);
  }

  grpc::ByteBuffer request_;
  std::shared_ptr<grpc::ByteBuffer> batch_;
  uint64_t cursor_ = 0;
  bool is_writing_ = false, is_ended_ = false;
};

class Service : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Subscriber;
  }
};

void Publish(size_t series, std::chrono::duration<double> period) {
  auto next = std::chrono::steady_clock::now();
  while (true) {
    next += std::chrono::duration_cast<std::chrono::steady_clock::duration>(period);
    std::this_thread::sleep_until(next);
    grpc::Slice slice(wire::Batch(ring.head + 1, series));
    std::lock_guard lock(ring.mutex);
    ring.held.push_back(std::make_shared<grpc::ByteBuffer>(&slice, 1));
    ring.head++;
    if (ring.held.size() > Ring::kHeld) ring.held.pop_front();
    for (auto* subscriber : ring.subscribers) subscriber->Send();
  }
}

}  // namespace

int main(int, char** arguments) {
  Service service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&service);
  auto server = builder.BuildAndStart();
  std::cout << "127.0.0.1:" << port << std::endl;
  std::thread(Publish, std::atoi(arguments[1]), std::chrono::duration<double>(std::atof(arguments[2]))).detach();
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  std::_Exit(0);
}
