import type { ChangeFeed } from '../../cache/index.ts';
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
      const told = await listenTo(store.feed);
      await store.prepare('transaction1', ['a', 'b'], long);
      expectEqual('the tags that were told when "prepare" has resolved', [...told].toSorted(), ['a', 'b']);
      await store.release('transaction1', ['a', 'b']);
      await pause(20);
      expectEqual('the tags that were told', [...told].toSorted(), ['a', 'b']);
    },
  },
  {
    name: 'tells the listeners of its feed, if it has one, which tags other processes have changed',
    needs: 'share',
    async run(bench) {
      const { store } = bench;
      const other = await bench.share();
      if (store.feed === undefined || other.feed === undefined) return;
      const [here, there] = [await listenTo(store.feed), await listenTo(other.feed)];
      const isTold = (tag: string): boolean => here.has(tag) && there.has(tag);
      for (const [tag, changing] of [
        ['a', store],
        ['b', other],
      ] as const) {
        await changing.prepare(`transaction-${tag}`, [tag], 300);
        await until(() => isTold(tag));
        await until(async () => (await store.read(tag, [tag])).tags[0]?.isLocked === false);
        for (const seen of [here, there]) seen.clear();
        // The lock has ended by itself, so the tag gets another stamp.
        await changing.release(`transaction-${tag}`, [tag]);
        await until(() => isTold(tag));
      }
    },
  },
  {
    name: 'proves no more than it knows of other processes, and again while it is used',
    needs: 'share',
    async run(bench) {
      const { feed } = await bench.share();
      if (feed === undefined) return;
      await listenTo(feed);
      const { provenAt } = feed;
      expectThat(`"provenAt" is not later than now; it is ${provenAt}`, provenAt <= performance.now());
      await until(() => feed.provenAt > provenAt);
    },
  },
];

/** @returns the tags that the feed tells, from now on */
async function listenTo(feed: ChangeFeed): Promise<Set<string>> {
  const told = new Set<string>();
  const changed = (tags: readonly string[]): void => {
    for (const tag of tags) told.add(tag);
  };
  feed.listen({ changed, lost() {}, takeUse: () => true }, 50);
  feed.prove();
  await until(() => feed.provenAt > 0);
  return told;
}
