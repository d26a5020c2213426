#include "CSentencePiece.h"
#include "support.h"

#include <fcntl.h>
#include <sentencepiece_trainer.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <unordered_map>

using namespace puna;

namespace {

class Sentences : public sentencepiece::SentenceIterator {
 public:
  Sentences(const puna_text *texts, size_t count) : texts_(texts), count_(count) { take(); }
  bool done() const override { return index_ >= count_; }
  void Next() override {
    ++index_;
    take();
  }
  const std::string &value() const override { return value_; }
  sentencepiece::util::Status status() const override { return sentencepiece::util::Status(); }

 private:
  void take() {
    if (index_ < count_) value_.assign(texts_[index_].bytes, texts_[index_].byte_count);
  }
  const puna_text *texts_;
  size_t count_, index_ = 0;
  std::string value_;
};

/* A file in memory that a child's writing is read from. */
class MemoryFile {
 public:
  explicit MemoryFile(const char *name) : descriptor_(memfd_create(name, MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int descriptor() const { return descriptor_; }

  bool write(const std::string &text) const {
    for (size_t done = 0; done < text.size();) {
      const ssize_t count = ::write(descriptor_, text.data() + done, text.size() - done);
      if (count < 0 && errno != EINTR) return false;
      if (count > 0) done += count;
    }
    return true;
  }

  std::string read() const {
    struct stat status;
    if (fstat(descriptor_, &status) != 0 || status.st_size <= 0) return "";
    std::string text(status.st_size, 0);
    for (size_t done = 0; done < text.size();) {
      const ssize_t count = pread(descriptor_, &text[done], text.size() - done, done);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return "";
      done += count;
    }
    return text;
  }

 private:
  int descriptor_;
};

enum { trained = 0, refused = 3, unwritten = 4 };

/* The child: trains, leaves the model or the reason in a file, and ends without running what the parent has registered for its own end. */
[[noreturn]] void train(
    const std::unordered_map<std::string, std::string> &settings, const puna_text *sentences, size_t count, const MemoryFile &output,
    const MemoryFile &errors, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(refused);  // gone before it was asked
  dup2(errors.descriptor(), STDERR_FILENO);
  std::string model;
  char *message = nullptr;
  const bool done = guarded(&message, [&] {
    Sentences iterator(sentences, count);
    return sentencepiece::SentencePieceTrainer::Train(settings, &iterator, &model);
  });
  if (done) _exit(output.write(model) ? trained : unwritten);
  output.write(message ? message : "");
  _exit(refused);
}

/* In one line. */
std::string joined(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char &character : text)
    if (character == '\n') character = ' ';
  return text;
}

}  // namespace

bool puna_sentencepiece_train(
    const char *const *settings, size_t setting_count, const puna_text *sentences, size_t sentence_count, void **model,
    size_t *byte_count, char **message) {
  return guarded(message, [&] {
    const auto failure = [](const std::string &text) {
      return sentencepiece::util::Status(sentencepiece::util::StatusCode::kInternal, text);
    };
    std::unordered_map<std::string, std::string> named;
    for (size_t index = 0; index + 1 < setting_count; index += 2) named[settings[index]] = settings[index + 1];
    const MemoryFile output("model"), errors("errors");
    if (output.descriptor() < 0 || errors.descriptor() < 0) return failure("no file in memory can be made");
    fflush(nullptr);  // or the child would write it once more
    const pid_t parent = getpid(), child = fork();
    if (child < 0) return failure(std::string("no process can be made: ") + strerror(errno));
    if (child == 0) train(named, sentences, sentence_count, output, errors, parent);
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
      if (errno != EINTR) return failure(std::string("waiting for it failed: ") + strerror(errno));
    if (WIFSIGNALED(status)) {
      if (WTERMSIG(status) == SIGKILL) return failure("killed, as a system without memory left does");
      return failure(std::string("ended by signal ") + std::to_string(WTERMSIG(status)) + " " + joined(errors.read()));
    }
    const std::string result = output.read();
    if (WEXITSTATUS(status) == refused) return failure(result.empty() ? "no reason given" : result);
    if (WEXITSTATUS(status) != trained || result.empty()) {
      const std::string text = joined(errors.read());
      return failure(text.empty() ? "ended with status " + std::to_string(WEXITSTATUS(status)) : text);
    }
    *byte_count = result.size();
    *model = copied(result.data(), result.size());
    return *model ? sentencepiece::util::Status() : out_of_memory();
  });
}
