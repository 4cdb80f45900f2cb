import { type CacheBench, load, long, payloadOf, writeOf } from './cache-bench.ts';
import { expectEqual, expectThat, until } from './expect.ts';
import type { CheckOf } from './suite.ts';

/** Values: what is found, for how long, and under which stamps. */
export const cacheValueChecks: readonly CheckOf<CacheBench>[] = [
  {
    name: 'finds nothing for an unknown key, and gives the state of each tag',
    async run({ store }) {
      const { stored, tags } = await store.read('product:1', ['product:1', 'products']);
      expectEqual('what is stored', stored, undefined);
      expectEqual('the number of tags', tags.length, 2);
      for (const { stamp, isLocked } of tags) {
        expectThat('a stamp is text that is not empty', typeof stamp === 'string' && stamp !== '');
        expectEqual('"isLocked"', isLocked, false);
      }
    },
  },
  {
    name: 'keeps the stamps of tags that do not change, each in the place of its tag',
    async run({ store }) {
      const states = await store.read('a', ['one', 'other']);
      const locked = await store.prepare('transaction1', ['one'], long);
      await store.release('transaction1', ['one']);
      const later = await store.read('b', ['other', 'one']);
      expectEqual('the stamp of the tag that did not change', later.tags[0]?.stamp, states.tags[1]?.stamp);
      expectEqual('the stamp of the tag that changed', later.tags[1]?.stamp, locked.stamps[0]);
    },
  },
  {
    name: 'gives back what was written under the present stamps',
    async run({ store }) {
      await load(store, 'product:1', ['product:1', 'products'], '{"stock":5}');
      expectEqual('the payload', await payloadOf(store, 'product:1', ['product:1', 'products']), '{"stock":5}');
      expectEqual(
        'the payload of another key',
        await payloadOf(store, 'product:2', ['product:2', 'products']),
        undefined,
      );
      await load(store, 'product:1', ['product:1', 'products'], '{"stock":4}');
      expectEqual(
        'the payload of a second write',
        await payloadOf(store, 'product:1', ['product:1', 'products']),
        '{"stock":4}',
      );
    },
  },
  {
    name: 'keeps keys and payloads as they are',
    async run({ store }) {
      const texts = ['', ' ', 'a b', 'a\nb', 'a:b', '{"a":"ü€😀"}', '0', 'null', '*', '\\u0000'];
      for (const text of texts) await load(store, `key ${text}`, [`tag ${text}`], text);
      for (const text of texts)
        expectEqual('the payload', await payloadOf(store, `key ${text}`, [`tag ${text}`]), text);
    },
  },
  {
    name: 'finds a value as soon as it was written, although the write was not awaited',
    async run({ store }) {
      const write = await writeOf(store, 'a', ['a'], 'value');
      const writing = store.write(write);
      expectEqual('the payload', await payloadOf(store, 'a', ['a']), 'value');
      await writing;
    },
  },
  {
    name: 'says how long a value may still be used, if it is asked',
    async run({ store }) {
      await load(store, 'a', ['a'], 'value', 10_000);
      const { stored } = await store.read('a', ['a'], true);
      const remaining = stored?.remaining ?? Number.NaN;
      expectThat(`"remaining" is between 1 and 10,000 ms; it is ${remaining}`, remaining > 0 && remaining <= 10_000);
    },
  },
  {
    name: 'forgets a value after its time',
    async run({ store }) {
      await load(store, 'a', ['a'], 'value', 300);
      expectEqual('the payload before', await payloadOf(store, 'a', ['a']), 'value');
      await until(async () => (await payloadOf(store, 'a', ['a'])) === undefined);
    },
  },
  {
    name: 'never finds a value that was written under a stamp of before',
    async run({ store }) {
      const late = await writeOf(store, 'a', ['a', 'all'], 'loaded before the change');
      await store.prepare('transaction1', ['all'], long);
      await store.release('transaction1', ['all']);
      await store.write(late);
      expectEqual('the payload', await payloadOf(store, 'a', ['a', 'all']), undefined);
    },
  },
  {
    name: 'shares values and changes with other processes',
    needs: 'share',
    async run(bench) {
      const { store } = bench;
      const other = await bench.share();
      await load(store, 'a', ['a'], 'value');
      expectEqual('the payload in the other process', await payloadOf(other, 'a', ['a']), 'value');
      await other.prepare('transaction1', ['a'], long);
      expectEqual('"isLocked" in the first process', (await store.read('a', ['a'])).tags[0]?.isLocked, true);
      expectEqual('the payload in the first process', await payloadOf(store, 'a', ['a']), undefined);
      await other.release('transaction1', ['a']);
      expectEqual('"isShared"', store.isShared, true);
    },
  },
  {
    name: 'finds by "find", if it has it, what it finds by "read"',
    async run({ store }) {
      if (store.find === undefined) return;
      expectEqual('the answer for an unknown key', await store.find('a', ['a']), 'missing');
      await load(store, 'a', ['a'], 'value');
      const found = await store.find('a', ['a']);
      expectEqual('the payload', typeof found === 'object' ? found.payload : found, 'value');
      await store.prepare('transaction1', ['a'], long);
      expectEqual('the answer for a locked tag', await store.find('a', ['a']), 'locked');
    },
  },
  {
    name: 'sees by "look", if it has it, what it finds by "read"',
    async run({ store }) {
      if (store.look === undefined) return;
      const unknown = await store.look('a', ['a', 'b']);
      expectEqual('what is stored', unknown.stored, undefined);
      expectEqual('"isLocked" of an unknown tag', unknown.tags[0]?.isLocked, false);
      await load(store, 'a', ['a', 'b'], 'value');
      const [read, seen] = [await store.read('a', ['a', 'b']), await store.look('a', ['a', 'b'])];
      expectEqual('the payload', seen.stored?.payload, 'value');
      expectEqual('the stamp', seen.tags[1]?.stamp, read.tags[1]?.stamp);
      expectThat('a tag that has a stamp now had another one', seen.tags[0]?.stamp !== unknown.tags[0]?.stamp);
      await store.prepare('transaction1', ['a'], long);
      const locked = await store.look('a', ['a', 'b']);
      expectEqual('the payload while a tag is locked', locked.stored, undefined);
      expectEqual('"isLocked" of a locked tag', locked.tags[0]?.isLocked, true);
    },
  },
  {
    name: 'gives the right to load a key, if it has "lease", to one at a time',
    async run({ store }) {
      if (store.lease === undefined) return;
      const release = await store.lease('a', long);
      expectThat('the first gets it', release !== undefined);
      expectEqual('what the second gets', await store.lease('a', long), undefined);
      expectThat('another key is free', (await store.lease('b', long)) !== undefined);
      await release?.();
      const next = await store.lease('a', 300);
      expectThat('it is free after it was given back', next !== undefined);
      await until(async () => (await store.lease?.('a', long)) !== undefined);
    },
  },
];
