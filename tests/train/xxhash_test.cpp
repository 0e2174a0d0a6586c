#include "train/xxhash.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace transformlet {
namespace {

// Of n bytes, of which number i is (37 i + 11) mod 256: by libxxhash 0.8.1 (XXH64, seed 0). Every tail there is, with
// and without stripes of 32 bytes before it.
TEST(Xxhash, IsThatOfTheLibrary) {
  const std::vector<std::pair<size_t, uint64_t>> recorded = {
      {0, 0xef46db3751d8e999},   {1, 0xf592c0c7639c4cb6},  {3, 0x22c08528601d4f27},  {4, 0xfb1e5cf2f1ae4d95},
      {5, 0x9d213eca1f68f273},   {7, 0x5613ac510496c04e},  {8, 0x57cb2b7521f3e21a},  {11, 0x1bef4539443a2d5a},
      {15, 0x90a9714eb00e8d29},  {16, 0xc6843cef99721174}, {31, 0xe4a0e629e519a4ae}, {32, 0xcc6b8aaada790b2d},
      {33, 0x35ec49850475a832},  {36, 0xbebb6d8c24fb3cfa}, {39, 0x22984e41b53c1210}, {63, 0xbf9f0ba3cf95b28a},
      {64, 0x155ccce4bf32befc},  {95, 0xeb8fa2edc9550675}, {96, 0x7c874b795fa7ab0c}, {127, 0xf648961449461a69},
      {1000, 0x128da10cfbdc59d9}};
  for (const auto& [length, hash] : recorded) {
    std::string bytes;
    for (size_t i = 0; i < length; ++i) bytes += static_cast<char>(37 * i + 11);
    EXPECT_EQ(xxhash64(bytes), hash) << length;
  }
}

}  // namespace
}  // namespace transformlet
