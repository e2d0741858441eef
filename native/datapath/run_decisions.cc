// Answers each line "PROGRAM HEX" with what that program of bpf/decisions_test.bpf.c returns for those bytes. For tests only.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "decisions_test.skel.h"

namespace {
std::vector<char> fromHex(const std::string& hex) {
  std::vector<char> bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2) bytes.push_back(static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16)));
  return bytes;
}

// The program's return value; -1 where the kernel did not run it.
long run(int program, std::vector<char> context) {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.ctx_in = context.data();
  options.ctx_size_in = static_cast<uint32_t>(context.size());
  return bpf_prog_test_run_opts(program, &options) ? -1 : static_cast<long>(options.retval);
}
}  // namespace

int main() {
  std::unique_ptr<decisions_test_bpf, decltype(&decisions_test_bpf__destroy)> loaded(decisions_test_bpf__open_and_load(),
                                                                                     decisions_test_bpf__destroy);
  if (!loaded) return std::cerr << "load: " << strerror(errno) << "\n", 1;
  std::string name, hex;
  while (std::cin >> name >> hex) {
    const bpf_program* program = bpf_object__find_program_by_name(loaded->obj, name.c_str());
    if (!program) return std::cerr << "there is no program " << name << "\n", 1;
    std::cout << run(bpf_program__fd(program), fromHex(hex)) << "\n";
  }
}
