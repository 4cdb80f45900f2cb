import { type CacheBench, load, long, payloadOf, writeOf } from './cache-bench.ts';
import { expectEqual, expectThat, pause, until } from './expect.ts';
import type { CheckOf } from './suite.ts';

/** Changes: what a transaction that commits does to tags, and to the values under them. */
export const cacheLockChecks: readonly CheckOf<CacheBench>[] = [
  {
    name: 'gives tags new stamps and locks them when a transaction begins to commit',
    async run({ store }) {
      const before = (await store.read('a', ['a', 'b'])).tags;
      await load(store, 'a', ['a', 'b'], 'old');
      const { stamps } = await store.prepare('transaction1', ['b', 'a'], long);
      const { stored, tags } = await store.read('a', ['a', 'b']);
      expectEqual('what is stored under changed tags', stored, undefined);
      expectEqual(
        '"isLocked"',
        tags.map(({ isLocked }) => isLocked),
        [true, true],
      );
      expectEqual('the number of stamps', stamps.length, 2);
      expectEqual('the stamps, in the order of the tags', [tags[1]?.stamp, tags[0]?.stamp], [...stamps]);
      expectThat(
        'the stamps are new',
        tags.every(({ stamp }, index) => stamp !== before[index]?.stamp),
      );
    },
  },
  {
    name: 'unlocks tags when the transaction is released, and brings nothing of before back',
    async run({ store }) {
      await load(store, 'a', ['a'], 'old');
      const { stamps } = await store.prepare('transaction1', ['a'], long);
      await store.release('transaction1', ['a']);
      const { stored, tags } = await store.read('a', ['a']);
      expectEqual('what is stored', stored, undefined);
      expectEqual('the state of the tag', tags, [{ stamp: stamps[0], isLocked: false }]);
      await load(store, 'a', ['a'], 'new');
      expectEqual('the payload of a new value', await payloadOf(store, 'a', ['a']), 'new');
    },
  },
  {
    name: 'shows a value that the transaction itself stored only after its release',
    async run({ store }) {
      await store.read('a', ['a']);
      const { stamps, epoch } = await store.prepare('transaction1', ['a'], long);
      await store.write({ key: 'a', stamps, payload: 'own', ttl: long, ...(epoch === undefined ? {} : { epoch }) });
      expectEqual('the payload before the release', await payloadOf(store, 'a', ['a']), undefined);
      await store.release('transaction1', ['a']);
      expectEqual('the payload after the release', await payloadOf(store, 'a', ['a']), 'own');
    },
  },
  {
    name: 'shows no value under a locked tag, also if it was written during the lock',
    async run({ store }) {
      await store.prepare('transaction1', ['all'], long);
      const write = await writeOf(store, 'a', ['a', 'all'], 'loaded during the commit');
      await store.write(write);
      expectEqual('the payload', await payloadOf(store, 'a', ['a', 'all']), undefined);
      await store.release('transaction1', ['all']);
    },
  },
  {
    name: 'keeps a tag locked until every transaction is released that has locked it',
    async run({ store }) {
      await store.prepare('transaction1', ['a'], long);
      await store.prepare('transaction2', ['a'], long);
      await store.release('transaction1', ['a']);
      expectEqual('"isLocked" after the first release', (await store.read('a', ['a'])).tags[0]?.isLocked, true);
      await store.release('transaction2', ['a']);
      expectEqual('"isLocked" after the second', (await store.read('a', ['a'])).tags[0]?.isLocked, false);
    },
  },
  {
    name: 'changes no tag but those that it is told',
    async run({ store }) {
      await load(store, 'b', ['b'], 'value');
      await store.prepare('transaction1', ['a'], long);
      expectEqual('the payload under another tag', await payloadOf(store, 'b', ['b']), 'value');
      await store.release('transaction1', ['a']);
      expectEqual('the payload afterwards', await payloadOf(store, 'b', ['b']), 'value');
    },
  },
  {
    name: 'ends a lock after its time, and kills what was stored since when its transaction is released later',
    async run({ store }) {
      await store.prepare('transaction1', ['a'], 300);
      expectEqual('"isLocked" at first', (await store.read('a', ['a'])).tags[0]?.isLocked, true);
      await until(async () => (await store.read('a', ['a'])).tags[0]?.isLocked === false);
      await load(store, 'a', ['a'], 'loaded too early');
      await store.release('transaction1', ['a']);
      expectEqual('the payload after the late release', await payloadOf(store, 'a', ['a']), undefined);
    },
  },
  {
    name: 'is unlocked for what this process reads after a release that was not awaited',
    async run({ store }) {
      await store.prepare('transaction1', ['a'], long);
      const releasing = store.release('transaction1', ['a']);
      expectEqual('"isLocked"', (await store.read('a', ['a'])).tags[0]?.isLocked, false);
      await releasing;
    },
  },
  {
    name: 'tells the listeners of its feed, if it has one, which tags have changed',
    async run({ store }) {
      if (store.feed === undefined) return;
      const told: string[] = [];
      store.feed.listen({ changed: (tags) => void told.push(...tags), lost() {}, takeUse: () => true }, 50);
      store.feed.prove();
      await until(() => (store.feed?.provenAt ?? 0) > 0);
      await store.prepare('transaction1', ['a', 'b'], long);
      await until(() => told.includes('a') && told.includes('b'));
      await store.release('transaction1', ['a', 'b']);
      await pause(20);
      expectEqual('the tags that were told', [...new Set(told)].toSorted(), ['a', 'b']);
    },
  },
];
