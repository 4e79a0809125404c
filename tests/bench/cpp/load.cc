// load ADDRESS METHOD REQUEST STREAMS CONNECTIONS WINDOW: readers of a stream, cheap enough to leave the server the cores.
//
// Opens STREAMS calls of METHOD on CONNECTIONS connections with REQUEST (in hexadecimal digits); WINDOW limits what a
// stream takes in unread, 0 for gRPC's own way. Answers each line of standard input with a line of JSON:
//
//     count    what all streams together received so far
//     hold N   stop reading the first N
//     renew    cancel all, and open as many anew; what they received is forgotten
//
// It ends when standard input does.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "wire.h"

namespace {

class Reader : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  void Open(grpc::GenericStub& stub, const std::string& method, const std::string& request) {
    grpc::Slice slice(request);
    request_ = grpc::ByteBuffer(&slice, 1);
    stub.PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    std::lock_guard lock(mutex);
    Take();
    response_.Clear();
    if (!is_held_) StartRead(&response_);
  }

  void OnDone(const grpc::Status&) override {
    std::lock_guard lock(mutex);
    // The streams do not end by themselves.
    failed = !is_cancelled_;
    is_done_ = true;
    done_.notify_all();
  }

  void Hold() {
    std::lock_guard lock(mutex);
    is_held_ = true;
  }

  void Cancel() {
    {
      std::lock_guard lock(mutex);
      is_cancelled_ = true;
    }
    context_.TryCancel();
  }

  void Wait() {
    std::unique_lock lock(mutex);
    done_.wait(lock, [this] { return is_done_; });
  }

  // What was received; under the mutex.
  std::mutex mutex;
  uint64_t messages = 0, bytes = 0, events = 0, samples = 0, dropped = 0, first = 0, last = 0;
  bool failed = false;

 private:
  void Take() {
    std::vector<grpc::Slice> slices;
    if (!response_.Dump(&slices).ok()) return;
    std::string whole;
    const char* data = slices.empty() ? "" : reinterpret_cast<const char*>(slices[0].begin());
    if (slices.size() > 1) {
      for (auto& slice : slices) whole.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
      data = whole.data();
    }
    messages++;
    bytes += response_.Length();
    for (wire::Fields fields(data, response_.Length()); fields.Next();) {
      if (fields.number == 1) Event(fields.data, fields.size);
    }
  }

  void Event(const char* data, size_t size) {
    uint64_t sequence = 0, lost = 0;
    bool is_control = false;
    for (wire::Fields event(data, size); event.Next();) {
      if (event.number == 1) sequence = event.value;
      if (event.number == 2) {
        is_control = true;
        lost = Gap(event.data, event.size);
      }
      if (event.number == 4) {
        for (wire::Fields batch(event.data, event.size); batch.Next();) {
          // Those of a snapshot are no news.
          if (batch.number == 5 && sequence) samples += batch.size / sizeof(double);
        }
      }
    }
    if (lost) {
      dropped += lost;
      last += lost;
    }
    if (!sequence) return;
    if (!last) first = sequence - !is_control;
    if (!is_control) events++;
    last = sequence;
  }

  // Events that a StreamControl says were dropped.
  static uint64_t Gap(const char* data, size_t size) {
    for (wire::Fields control(data, size); control.Next();) {
      if (control.number != 4) continue;
      for (wire::Fields gap(control.data, control.size); gap.Next();) {
        if (gap.number == 1) return gap.value;
      }
    }
    return 0;
  }

  grpc::ClientContext context_;
  grpc::ByteBuffer request_, response_;
  std::condition_variable done_;
  bool is_held_ = false, is_cancelled_ = false, is_done_ = false;
};

using Readers = std::vector<std::unique_ptr<Reader>>;

std::string Unhexed(const std::string& text) {
  std::string found;
  for (size_t n = 0; n + 1 < text.size(); n += 2) found += char(std::stoi(text.substr(n, 2), nullptr, 16));
  return found;
}

void Count(const Readers& readers, size_t held) {
  uint64_t messages = 0, bytes = 0, events = 0, samples = 0, dropped = 0, failed = 0, opened = 0;
  int64_t unaccounted = 0;
  uint64_t least = UINT64_MAX;
  for (size_t n = 0; n < readers.size(); n++) {
    Reader& reader = *readers[n];
    std::lock_guard lock(reader.mutex);
    failed += reader.failed;
    opened += reader.messages > 0;
    if (n < held) continue;
    messages += reader.messages;
    bytes += reader.bytes;
    events += reader.events;
    samples += reader.samples;
    dropped += reader.dropped;
    least = std::min(least, reader.samples);
    unaccounted += std::abs(int64_t(reader.last - reader.first) - int64_t(reader.events + reader.dropped));
  }
  std::cout << "{\"messages\":" << messages << ",\"size\":" << bytes << ",\"events\":" << events
            << ",\"samples\":" << samples << ",\"dropped\":" << dropped << ",\"failed\":" << failed
            << ",\"opened\":" << opened << ",\"least\":" << least << ",\"unaccounted\":" << unaccounted << "}"
            << std::endl;
}

void End(Readers& readers) {
  for (auto& reader : readers) reader->Cancel();
  for (auto& reader : readers) reader->Wait();
}

}  // namespace

int main(int, char** arguments) {
  const std::string address = arguments[1], method = arguments[2], request = Unhexed(arguments[3]);
  const size_t streams = std::atoi(arguments[4]), connections = std::atoi(arguments[5]);
  grpc::ChannelArguments options;
  options.SetInt("grpc.use_local_subchannel_pool", 1);
  options.SetInt("grpc.max_receive_message_length", -1);
  if (int window = std::atoi(arguments[6])) {
    options.SetInt("grpc.http2.lookahead_bytes", window);
    options.SetInt("grpc.http2.bdp_probe", 0);
  }
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
  for (size_t n = 0; n < connections; n++) {
    auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), options);
    channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10));
    stubs.push_back(std::make_unique<grpc::GenericStub>(channel));
  }
  auto open = [&] {
    Readers readers;
    for (size_t n = 0; n < streams; n++) {
      readers.push_back(std::make_unique<Reader>());
      readers.back()->Open(*stubs[n % connections], method, request);
    }
    return readers;
  };
  Readers readers = open();
  size_t held = 0;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "hold") {
      words >> held;
      for (size_t n = 0; n < held; n++) readers[n]->Hold();
    } else if (command == "renew") {
      End(readers);
      readers = open();
      held = 0;
    }
    Count(readers, held);
  }
  End(readers);
  return 0;
}
