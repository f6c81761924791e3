// Every rule of the block manager.
#include "engine/block_cache.h"

TEST("blocks: a prompt reuses a dropped sequence up to every cut") {
  for (const size_t length : {1U, 3U, 4U, 5U, 8U, 11U, 12U, 14U}) {
    for (size_t cut = 0; cut <= length; ++cut) {
      for (const size_t more : {0U, 1U, 6U}) {
        if (cut + more == 0) continue;
        Cache cache(16);
        const Tokens first = count_up(length);
        cache.serve(1, first);
        const Tokens second =
            joined(Tokens(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(cut)), count_up(more, 1000));
        CHECK_EQUAL(cache.begin(2, second), std::min(cut, second.size() - 1));
      }
    }
  }
}

TEST("blocks: of a running sequence the published blocks are reused") {
  Cache cache(16);
  cache.begin(1, count_up(10));
  cache.admit(2, count_up(10));
  CHECK_EQUAL(cache.histories().at(2).size(), 0U);
  cache.publish(1);
  cache.admit(3, count_up(10));
  CHECK_EQUAL(cache.histories().at(3).size(), 8U);
  CHECK_EQUAL(cache.copies(), 0U);
  CHECK_EQUAL(cache.table(3)[0], cache.table(1)[0]);
  CHECK_EQUAL(cache.table(3)[1], cache.table(1)[1]);
  CHECK(cache.table(3)[2] != cache.table(1)[2]);
}

TEST("blocks: whole blocks are shared, a block that matches in part is copied") {
  Cache cache(8);
  cache.begin(1, count_up(8));
  cache.publish(1);
  CHECK_EQUAL(*cache.admit(2, joined(count_up(6), {70, 71})), 6U);
  CHECK_EQUAL(cache.table(2)[0], cache.table(1)[0]);
  CHECK_EQUAL(cache.copies(), 1U);
  CHECK_EQUAL(cache.copy_at(0).from, cache.table(1)[1]);
  CHECK_EQUAL(cache.copy_at(0).to, cache.table(2)[1]);
  cache.write(2, {70, 71});
  CHECK_EQUAL(cache.copies(), 0U);
}

TEST("blocks: of several beginnings the longest is copied") {
  Cache cache(16);
  cache.serve(1, {1, 2, 3, 4, 5, 60, 61, 62});
  cache.serve(2, {1, 2, 3, 4, 5, 6, 7, 80});
  cache.serve(3, {1, 2, 3, 4, 5, 6, 90, 91});
  CHECK_EQUAL(cache.serve(4, {1, 2, 3, 4, 5, 6, 7, 8, 9}), 7U);
  CHECK_EQUAL(cache.serve(5, {1, 2, 3, 9}), 3U);
}

TEST(
    "blocks: a cache without evictions finds what is longest in common, "
    "however the hashes collide") {
  for (const int bits : {64, 2, 0}) {
    Cache cache(2000, bits);
    std::mt19937 random(7);
    std::vector<Tokens> served;
    for (SequenceId id = 1; id <= 300; ++id) {
      Tokens tokens(1 + random() % 20);
      for (Token& token : tokens) token = static_cast<Token>(random() % 2);
      size_t longest = 0;
      for (const Tokens& other : served) longest = std::max(longest, common(tokens, other));
      CHECK_EQUAL(cache.serve(id, tokens), std::min(longest, tokens.size() - 1));
      served.push_back(tokens);
    }
    CHECK_EQUAL(cache.use().evictions, 0U);
  }
}

TEST(
    "blocks: equal hashes are not equal tokens, and equal tokens not equal "
    "histories") {
  Cache cache(16, 0);
  cache.serve(1, {1, 2, 3, 4, 5, 6, 7, 8});
  cache.serve(2, {9, 9, 9, 9, 5, 6, 7, 8});
  CHECK_EQUAL(cache.serve(3, {5, 6, 7, 8, 5, 6, 7, 8}), 0U);
  CHECK_EQUAL(cache.serve(4, {9, 9, 9, 9, 5, 6, 7, 8, 1}), 8U);
  CHECK_EQUAL(cache.serve(5, {1, 2, 3, 4, 1, 2, 3, 4}), 4U);
}

TEST("blocks: hostile ids are only numbers") {
  Cache cache(8);
  const Tokens tokens{-1, INT32_MAX, INT32_MIN, 0, -1, -1};
  cache.serve(1, tokens);
  CHECK_EQUAL(cache.serve(2, tokens), 5U);
}

TEST("blocks: the begun last block is cached once") {
  Cache cache(16);
  cache.serve(1, count_up(6));
  CHECK_EQUAL(cache.use().cached, 2U);
  cache.serve(2, count_up(6));
  CHECK_EQUAL(cache.use().cached, 2U);
  cache.serve(3, count_up(5));
  CHECK_EQUAL(cache.use().cached, 2U);
  cache.serve(4, count_up(7));
  CHECK_EQUAL(cache.use().cached, 3U);
  CHECK_EQUAL(cache.use().used, 0U);
}

TEST("blocks: two sequences that computed the same keep one copy") {
  Cache cache(16);
  cache.admit(1, count_up(10));
  cache.admit(2, count_up(10));
  CHECK(cache.reserve(1, 10) && cache.reserve(2, 10));
  cache.write({{1, count_up(10)}, {2, count_up(10)}});
  CHECK_EQUAL(cache.use().used, 6U);
  cache.publish(1);
  CHECK_EQUAL(cache.use().used, 6U);
  cache.publish(2);
  CHECK_EQUAL(cache.use().used, 4U);
  CHECK_EQUAL(cache.free(), 12U);
  CHECK_EQUAL(cache.table(2)[1], cache.table(1)[1]);
  CHECK(cache.write(2, {50, 51, 52}));
  cache.drop(1);
  CHECK_EQUAL(cache.begin(3, count_up(12)), 10U);
}

TEST(
    "blocks: a fork shares everything; who writes first gets a copy of the "
    "begun block") {
  Cache cache(8);
  cache.begin(1, count_up(6));
  cache.fork(1, 2);
  cache.fork(1, 3);
  CHECK_EQUAL(cache.use().used, 2U);
  CHECK_EQUAL(cache.table(2), cache.table(1));
  const Block shared = cache.table(1)[1];
  CHECK(cache.reserve(1, 7));
  CHECK_EQUAL(cache.copies(), 1U);
  CHECK_EQUAL(cache.copy_at(0).from, shared);
  CHECK_EQUAL(cache.copy_at(0).to, cache.table(1)[1]);
  CHECK(cache.reserve(2, 7) && cache.reserve(3, 7));
  CHECK_EQUAL(cache.copies(), 2U);
  CHECK_EQUAL(cache.table(3)[1], shared);
  cache.write({{1, {10}}, {2, {20}}, {3, {30}}});
  CHECK_EQUAL(cache.use().used, 4U);
  CHECK_EQUAL(cache.table(1)[0], cache.table(3)[0]);
}

TEST("blocks: a fork of full blocks needs no copy, and room is not shared") {
  Cache cache(8);
  cache.begin(1, count_up(8));
  CHECK(cache.reserve(1, 16));
  cache.fork(1, 2);
  CHECK_EQUAL(cache.room(2), 8U);
  CHECK(cache.write(1, {10, 11}));
  CHECK(cache.write(2, {20, 21}));
  CHECK_EQUAL(cache.use().used, 2U + 2U + 1U);
}

TEST(
    "blocks: a fork of what was never published outlives the block that its "
    "first one is a twin of") {
  Cache cache(6);
  cache.admit(1, count_up(4));
  cache.admit(2, count_up(8));
  CHECK(cache.reserve(1, 4) && cache.reserve(2, 8));
  cache.write({{1, count_up(4)}, {2, count_up(8)}});
  cache.publish(1);
  cache.fork(2, 3);
  cache.publish(2);
  cache.drop(1);
  cache.drop(2);
  CHECK_EQUAL(cache.serve(4, count_up(16, 500)),
              0U);  // takes all blocks that are nobody's
  cache.drop(3);
  CHECK_EQUAL(cache.begin(5, count_up(9)), 8U);
}

TEST(
    "blocks: a fork that cannot get its copy changes nothing, and the other "
    "goes on") {
  Cache cache(2);
  cache.begin(1, count_up(6));
  cache.fork(1, 2);
  CHECK(!cache.reserve(1, 7));
  cache.drop(2);
  CHECK(cache.write(1, {9}));
  CHECK_EQUAL(cache.copies(), 0U);
}

TEST(
    "blocks: what is cached is evicted least recently used first, of a "
    "sequence the end first") {
  Cache cache(6);
  cache.serve(1, count_up(8));
  cache.serve(2, count_up(8, 100));
  cache.serve(3, count_up(8, 200));
  CHECK_EQUAL(cache.use().cached, 6U);
  CHECK_EQUAL(cache.begin(4, joined(count_up(8), {50})),
              8U);  // 1 is used again; 2 loses its end
  CHECK_EQUAL(cache.use().evictions, 1U);
  cache.drop(4);
  CHECK_EQUAL(cache.begin(5, count_up(8, 200)),
              7U);  // the end's copy goes where 2 began
  CHECK_EQUAL(cache.use().evictions, 2U);
  cache.drop(5);
  CHECK_EQUAL(cache.serve(6, count_up(5, 100)), 0U);
}

TEST("blocks: a chain is eaten from its end, and what is left still serves") {
  Cache cache(8);
  const Tokens chain = count_up(32);
  cache.serve(1, chain);
  for (SequenceId id = 2; id < 9; ++id) {
    cache.begin(id, {static_cast<Token>(1000 * id)});
    CHECK_EQUAL(cache.use().evictions, static_cast<size_t>(id - 1));
  }
  cache.drop(8);
  CHECK_EQUAL(*cache.admit(20, count_up(5)), 4U);
}

TEST("blocks: a block whose source is evicted for it needs no copy") {
  Cache cache(2);
  cache.serve(1, count_up(6));
  CHECK_EQUAL(*cache.admit(2, joined(count_up(6), {60})), 6U);
  CHECK_EQUAL(cache.copies(), 0U);
  cache.write(2, {60});
  CHECK_EQUAL(cache.use().evictions, 1U);
}

TEST("blocks: a source may be evicted for another block of the same sequence") {
  Cache cache(4);
  cache.serve(1, count_up(6));
  cache.begin(2, {77});
  CHECK_EQUAL(*cache.admit(3, joined(count_up(6), {60, 61, 62})), 6U);
  CHECK_EQUAL(cache.copies(), 1U);
  CHECK_EQUAL(cache.copy_at(0).from, cache.table(3)[2]);
  cache.write(3, {60, 61, 62});
}

TEST(
    "blocks: copies wait in order, though their sequences are gone before "
    "they are carried out") {
  Cache cache(5);
  cache.begin(1, count_up(8));
  cache.publish(1);
  CHECK_EQUAL(*cache.admit(2, joined(count_up(7), {70})), 7U);
  cache.drop(2);
  CHECK_EQUAL(*cache.admit(3, joined(count_up(7), {71, 72, 73, 74, 75})), 7U);
  CHECK(cache.copies() >= 2U);
  cache.write({{3, {71, 72, 73, 74, 75}}});
  cache.publish(3);
  cache.drop(1);
  CHECK_EQUAL(cache.begin(4, joined(count_up(7), {71, 72})), 8U);
}

TEST(
    "blocks: admission leaves spare blocks, counting those it takes out of "
    "the cache") {
  Cache cache(6);
  cache.serve(1, count_up(16));
  CHECK(!cache.admit(2, count_up(16), 3).has_value());
  CHECK_EQUAL(cache.use().cached, 4U);
  CHECK_EQUAL(*cache.admit(2, count_up(16), 2), 15U);
  CHECK_EQUAL(cache.available(), 2U);
  CHECK_EQUAL(*cache.admit(3, count_up(16), 1),
              12U + 3U);  // shares three, copies the last
  CHECK(!cache.admit(4, count_up(1, 9), 1).has_value());
  CHECK(cache.admit(4, count_up(1, 9), 0).has_value());
}

TEST("blocks: room that runs out changes nothing") {
  Cache cache(4);
  cache.begin(1, count_up(6));
  cache.begin(2, count_up(4, 50));
  CHECK(!cache.reserve(1, 13));
  CHECK(cache.reserve(1, 12));
  CHECK(cache.write(1, count_up(6, 90)));
  CHECK(!cache.reserve(2, 5));
  CHECK(!cache.admit(3, {1}).has_value());
  cache.drop(2);
  CHECK(cache.reserve(1, 16));
  CHECK_EQUAL(cache.use().evictions, 1U);
}

TEST("blocks: what is trimmed away stays room, and comes back as other tokens") {
  Cache cache(8);
  cache.begin(1, count_up(4));
  CHECK(cache.write(1, {10, 11, 12, 13, 14}));
  const auto blocks = cache.table(1);
  cache.trim(1, 6);
  CHECK_EQUAL(cache.table(1), blocks);
  CHECK(cache.write(1, {90, 91, 92}));
  CHECK_EQUAL(cache.table(1), blocks);
  cache.drop(1);
  CHECK_EQUAL(cache.begin(2, {0, 1, 2, 3, 10, 11, 12, 13, 14}), 6U);
  CHECK_EQUAL(cache.begin(3, {0, 1, 2, 3, 10, 11, 90, 91, 92, 93}), 9U);
}

TEST(
    "blocks: a sequence that is trimmed within a published block leaves it to "
    "others") {
  Cache cache(8);
  cache.begin(1, count_up(12));
  cache.publish(1);
  cache.begin(2, count_up(12));  // shares two blocks
  cache.trim(1, 6);
  CHECK(cache.write(1, {90, 91, 92}));
  CHECK(cache.table(1)[1] != cache.table(2)[1]);
  cache.drop(2);
  CHECK_EQUAL(cache.begin(3, count_up(12)), 11U);
}

TEST(
    "blocks: a trimmed block that others continue from is copied, one that "
    "nobody relies on is overwritten") {
  Cache cache(8);
  cache.begin(1, count_up(12));
  cache.drop(1);
  cache.begin(2, count_up(13));
  cache.trim(2, 6);  // the third block continues the second one, and is cached
  CHECK(cache.reserve(2, 8));
  CHECK_EQUAL(cache.copies(), 1U);
  cache.write({{2, {90, 91}}});
  cache.trim(2, 7);
  cache.drop(2);
  CHECK_EQUAL(cache.begin(3, count_up(12)), 11U);
  cache.clear();
  cache.begin(1, count_up(8));
  cache.publish(1);
  cache.trim(1, 6);
  const auto blocks = cache.table(1);
  CHECK(cache.write(1, {90, 91}));
  CHECK_EQUAL(cache.table(1), blocks);
  CHECK_EQUAL(cache.copies(), 0U);
  CHECK_EQUAL(*cache.admit(2, count_up(8)), 4U);
}

TEST("blocks: refused room takes nothing from the cache") {
  Cache cache(3);
  cache.begin(1, count_up(8));
  cache.publish(1);
  cache.trim(1, 6);
  CHECK(!cache.reserve(1, 13));
  cache.drop(1);
  CHECK_EQUAL(cache.begin(2, count_up(9)), 8U);
}

TEST(
    "blocks: the begun block of a dropped fork serves until the other writes "
    "on") {
  Cache cache(8);
  cache.begin(1, count_up(6));
  cache.fork(1, 2);
  cache.drop(1);
  CHECK_EQUAL(*cache.admit(3, count_up(7)), 6U);
  CHECK(cache.write(2, {90}));
  CHECK_EQUAL(*cache.admit(4, count_up(7)), 4U);
}

TEST("blocks: a sequence trimmed to nothing begins anew") {
  Cache cache(8);
  cache.begin(1, count_up(10));
  cache.publish(1);
  cache.trim(1, 0);
  CHECK(cache.write(1, {5, 6, 7}));
  cache.drop(1);
  CHECK_EQUAL(cache.begin(2, {5, 6, 7, 8}), 3U);
  CHECK_EQUAL(cache.begin(3, count_up(10)), 8U);
}

TEST("blocks: clear forgets contents, sequences and copies") {
  Cache cache(4);
  cache.serve(1, count_up(8));
  cache.admit(2, joined(count_up(7), {9}));
  CHECK_EQUAL(cache.copies(), 1U);
  cache.clear();
  CHECK_EQUAL(cache.copies(), 0U);
  CHECK_EQUAL(cache.serve(3, count_up(8)), 0U);
}

TEST("blocks: memory that was touched is used before memory that was not") {
  Cache cache(100);
  Block highest = 0;
  for (SequenceId id = 1; id <= 50; ++id) {
    CHECK(cache.admit(id, count_up(8, static_cast<Token>(100 * id))).has_value());
    for (const Block block : cache.table(id)) highest = std::max(highest, block);
    cache.drop(id);  // nothing computed: nothing to cache
  }
  CHECK_EQUAL(highest, 1);
}

TEST("blocks: counts tell used from cached from free") {
  Cache cache(10);
  CHECK_EQUAL(cache.use().blocks, 10U);
  CHECK_EQUAL(cache.use().block_tokens, kRows);
  cache.begin(1, count_up(9));
  cache.fork(1, 2);
  CHECK_EQUAL(cache.use().used, 3U);
  CHECK_EQUAL(cache.use().cached, 0U);
  cache.drop(1);
  CHECK_EQUAL(cache.use().used, 3U);
  cache.drop(2);
  CHECK_EQUAL(cache.use().used, 0U);
  CHECK_EQUAL(cache.use().cached, 3U);
  CHECK_EQUAL(cache.use().evictions, 0U);
}
